/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The @tls selects. */
#ifndef SER_SCRIPT_SELECTS_H
#define SER_SCRIPT_SELECTS_H

/*
 * Registers the @tls selects with the script's parser; call it at loadmodule. docs/selects.md lists them.
 * Returns 0, or -1 if memory is short.
 */
int selects_register(void);

/*
 * 1 if some script asks for verified chains, so that snapshots must keep them. The parser finds that out,
 * usually before any engine runs; if it does so later, it applies to connections made after that, in all
 * processes.
 */
int selects_want_chain(void);

#endif
