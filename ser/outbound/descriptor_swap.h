/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts a socket where a connection of the core has its placeholder, in tcp_main and in the reader that holds
 * the connection. While a reader holds one, tcp_main waits for nothing on its descriptor.
 */
#ifndef SER_OUTBOUND_DESCRIPTOR_SWAP_H
#define SER_OUTBOUND_DESCRIPTOR_SWAP_H

#include "ser/host/layout.h"

/* Once, before the first fork. Returns 0 or a negative errno. */
int descriptor_swap_prepare(void);

/* In tcp_main, before its loop. */
void descriptor_swap_serve(void);

/*
 * In the reader, which must not yet wait for the connection's descriptor. Takes fd over in any case. Returns
 * 0; -ESTALE when tcp_main has another descriptor there by now; -ETIMEDOUT when it does not answer; another
 * negative errno.
 */
int descriptor_swap(struct host_tcp_connection *c, int fd);

#endif
