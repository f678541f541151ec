/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a network card encrypts and decrypts the records of a connection (TLS offload in hardware).
 *
 * Linux tries that by itself when keys are installed, and nothing that is installed tells how it went. But
 * the kernel counts such connections in /proc/net/tls_stat, and can be asked about one (sock_diag(7)).
 */
#ifndef KTLS_NIC_H
#define KTLS_NIC_H

#include <stddef.h>
#include <stdint.h>

/* Directions. */
enum ktls_nic {
	KTLS_NIC_TX = 1 << 0, /* a card encrypts what we send */
	KTLS_NIC_RX = 1 << 1, /* a card decrypts what we receive */
};

/* 1 if text, from /proc/net/tls_stat, has counted a direction of any connection, now or before. */
int ktls_nic_was_used(const char *text);

/* The descriptor of a socket for questions, or a negative errno. */
int ktls_nic_open(void);

/*
 * Asks about a TCP socket with keys in the kernel. Returns the directions that a card works on (enum
 * ktls_nic), or a negative errno: -ENOENT if the connection is over, -ENODATA if the kernel answers, but does
 * not say that to this process, -EPROTONOSUPPORT if it cannot be asked about TCP.
 */
int ktls_nic_ask(int questions, int fd);

/*
 * What ktls_nic_ask() makes of an answer about the socket with that cookie (SO_COOKIE). Returns as above, or
 * -ESTALE if it answers another question, -EBADMSG if it is no answer.
 */
int ktls_nic_read(const void *answer, size_t len, uint64_t cookie);

#endif
