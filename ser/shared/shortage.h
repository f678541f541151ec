/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an operator can do where the machine refuses SER something. */
#ifndef SER_SHARED_SHORTAGE_H
#define SER_SHARED_SHORTAGE_H

/*
 * A phrase for a negative errno: what is short or forbidden, and what to do. For others it is the system's
 * text.
 */
const char *shortage_text(int error);

#endif
