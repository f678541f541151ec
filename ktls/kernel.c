/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/kernel.h"

#include "ktls/sys.h"

#include <assert.h>
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

static_assert(sizeof(struct tls12_crypto_info_aes_gcm_128) == 40, "layout of the kernel's AES-128-GCM keys");
static_assert(sizeof(struct tls12_crypto_info_aes_gcm_256) == 56, "layout of the kernel's AES-256-GCM keys");
static_assert(
	sizeof(struct tls12_crypto_info_chacha20_poly1305) == 56, "layout of the kernel's ChaCha20 keys");
static_assert(
	TLS_CIPHER_AES_GCM_128_SALT_SIZE + TLS_CIPHER_AES_GCM_128_IV_SIZE == KTLS_IV_LEN, "salt and IV");

union crypto_info {
	struct tls_crypto_info head;
	struct tls12_crypto_info_aes_gcm_128 gcm128;
	struct tls12_crypto_info_aes_gcm_256 gcm256;
	struct tls12_crypto_info_chacha20_poly1305 chacha;
};

/* The kernel takes salt and IV apart; for TLS 1.2 AES-GCM its IV is the next record's explicit nonce. */
static void split_iv(const struct ktls_key *k, unsigned char *salt, unsigned char *iv)
{
	memcpy(salt, k->iv, 4);
	if (ktls_key_has_explicit_nonce(k))
		ktls_key_explicit_nonce(k, iv);
	else
		memcpy(iv, k->iv + 4, 8);
}

static socklen_t fill_crypto_info(const struct ktls_key *k, union crypto_info *ci)
{
	memset(ci, 0, sizeof(*ci));
	ci->head.version = k->version == TLS1_3_VERSION ? TLS_1_3_VERSION : TLS_1_2_VERSION;
	switch ((enum ktls_aead)k->aead) {
	case KTLS_AES_128_GCM:
		ci->head.cipher_type = TLS_CIPHER_AES_GCM_128;
		memcpy(ci->gcm128.key, k->key, sizeof(ci->gcm128.key));
		split_iv(k, ci->gcm128.salt, ci->gcm128.iv);
		ktls_put_be64(ci->gcm128.rec_seq, k->seq);
		return sizeof(ci->gcm128);
	case KTLS_AES_256_GCM:
		ci->head.cipher_type = TLS_CIPHER_AES_GCM_256;
		memcpy(ci->gcm256.key, k->key, sizeof(ci->gcm256.key));
		split_iv(k, ci->gcm256.salt, ci->gcm256.iv);
		ktls_put_be64(ci->gcm256.rec_seq, k->seq);
		return sizeof(ci->gcm256);
	case KTLS_CHACHA20_POLY1305:
		ci->head.cipher_type = TLS_CIPHER_CHACHA20_POLY1305;
		memcpy(ci->chacha.key, k->key, sizeof(ci->chacha.key));
		memcpy(ci->chacha.iv, k->iv, sizeof(ci->chacha.iv));
		ktls_put_be64(ci->chacha.rec_seq, k->seq);
		return sizeof(ci->chacha);
	case KTLS_AEADS:
		break;
	}
	return 0;
}

static int install_direction(int fd, int direction, const struct ktls_key *k)
{
	union crypto_info ci;
	socklen_t len = fill_crypto_info(k, &ci);
	int rc = ktls_sys.setsockopt(fd, SOL_TLS, direction, &ci, len) ? -errno : 0;

	OPENSSL_cleanse(&ci, sizeof(ci));
	return rc;
}

static int attach_ulp(int fd)
{
	return ktls_sys.setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) ? -errno : 0;
}

int ktls_kernel_install(int fd, const struct ktls_key *tx, const struct ktls_key *rx)
{
	int rc = attach_ulp(fd);

	if (!rc)
		rc = install_direction(fd, TLS_TX, tx);
	if (rc)
		return rc;
	return install_direction(fd, TLS_RX, rx) ? 1 : 0;
}

/* A connected pair of TCP sockets on loopback: fds[0] is the one to try things on. */
static int loopback_pair(int fds[2])
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	fds[0] = fds[1] = -1;
	if (listener < 0)
		return -errno;
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fds[0] < 0 || bind(listener, (struct sockaddr *)&addr, len) || listen(listener, 1) ||
		getsockname(listener, (struct sockaddr *)&addr, &len) ||
		connect(fds[0], (struct sockaddr *)&addr, len) ||
		(fds[1] = accept(listener, NULL, NULL)) < 0) {
		rc = -errno;
		if (fds[0] >= 0)
			close(fds[0]);
		close(listener);
		return rc;
	}
	close(listener);
	return 0;
}

static int try_suite(uint16_t version, enum ktls_aead aead)
{
	struct ktls_key k = {.version = version, .aead = aead};
	int fds[2];
	int rc = loopback_pair(fds);

	if (rc)
		return rc;
	rc = attach_ulp(fds[0]);
	if (!rc)
		rc = install_direction(fds[0], TLS_TX, &k);
	if (!rc)
		rc = install_direction(fds[0], TLS_RX, &k);
	close(fds[0]);
	close(fds[1]);
	return rc;
}

int ktls_kernel_probe(struct ktls_kernel_caps *caps)
{
	int fds[2];
	int rc = loopback_pair(fds);

	caps->ulp_error = rc;
	if (!rc) {
		caps->ulp_error = attach_ulp(fds[0]);
		close(fds[0]);
		close(fds[1]);
	}
	for (int i = 0; i < KTLS_AEADS; i++) {
		caps->tls12_error[i] = caps->ulp_error ? caps->ulp_error : try_suite(TLS1_2_VERSION, i);
		caps->tls13_error[i] = caps->ulp_error ? caps->ulp_error : try_suite(TLS1_3_VERSION, i);
	}
	return rc;
}

int ktls_kernel_supports(const struct ktls_kernel_caps *caps, uint16_t version, enum ktls_aead aead)
{
	return version == TLS1_3_VERSION ? caps->tls13_error[aead] : caps->tls12_error[aead];
}

/* A record that fails leaves its error on the socket, where it would fail the alert that is owed for it. */
static int take_error(int fd, int error)
{
	int pending;
	socklen_t len = sizeof(pending);

	if (error == EBADMSG || error == EMSGSIZE || error == EINVAL)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &len);
	return -error;
}

ssize_t ktls_kernel_recv(int fd, void *buf, size_t len, enum ktls_content_type *type)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(unsigned char))];
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c;
	ssize_t n = ktls_sys.recvmsg(fd, &msg, MSG_DONTWAIT);

	if (n < 0)
		return take_error(fd, errno);
	*type = KTLS_APPLICATION_DATA;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_level != SOL_TLS || c->cmsg_type != TLS_GET_RECORD_TYPE)
		return n;
	*type = *CMSG_DATA(c);
	/* A record without content, in front of one of another type. The end of the stream has no type. */
	return n == 0 && *type == KTLS_APPLICATION_DATA ? -EINTR : n;
}

static int set_low_water(int fd, int bytes)
{
	return ktls_sys.setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

int ktls_kernel_quiet(int fd)
{
	int queued = 0;

	if (ioctl(fd, FIONREAD, &queued) || queued <= 0)
		return 0;
	return !set_low_water(fd, queued + 1);
}

void ktls_kernel_rearm(int fd)
{
	set_low_water(fd, 1);
}

int ktls_kernel_send_control(int fd, enum ktls_content_type type, const void *buf, size_t len)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(unsigned char))];
	} control = {.bytes = {0}};
	struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	c->cmsg_level = SOL_TLS;
	c->cmsg_type = TLS_SET_RECORD_TYPE;
	c->cmsg_len = CMSG_LEN(sizeof(unsigned char));
	*CMSG_DATA(c) = (unsigned char)type;
	n = ktls_sys.sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EAGAIN;
}
