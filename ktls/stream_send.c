/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sending half of a stream: everything here needs the writer's rights. */
#include "ktls/kernel.h"
#include "ktls/stream.h"
#include "ktls/sys.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

enum {
	KEY_UPDATE_LEN = 5,
	ALERT_LEN = 2,
	/* The most that a stream can owe: a KeyUpdate and a warning. */
	OWED_MAX = KEY_UPDATE_LEN + ALERT_LEN + 2 * KTLS_MAX_EXPANSION,
};

/* RFC 8446 4.6.3: type 24, length 1, update_not_requested. */
static const uint8_t key_update[KEY_UPDATE_LEN] = {24, 0, 0, 1, 0};
static const uint8_t no_renegotiation[ALERT_LEN] = {KTLS_ALERT_WARNING, KTLS_NO_RENEGOTIATION};

static uint64_t soft_limit(const struct ktls_key *k)
{
	switch ((enum ktls_aead)k->aead) {
	case KTLS_AES_128_GCM:
	case KTLS_AES_256_GCM:
		return KTLS_GCM_SOFT_LIMIT;
	case KTLS_AES_128_CCM:
		return KTLS_CCM_SOFT_LIMIT;
	default: /* RFC 8446 5.5: sequence numbers run out before ChaCha20-Poly1305's limit */
		return UINT64_MAX / 2;
	}
}

static uint64_t hard_limit(const struct ktls_key *k)
{
	return soft_limit(k) * 2;
}

static int may_update_key(const struct ktls_stream *s)
{
	return s->version == TLS1_3_VERSION && (s->home == KTLS_HOME_USER || s->can_rekey);
}

/* If our own key nears its limit, we owe the peer a KeyUpdate as if it had asked for one. */
static void check_limit(struct ktls_stream *s)
{
	if (s->tx.seq >= soft_limit(&s->tx) && may_update_key(s))
		__atomic_fetch_or(&s->owes, KTLS_OWES_KEY_UPDATE, __ATOMIC_ACQ_REL);
}

static uint8_t take_debt(struct ktls_stream *s)
{
	return __atomic_exchange_n(&s->owes, 0, __ATOMIC_ACQ_REL);
}

/*
 * Makes records for what is owed, in user space. Returns their length, at most OWED_MAX, or a negative errno.
 */
static ssize_t seal_owed(struct ktls_stream *s, uint8_t debt, uint8_t *out)
{
	size_t used = 0;
	ssize_t n;

	if (debt & KTLS_OWES_KEY_UPDATE) {
		n = ktls_record_seal(&s->tx, KTLS_HANDSHAKE, key_update, sizeof(key_update), out, OWED_MAX);
		if (n >= 0 && ktls_key_update(&s->tx, &s->tx_secret))
			n = -EIO;
		if (n < 0)
			return n;
		used = (size_t)n;
	}
	if (debt & KTLS_OWES_NO_RENEGOTIATION) {
		n = ktls_record_seal(&s->tx, KTLS_ALERT, no_renegotiation, sizeof(no_renegotiation),
			out + used, OWED_MAX - used);
		if (n < 0)
			return n;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

static int respond_user(struct ktls_stream *s, int fd, uint8_t debt)
{
	/* Nothing was sent, so the same records may be made again. */
	struct ktls_key tx = s->tx;
	struct ktls_secret secret = s->tx_secret;
	uint8_t out[OWED_MAX];
	ssize_t len = seal_owed(s, debt, out), n;
	int rc = len < 0 ? (int)len : 0;

	if (!rc) {
		n = ktls_sys.send(fd, out, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
		rc = n == len ? 0 : n < 0 ? -errno : -EPIPE;
	}
	if (rc == -EAGAIN || rc == -EINTR) {
		rc = -EAGAIN;
		s->tx = tx;
		s->tx_secret = secret;
	}
	ktls_key_wipe(&tx);
	OPENSSL_cleanse(&secret, sizeof(secret));
	return rc;
}

/* An interrupted call sent nothing, so the record is still owed. */
static int send_control(int fd, enum ktls_content_type type, const void *buf, size_t len)
{
	int rc = ktls_kernel_send_control(fd, type, buf, len);

	return rc == -EINTR ? -EAGAIN : rc;
}

static int respond_kernel(struct ktls_stream *s, int fd, uint8_t *debt)
{
	int rc;

	if (*debt & KTLS_OWES_KEY_UPDATE) {
		rc = send_control(fd, KTLS_HANDSHAKE, key_update, sizeof(key_update));
		if (rc)
			return rc;
		*debt &= (uint8_t)~KTLS_OWES_KEY_UPDATE;
		rc = ktls_key_update(&s->tx, &s->tx_secret);
		if (!rc)
			rc = ktls_kernel_rekey_tx(fd, &s->tx);
		OPENSSL_cleanse(s->tx.key, sizeof(s->tx.key));
		if (rc)
			return rc == -EAGAIN ? -EIO : rc;
	}
	if (*debt & KTLS_OWES_NO_RENEGOTIATION)
		return send_control(fd, KTLS_ALERT, no_renegotiation, sizeof(no_renegotiation));
	return 0;
}

int ktls_stream_respond(struct ktls_stream *s, int fd)
{
	uint8_t debt = take_debt(s);
	int rc = 0;

	if (debt)
		rc = s->home == KTLS_HOME_KERNEL ? respond_kernel(s, fd, &debt) : respond_user(s, fd, debt);
	if (rc == -EAGAIN)
		__atomic_fetch_or(&s->owes, debt, __ATOMIC_ACQ_REL);
	return rc;
}

/* The most content that one record may carry. */
static size_t longest_fragment(const struct ktls_stream *s)
{
	return s->max_fragment ? s->max_fragment : KTLS_MAX_PLAIN;
}

int ktls_stream_count_write(struct ktls_stream *s, size_t len)
{
	s->tx.seq += len / longest_fragment(s) + 1;
	if (s->tx.seq >= hard_limit(&s->tx))
		return -EOVERFLOW;
	check_limit(s);
	return 0;
}

ssize_t ktls_stream_seal(
	struct ktls_stream *s, const void *in, size_t len, uint8_t *out, size_t cap, size_t *taken)
{
	const uint8_t *p = in;
	size_t used = 0;
	ssize_t n;

	*taken = 0;
	check_limit(s);
	if (s->tx.seq >= hard_limit(&s->tx))
		return -EOVERFLOW;
	if (__atomic_load_n(&s->owes, __ATOMIC_ACQUIRE) && cap >= OWED_MAX) {
		n = seal_owed(s, take_debt(s), out);
		if (n < 0)
			return n;
		used = (size_t)n;
	}
	while (*taken < len && cap - used > KTLS_MAX_EXPANSION) {
		size_t part = len - *taken;

		if (part > longest_fragment(s))
			part = longest_fragment(s);
		if (part > cap - used - KTLS_MAX_EXPANSION)
			part = cap - used - KTLS_MAX_EXPANSION;
		n = ktls_record_seal(&s->tx, KTLS_APPLICATION_DATA, p + *taken, part, out + used, cap - used);
		if (n < 0)
			return n;
		*taken += part;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

ssize_t ktls_stream_seal_alert(struct ktls_stream *s, uint8_t description, uint8_t out[KTLS_ALERT_RECORD_MAX])
{
	uint8_t alert[ALERT_LEN] = {(uint8_t)ktls_alert_level(description), description};

	return ktls_record_seal(&s->tx, KTLS_ALERT, alert, sizeof(alert), out, KTLS_ALERT_RECORD_MAX);
}

int ktls_stream_send_alert(struct ktls_stream *s, int fd, uint8_t description)
{
	uint8_t alert[ALERT_LEN] = {(uint8_t)ktls_alert_level(description), description};
	uint8_t record[KTLS_ALERT_RECORD_MAX];
	ssize_t len, n;

	if (s->home == KTLS_HOME_RELAYED)
		return 0; /* the relay sends close_notify itself */
	if (s->home == KTLS_HOME_KERNEL)
		return ktls_kernel_send_control(fd, KTLS_ALERT, alert, sizeof(alert));
	len = ktls_stream_seal_alert(s, description, record);
	if (len < 0)
		return (int)len;
	n = ktls_sys.send(fd, record, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return n == len ? 0 : -EAGAIN;
}
