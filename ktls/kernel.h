/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records in the kernel: kernel TLS (Documentation/networking/tls.rst).
 *
 * This file keeps three rules. Both directions are in the kernel or neither. The sending side goes first,
 * because there is no way back for a socket that has only its receiving side in the kernel. Every read has
 * room for a control message, because a plain recv() fails with EIO on anything but application data.
 */
#ifndef KTLS_KERNEL_H
#define KTLS_KERNEL_H

#include "ktls/key.h"
#include "ktls/record.h"

#include <sys/socket.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/*
 * What this kernel supports, found out by trying on loopback connections: 0, or the negative errno that it
 * answered with. -EBADMSG: it accepts the key, but the records it makes are not TLS.
 */
struct ktls_kernel_suite {
	int tx, rx;
};

struct ktls_kernel_caps {
	int ulp; /* of TCP_ULP "tls" */
	struct ktls_kernel_suite tls12[KTLS_AEADS], tls13[KTLS_AEADS];
	int rekey;        /* of a new key for a live TLS 1.3 connection (Linux 6.14) */
	int max_fragment; /* of a limit on the content of a record */
};

/*
 * Fills *caps. It opens and closes its own loopback TCP connections and may make the kernel load its tls
 * module (which needs CAP_NET_ADMIN, so call it before dropping rights). Returns 0, or a negative errno if no
 * loopback connection could be made; *caps then has this errno everywhere.
 */
int ktls_kernel_probe(struct ktls_kernel_caps *caps);

/*
 * 0 if the kernel supports both directions of that version and AEAD, else the negative errno that it answered
 * with.
 */
int ktls_kernel_supports(const struct ktls_kernel_caps *caps, uint16_t version, enum ktls_aead aead);

/*
 * What an error of struct ktls_kernel_caps means and what to do, as a part of a sentence without an end: a
 * static string. error is not 0.
 */
const char *ktls_kernel_refusal(int error);

/*
 * Moves both directions of the connected TCP socket fd into the kernel. The keys' sequence numbers are those
 * of the next records. Data that is already queued on the socket will be decrypted; nobody may read from it
 * meanwhile. max_fragment is that of struct ktls_session_keys; if it is not 0, the kernel must support it
 * (struct ktls_kernel_caps). Returns 0; a negative errno if the kernel refused and the socket is as it was,
 * usable for records in user space; or 1 if it refused after the point of no return (sending is in the
 * kernel, receiving is not), so that the socket can only be closed.
 */
int ktls_kernel_install(int fd, const struct ktls_key *tx, const struct ktls_key *rx, uint16_t max_fragment);

/*
 * Replaces the key of one direction of a TLS 1.3 socket whose records are in the kernel, after a KeyUpdate
 * was sent or read. Returns 0, or a negative errno (-EBUSY if the kernel cannot do that); then the connection
 * is lost.
 */
int ktls_kernel_rekey_tx(int fd, const struct ktls_key *tx);
int ktls_kernel_rekey_rx(int fd, const struct ktls_key *rx);

/*
 * Gets the number of the next record that the kernel will read from fd, whose receiving side has the key rx
 * (the key's bytes are not needed). Returns 0 or a negative errno; Linux 5.10 does not tell for AES-CCM.
 */
int ktls_kernel_next_number(int fd, const struct ktls_key *rx, uint64_t *number);

/*
 * Reads content of one type, without waiting. Returns the number of bytes and sets *type; 0 at the end of the
 * TCP stream (it was cut off unless a close_notify came before); or a negative errno: -EAGAIN; -EINTR (read
 * again); -EBADMSG for a forged or damaged record (the kernel sends no alert, so the caller owes
 * bad_record_mac); -EMSGSIZE or -EINVAL for a malformed record; or recvmsg()'s error. Application data
 * without content is never handed out. If *type says application data, -EAGAIN means that such records were
 * read and nothing else is there, and -EINTR that a record of another type follows. Otherwise *type is
 * KTLS_NO_RECORD with these errors.
 */
ssize_t ktls_kernel_recv(int fd, void *buf, size_t len, enum ktls_content_type *type);

/*
 * The same for a recvmsg() that the caller did with room for one control message, zeroed before. result is
 * what it returned, or its negative errno.
 */
ssize_t ktls_kernel_received(int fd, struct msghdr *msg, ssize_t result, enum ktls_content_type *type);

/*
 * Since Linux 6.0 (seen on 6.1) a socket with part of a record polls readable although ktls_kernel_recv()
 * returns -EAGAIN, so a level-triggered poll would spin for as long as the peer likes. After -EAGAIN this
 * raises the socket's low-water mark (SO_RCVLOWAT) above what has arrived, so that only more bytes wake the
 * reader. Returns 1 if it did so; then call ktls_kernel_rearm() once content was read.
 */
int ktls_kernel_quiet(int fd);

/* Resets the low-water mark. */
void ktls_kernel_rearm(int fd);

/* Sends one control record, without waiting. Returns 0 or a negative errno. */
int ktls_kernel_send_control(int fd, enum ktls_content_type type, const void *buf, size_t len);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
