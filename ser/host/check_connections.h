/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A part of check.h: whether the core makes connections, and finds them, as layout.h says. */
#ifndef SER_HOST_CHECK_CONNECTIONS_H
#define SER_HOST_CHECK_CONNECTIONS_H

/*
 * Says what differs, or NULL; check_no_memory if shared memory is used up. The core must have a TLS listener
 * and no other process.
 */
const char *check_connections(void);

extern const char check_no_memory[];

#endif
