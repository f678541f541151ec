/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/kernel.h"

#include "ktls/sys.h"

#include <assert.h>
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TLS_TX_MAX_PAYLOAD_LEN /* not in Debian 12's headers */
#define TLS_TX_MAX_PAYLOAD_LEN 5
#endif

static_assert(sizeof(struct tls12_crypto_info_aes_gcm_128) == 40, "layout of the kernel's AES-128-GCM keys");
static_assert(sizeof(struct tls12_crypto_info_aes_gcm_256) == 56, "layout of the kernel's AES-256-GCM keys");
static_assert(
	sizeof(struct tls12_crypto_info_chacha20_poly1305) == 56, "layout of the kernel's ChaCha20 keys");
static_assert(
	TLS_CIPHER_AES_GCM_128_SALT_SIZE + TLS_CIPHER_AES_GCM_128_IV_SIZE == KTLS_IV_LEN, "salt and IV");

#define NUMBER_IS_LAST(type)                                                                                 \
	static_assert(offsetof(struct type, rec_seq) == sizeof(struct type) - 8,                             \
		"a record's number behind its key")
NUMBER_IS_LAST(tls12_crypto_info_aes_gcm_128);
NUMBER_IS_LAST(tls12_crypto_info_aes_gcm_256);
NUMBER_IS_LAST(tls12_crypto_info_aes_ccm_128);
NUMBER_IS_LAST(tls12_crypto_info_chacha20_poly1305);

enum {
	PROBE_PATIENCE_MS = 1000,
	ENOTSUPP = 524,       /* the kernel's own, which its TLS code lets through */
	PROBE_FRAGMENT = 512, /* the least that can be negotiated */
};

union crypto_info {
	struct tls_crypto_info head;
	struct tls12_crypto_info_aes_gcm_128 gcm128;
	struct tls12_crypto_info_aes_gcm_256 gcm256;
	struct tls12_crypto_info_aes_ccm_128 ccm128;
	struct tls12_crypto_info_chacha20_poly1305 chacha;
};

/* The kernel takes salt and IV separately. For TLS 1.2 AES-GCM its IV is the next record's explicit nonce. */
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
	case KTLS_AES_128_CCM:
		ci->head.cipher_type = TLS_CIPHER_AES_CCM_128;
		memcpy(ci->ccm128.key, k->key, sizeof(ci->ccm128.key));
		split_iv(k, ci->ccm128.salt, ci->ccm128.iv);
		ktls_put_be64(ci->ccm128.rec_seq, k->seq);
		return sizeof(ci->ccm128);
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

static int limit_fragments(int fd, uint16_t max_fragment)
{
	return ktls_sys.setsockopt(fd, SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &max_fragment, sizeof(max_fragment))
		       ? -errno
		       : 0;
}

int ktls_kernel_install(int fd, const struct ktls_key *tx, const struct ktls_key *rx, uint16_t max_fragment)
{
	int rc = attach_ulp(fd);

	if (!rc)
		rc = install_direction(fd, TLS_TX, tx);
	if (rc)
		return rc;
	if (max_fragment && limit_fragments(fd, max_fragment))
		return 1;
	return install_direction(fd, TLS_RX, rx) ? 1 : 0;
}

/* Makes a connected pair of TCP sockets on loopback; fds[0] is the one to try things on. */
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

int ktls_kernel_rekey_tx(int fd, const struct ktls_key *tx)
{
	return install_direction(fd, TLS_TX, tx);
}

int ktls_kernel_rekey_rx(int fd, const struct ktls_key *rx)
{
	return install_direction(fd, TLS_RX, rx);
}

int ktls_kernel_next_number(int fd, const struct ktls_key *rx, uint64_t *number)
{
	union crypto_info ci;
	socklen_t len = fill_crypto_info(rx, &ci);
	int rc = ktls_sys.getsockopt(fd, SOL_TLS, TLS_RX, &ci, &len) ? -errno : 0;

	if (!rc)
		*number = ktls_get_be64((const uint8_t *)&ci + len - sizeof(*number));
	OPENSSL_cleanse(&ci, sizeof(ci)); /* the kernel also returns the key */
	return rc;
}

/*
 * A kernel may accept a key and still make records that nobody else can read (TLS 1.3 AES-CCM before 5.10.84
 * and 5.15.7). So fds[0], which has the key, sends or reads one.
 */
static int try_record(int direction, const int fds[2], const struct ktls_key *key)
{
	static const char text[] = "probe";
	uint8_t ours[sizeof(text) + KTLS_MAX_EXPANSION], theirs[sizeof(ours)];
	struct ktls_key k = *key;
	ssize_t len = ktls_record_seal(&k, KTLS_APPLICATION_DATA, text, sizeof(text), ours, sizeof(ours)), n;
	struct pollfd pfd = {.fd = fds[direction == TLS_TX], .events = POLLIN};
	enum ktls_content_type type;

	if (len < 0)
		return (int)len;
	if (direction == TLS_TX)
		n = send(fds[0], text, sizeof(text), MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		n = send(fds[1], ours, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	if (poll(&pfd, 1, PROBE_PATIENCE_MS) != 1)
		return -ETIMEDOUT;
	if (direction == TLS_TX) {
		n = recv(fds[1], theirs, sizeof(theirs), MSG_DONTWAIT);
		return n == len && !memcmp(theirs, ours, (size_t)len) ? 0 : -EBADMSG;
	}
	n = ktls_kernel_recv(fds[0], theirs, sizeof(theirs), &type);
	if (n < 0)
		return (int)n;
	return n == sizeof(text) && !memcmp(theirs, text, sizeof(text)) ? 0 : -EBADMSG;
}

static int try_send(const int fds[2], const struct ktls_key *k)
{
	return try_record(TLS_TX, fds, k);
}

static int try_receive(const int fds[2], const struct ktls_key *k)
{
	return try_record(TLS_RX, fds, k);
}

static int try_another_key(const int fds[2], const struct ktls_key *k)
{
	return install_direction(fds[0], TLS_TX, k);
}

/* Tries something on a connection of its own, so that one refusal does not hide another's answer. */
static int try_with(
	int direction, const struct ktls_key *k, int (*attempt)(const int fds[2], const struct ktls_key *k))
{
	int fds[2];
	int rc = loopback_pair(fds);

	if (rc)
		return rc;
	rc = attach_ulp(fds[0]);
	if (!rc)
		rc = install_direction(fds[0], direction, k);
	if (!rc)
		rc = attempt(fds, k);
	close(fds[0]);
	close(fds[1]);
	return rc;
}

static struct ktls_key probe_key(uint16_t version, enum ktls_aead aead)
{
	struct ktls_key k = {.version = version, .aead = (uint8_t)aead, .seq = UINT64_C(0x0102030405060708)};

	/* All bytes differ, because with zeros one in the wrong place would go unnoticed. */
	for (unsigned i = 0; i < sizeof(k.key); i++)
		k.key[i] = (uint8_t)(i + 1);
	for (unsigned i = 0; i < sizeof(k.iv); i++)
		k.iv[i] = (uint8_t)(0xa0 + i);
	return k;
}

/* Linux has it since 6.19. One byte more than may be in a record is sent; the first record must be that long.
 */
static int try_limit(const int fds[2], const struct ktls_key *key)
{
	static const uint8_t text[PROBE_FRAGMENT + 1];
	struct ktls_key k = *key;
	int rc = limit_fragments(fds[0], PROBE_FRAGMENT);
	uint8_t ours[PROBE_FRAGMENT + KTLS_MAX_EXPANSION + 1], theirs[sizeof(ours)];
	ssize_t len = ktls_record_seal(&k, KTLS_APPLICATION_DATA, text, PROBE_FRAGMENT, ours, sizeof(ours));
	struct pollfd pfd = {.fd = fds[1], .events = POLLIN};

	if (rc)
		return rc;
	if (len < 0)
		return (int)len;
	if (send(fds[0], text, sizeof(text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	if (poll(&pfd, 1, PROBE_PATIENCE_MS) != 1)
		return -ETIMEDOUT;
	return recv(fds[1], theirs, (size_t)len, MSG_DONTWAIT) == len && !memcmp(theirs, ours, (size_t)len)
		       ? 0
		       : -EBADMSG;
}

static struct ktls_kernel_suite try_suite(uint16_t version, enum ktls_aead aead)
{
	struct ktls_key k = probe_key(version, aead);

	return (struct ktls_kernel_suite){
		.tx = try_with(TLS_TX, &k, try_send),
		.rx = try_with(TLS_RX, &k, try_receive),
	};
}

int ktls_kernel_probe(struct ktls_kernel_caps *caps)
{
	const struct ktls_key gcm12 = probe_key(TLS1_2_VERSION, KTLS_AES_128_GCM),
			      gcm13 = probe_key(TLS1_3_VERSION, KTLS_AES_128_GCM);
	int fds[2];
	int rc = loopback_pair(fds);

	caps->ulp = rc;
	if (!rc) {
		caps->ulp = attach_ulp(fds[0]);
		close(fds[0]);
		close(fds[1]);
	}
	for (int i = 0; i < KTLS_AEADS; i++) {
		struct ktls_kernel_suite none = {caps->ulp, caps->ulp};

		caps->tls12[i] = caps->ulp ? none : try_suite(TLS1_2_VERSION, i);
		caps->tls13[i] = caps->ulp ? none : try_suite(TLS1_3_VERSION, i);
	}
	caps->rekey = caps->ulp ? caps->ulp : try_with(TLS_TX, &gcm13, try_another_key);
	caps->max_fragment = caps->ulp ? caps->ulp : try_with(TLS_TX, &gcm12, try_limit);
	if (!caps->max_fragment)
		caps->max_fragment = try_with(TLS_TX, &gcm13, try_limit);
	return rc;
}

int ktls_kernel_supports(const struct ktls_kernel_caps *caps, uint16_t version, enum ktls_aead aead)
{
	const struct ktls_kernel_suite *s =
		version == TLS1_3_VERSION ? &caps->tls13[aead] : &caps->tls12[aead];

	return s->tx ? s->tx : s->rx;
}

const char *ktls_kernel_refusal(int error)
{
	switch (-error) {
	case ENOENT:
		return "the kernel has no tls module loaded: run 'modprobe tls', or take a kernel with "
		       "CONFIG_TLS";
	case EBUSY:
		return "this kernel cannot change the keys of a connection (Linux 6.14 and later can)";
	case EINVAL:
	case ENOTSUPP:
	case EOPNOTSUPP:
		return "this kernel does not take this suite";
	case ENOPROTOOPT:
		return "this kernel cannot limit the length of records (Linux 6.19 and later can)";
	case EBADMSG:
		return "this kernel takes this suite, but makes wrong records with it";
	case EPERM:
	case EACCES:
		return "a security policy (SELinux, AppArmor, seccomp) forbids it";
	case ENOMEM:
	case ENOBUFS:
		return "the kernel's memory is used up";
	case EMFILE:
	case ENFILE:
		return "no descriptor was left to try it: raise the limit of open files (ulimit -n)";
	case ETIMEDOUT:
		return "a record that was tried on loopback did not arrive";
	case ENOTCONN:
		return "the peer had closed the connection already";
	case EADDRNOTAVAIL:
	case ENETUNREACH:
		return "it could not be tried, because there is no loopback interface with 127.0.0.1";
	default:
		return "the kernel refuses it for a reason that is not known here";
	}
}

/* A bad record leaves its error on the socket, where it would make the alert that we owe for it fail. */
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
	} control = {.bytes = {0}};
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	ssize_t n = ktls_sys.recvmsg(fd, &msg, MSG_DONTWAIT);

	return ktls_kernel_received(fd, &msg, n < 0 ? -errno : n, type);
}

ssize_t ktls_kernel_received(int fd, struct msghdr *msg, ssize_t result, enum ktls_content_type *type)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int typed = c && c->cmsg_level == SOL_TLS && c->cmsg_type == TLS_GET_RECORD_TYPE;

	/* The kernel writes the type of the first record that it reads, even if it then finds no content. */
	*type = typed ? *CMSG_DATA(c) : result < 0 ? KTLS_NO_RECORD : KTLS_APPLICATION_DATA;
	if (result < 0)
		return take_error(fd, (int)-result);
	/* A record without content, before one of another type. The end of the stream has no type. */
	return result == 0 && typed && *type == KTLS_APPLICATION_DATA ? -EINTR : result;
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
