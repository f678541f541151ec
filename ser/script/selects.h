/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The @tls selects. */
#ifndef SER_SCRIPT_SELECTS_H
#define SER_SCRIPT_SELECTS_H

/*
 * Makes the @tls selects known to the script's parser; call it at loadmodule. Returns 0, or -1 when memory is
 * short. Which selects there are: docs/selects.md.
 */
int selects_register(void);

/*
 * 1 when some script asks for verified chains: then snapshots are to keep them. The parser finds that out, as
 * a rule before any engine runs; what is parsed later counts for connections made after it, in all processes.
 */
int selects_want_chain(void);

#endif
