/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SER_HOST_CHECK_H
#define SER_HOST_CHECK_H

/*
 * Compares what ser/host/layout.h says with the running core: its version, and a connection that it makes for
 * us with known values. Call it in the main process when the listeners exist and before any process is
 * forked. Returns 0, or -1 with one log line that names what differs and which versions are known.
 */
int host_check(void);

#endif
