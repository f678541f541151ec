/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Home one of record keys: the kernel (Documentation/networking/tls.rst).
 *
 * Rules that this file keeps: both directions or none; the sending side first, because a socket whose
 * receiving side alone is in the kernel has no way back; every read has room for a control message, because a
 * plain recv() fails with EIO on anything but application data.
 */
#ifndef KTLS_KERNEL_H
#define KTLS_KERNEL_H

#include "ktls/key.h"
#include "ktls/record.h"

#include <sys/socket.h>

#pragma GCC visibility push(default)

/* What this kernel takes, found out by trying on loopback connections: 0, or the negative errno it answered
 * with. -EBADMSG: it takes the key, but what it makes of it is not TLS. */
struct ktls_kernel_suite {
	int tx, rx;
};

struct ktls_kernel_caps {
	int ulp; /* of TCP_ULP "tls" */
	struct ktls_kernel_suite tls12[KTLS_AEADS], tls13[KTLS_AEADS];
	int rekey; /* of a new key for a live TLS 1.3 connection (Linux 6.14) */
};

/*
 * Fills *caps. Opens and closes loopback TCP connections of its own and may make the kernel load its tls
 * module (that needs CAP_NET_ADMIN: call it before dropping rights). Returns 0, or a negative errno when no
 * loopback connection could be made; *caps then says so everywhere.
 */
int ktls_kernel_probe(struct ktls_kernel_caps *caps);

/* 0 when the kernel takes both directions of that version and AEAD, else the negative errno it answered with.
 */
int ktls_kernel_supports(const struct ktls_kernel_caps *caps, uint16_t version, enum ktls_aead aead);

/*
 * Moves both directions of the connected TCP socket fd into the kernel. The keys' sequence numbers are those
 * of the next records; data already queued on the socket is decrypted, nobody may be reading from it
 * meanwhile. Returns 0. Returns a negative errno when the kernel refused and the socket is as it was, usable
 * for records made in user space. Returns 1 when it refused after the point of no return (sending is in the
 * kernel, receiving is not): nothing can be done with the socket but close it.
 */
int ktls_kernel_install(int fd, const struct ktls_key *tx, const struct ktls_key *rx);

/*
 * Replaces the key of one direction of a TLS 1.3 socket in the kernel's home, after a KeyUpdate was sent or
 * read. Returns 0, or the negative errno (-EBUSY where the kernel cannot do that): the connection is lost
 * then.
 */
int ktls_kernel_rekey_tx(int fd, const struct ktls_key *tx);
int ktls_kernel_rekey_rx(int fd, const struct ktls_key *rx);

/*
 * The number of the next record that the kernel will read from fd, whose receiving side has the key rx (its
 * bytes are not needed). Returns 0 or a negative errno: Linux 5.10 does not tell it of AES-CCM.
 */
int ktls_kernel_next_number(int fd, const struct ktls_key *rx, uint64_t *number);

/*
 * Reads, without waiting, content of one type. Returns the number of bytes and sets *type; 0 at the end of
 * the TCP stream (whether it was cut off only a close_notify seen before can tell); a negative errno:
 * -EAGAIN, -EINTR (read again), -EBADMSG for a forged or damaged record (the kernel sends no alert: the
 * caller owes bad_record_mac), -EMSGSIZE or -EINVAL for a record of wrong form, or what recvmsg() gave.
 * Records of application data without content are never handed out. -EAGAIN with their type says that some
 * were read and nothing else is there, -EINTR that a record of another type follows; else *type is
 * KTLS_NO_RECORD then.
 */
ssize_t ktls_kernel_recv(int fd, void *buf, size_t len, enum ktls_content_type *type);

/*
 * The same for a recvmsg() that the caller did, with room for one control message, zeroed before: result is
 * what it returned, or its negative errno.
 */
ssize_t ktls_kernel_received(int fd, struct msghdr *msg, ssize_t result, enum ktls_content_type *type);

/*
 * Since Linux 6.0 (seen on 6.1) a socket with a part of a record polls readable although ktls_kernel_recv()
 * says -EAGAIN: whoever polls level-triggered would spin for as long as the peer likes. After -EAGAIN this
 * raises the socket's low-water mark (SO_RCVLOWAT) over what is there, so that only more bytes wake the
 * reader. Returns 1 when it did; then ktls_kernel_rearm() must follow once content was read.
 */
int ktls_kernel_quiet(int fd);

/* Puts the low-water mark back. */
void ktls_kernel_rearm(int fd);

/* Sends, without waiting, one control record. Returns 0 or a negative errno. */
int ktls_kernel_send_control(int fd, enum ktls_content_type type, const void *buf, size_t len);

#pragma GCC visibility pop

#endif
