/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SER_SELECTS_H
#define SER_SELECTS_H

/*
 * Makes the @tls selects known to the script's parser; call it at loadmodule. Returns 0, or -1 when memory is
 * short. Which selects there are: docs/selects.md.
 */
int selects_register(void);

#endif
