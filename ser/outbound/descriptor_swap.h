/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The descriptor swap: replaces the placeholder of one of the core's connections with the socket, in tcp_main
 * and in the reader that holds the connection. While a reader holds a connection, tcp_main does not poll its
 * descriptor.
 */
#ifndef SER_OUTBOUND_DESCRIPTOR_SWAP_H
#define SER_OUTBOUND_DESCRIPTOR_SWAP_H

#include "ser/host/layout.h"

/* Call it once, before the first fork. Returns 0 or a negative errno. */
int descriptor_swap_prepare(void);

/* Call it in tcp_main, before its loop. */
void descriptor_swap_serve(void);

/*
 * Call it in the reader, which must not poll the connection's descriptor yet. Takes over fd in any case.
 * Returns 0; -ESTALE if tcp_main has another descriptor there by now; -ETIMEDOUT if it does not answer;
 * another negative errno.
 */
int descriptor_swap(struct host_tcp_connection *c, int fd);

#endif
