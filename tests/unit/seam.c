/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "seam.h"

#include "ktls/sys.h"

#include <errno.h>
#include <linux/tls.h>
#include <string.h>

struct seam seam;

static int record_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	unsigned i = seam.asks++;

	assert_int_equal(fd, SEAM_FD);
	assert_true(i < COUNT(seam.asked) && len <= sizeof(seam.asked[i].value));
	seam.ask_calls[i] = seam.calls++;
	seam.asked[i].level = level;
	seam.asked[i].name = name;
	seam.asked[i].len = len;
	memcpy(seam.asked[i].value, value, len);
	if ((int)i != seam.refused_ask)
		return 0;
	errno = seam.refused_errno;
	return -1;
}

/* As the kernel does it: with the key. */
static int tell_number(int fd, int level, int name, void *value, socklen_t *len)
{
	uint8_t *info = value;

	assert_int_equal(fd, SEAM_FD);
	assert_true(level == SOL_TLS && name == TLS_RX && (*len == 40 || *len == 56));
	seam.numbers_told++;
	errno = seam.number_errno;
	if (errno)
		return -1;
	memset(info + 4, 'k', *len - 4);
	ktls_put_be64(info + *len - 8, seam.next_number);
	return 0;
}

/* The kernel does it for the first record that it reads, whether the call fails later or not. */
static void write_type(struct msghdr *msg, int type)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	c->cmsg_level = SOL_TLS;
	c->cmsg_type = TLS_GET_RECORD_TYPE;
	c->cmsg_len = CMSG_LEN(1);
	*CMSG_DATA(c) = (unsigned char)type;
}

static ssize_t scripted_recvmsg(int fd, struct msghdr *msg, int flags)
{
	const struct seam_answer *a = &seam.answers[seam.answers_given];

	assert_int_equal(fd, SEAM_FD);
	assert_int_equal(flags, MSG_DONTWAIT);
	assert_int_equal(msg->msg_iovlen, 1);
	/* The kernel lowers it, so that it must be set anew each time. */
	assert_true(msg->msg_control && msg->msg_controllen >= CMSG_SPACE(1));
	assert_true(seam.answers_left > 0);
	seam.answers_given++;
	seam.answers_left--;
	if (a->type)
		write_type(msg, a->type);
	if (a->n < 0) {
		errno = (int)-a->n;
		return -1;
	}
	assert_true((size_t)a->n <= msg->msg_iov->iov_len);
	memcpy(msg->msg_iov->iov_base, a->content, (size_t)a->n);
	msg->msg_controllen = a->type ? CMSG_SPACE(1) : 0;
	return a->n;
}

static ssize_t record_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	unsigned i = seam.sends++;

	assert_int_equal(fd, SEAM_FD);
	assert_int_equal(flags, MSG_DONTWAIT | MSG_NOSIGNAL);
	assert_true(c && c->cmsg_level == SOL_TLS && c->cmsg_type == TLS_SET_RECORD_TYPE);
	assert_int_equal(msg->msg_iovlen, 1);
	assert_true(i < COUNT(seam.sent) && msg->msg_iov->iov_len <= sizeof(seam.sent[i].bytes));
	seam.send_calls[i] = seam.calls++;
	seam.sent[i].type = *CMSG_DATA(c);
	seam.sent[i].len = msg->msg_iov->iov_len;
	memcpy(seam.sent[i].bytes, msg->msg_iov->iov_base, seam.sent[i].len);
	if ((int)i != seam.refused_send)
		return (ssize_t)seam.sent[i].len;
	errno = seam.refused_send_errno;
	return -1;
}

void seam_open(void)
{
	memset(&seam, 0, sizeof(seam));
	seam.refused_ask = seam.refused_send = -1;
	ktls_sys.setsockopt = record_setsockopt;
	ktls_sys.getsockopt = tell_number;
	ktls_sys.recvmsg = scripted_recvmsg;
	ktls_sys.sendmsg = record_sendmsg;
}

int seam_close(void **state)
{
	(void)state;
	ktls_sys = (struct ktls_sys){setsockopt, getsockopt, recv, send, recvmsg, sendmsg};
	return 0;
}

void seam_script(const struct seam_answer *list, unsigned count)
{
	seam.answers = list;
	seam.answers_left = count;
	seam.answers_given = 0;
	ktls_sys.recvmsg = scripted_recvmsg;
}

socklen_t seam_key(const struct ktls_key *k, uint8_t *out)
{
	struct tls_crypto_info head = {
		.version = k->version == TLS1_3_VERSION ? TLS_1_3_VERSION : TLS_1_2_VERSION};
	struct tls12_crypto_info_aes_gcm_128 a = {.info = head};
	struct tls12_crypto_info_aes_gcm_256 b = {.info = head};
	struct tls12_crypto_info_chacha20_poly1305 c = {.info = head};
	struct tls12_crypto_info_aes_ccm_128 d = {.info = head};
	uint8_t seq[8], iv8[8];

	ktls_put_be64(seq, k->seq);
	memcpy(iv8, k->iv + 4, 8);
	/* RFC 5288: what the kernel calls IV is the nonce of the next record, which counts up from there. */
	if (k->version == TLS1_2_VERSION)
		ktls_put_be64(iv8, ktls_get_be64(k->iv + 4) + k->seq);
	a.info.cipher_type = TLS_CIPHER_AES_GCM_128;
	memcpy(a.key, k->key, 16);
	memcpy(a.salt, k->iv, 4);
	memcpy(a.iv, iv8, 8);
	memcpy(a.rec_seq, seq, 8);
	b.info.cipher_type = TLS_CIPHER_AES_GCM_256;
	memcpy(b.key, k->key, 32);
	memcpy(b.salt, k->iv, 4);
	memcpy(b.iv, iv8, 8);
	memcpy(b.rec_seq, seq, 8);
	c.info.cipher_type = TLS_CIPHER_CHACHA20_POLY1305;
	memcpy(c.key, k->key, 32);
	memcpy(c.iv, k->iv, 12);
	memcpy(c.rec_seq, seq, 8);
	d.info.cipher_type = TLS_CIPHER_AES_CCM_128;
	memcpy(d.key, k->key, 16);
	memcpy(d.salt, k->iv, 4);
	memcpy(d.iv, iv8, 8);
	memcpy(d.rec_seq, seq, 8);
	switch ((enum ktls_aead)k->aead) {
	case KTLS_AES_128_GCM:
		return memcpy(out, &a, sizeof(a)), sizeof(a);
	case KTLS_AES_256_GCM:
		return memcpy(out, &b, sizeof(b)), sizeof(b);
	case KTLS_CHACHA20_POLY1305:
		return memcpy(out, &c, sizeof(c)), sizeof(c);
	default:
		return memcpy(out, &d, sizeof(d)), sizeof(d);
	}
}
