/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an operator can do where the machine, or another process of SER, refuses something. */
#ifndef SER_SHARED_SHORTAGE_H
#define SER_SHARED_SHORTAGE_H

/*
 * A phrase for a negative errno: what is short or forbidden, and what to do; or that the other process is
 * gone. Valid until the next call.
 */
const char *shortage_text(int error);

#endif
