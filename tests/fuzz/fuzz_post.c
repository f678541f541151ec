/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages behind the handshake: the parser alone, and below a stream whose kernel does what the input says.
 */
#include "fuzz.h"

#include "ktls/sys.h"

#include <errno.h>
#include <linux/tls.h>
#include <sys/socket.h>

struct sums {
	int key_updates, requests, renegotiations, tickets;
};

/* Whole messages inside the record, as many as there is room for. */
static void check_tickets(const struct ktls_post_events *ev, const uint8_t *record, size_t len)
{
	size_t room = len / 2;
	uint8_t *out = malloc(room ? room : 1);

	REQUIRE(out);
	REQUIRE(ev->tickets && ev->ticket >= record && ev->ticket + ev->ticket_len <= record + len);
	REQUIRE(ev->ticket_len >= 4 && ev->ticket[0] == 4);
	REQUIRE(ktls_post_copy_tickets(ev, out, 0, room) <= room);
	free(out);
}

static int take_record(struct ktls_post *p, enum ktls_role role, uint16_t version, const uint8_t *data,
	size_t len, struct sums *sums)
{
	struct ktls_post_events ev;
	uint8_t *copy = malloc(len ? len : 1);
	int alert;

	REQUIRE(copy);
	memcpy(copy, data, len);
	alert = ktls_post_take(p, role, version, copy, len, &ev);
	if (!alert && ev.ticket)
		check_tickets(&ev, copy, len);
	free(copy);
	REQUIRE(alert == 0 || alert == KTLS_UNEXPECTED_MESSAGE || alert == KTLS_DECODE_ERROR ||
		alert == KTLS_ILLEGAL_PARAMETER);
	REQUIRE(!ev.update_requested || ev.key_update || alert || ktls_post_pending(p));
	if (alert)
		return alert;
	REQUIRE(!ev.key_update || version == TLS1_3_VERSION);
	REQUIRE(!ev.key_update || !ktls_post_pending(p));
	REQUIRE(!ev.tickets || role == KTLS_CLIENT);
	REQUIRE(!ev.renegotiation || version == TLS1_2_VERSION);
	sums->key_updates += ev.key_update;
	sums->requests += ev.update_requested;
	sums->renegotiations += ev.renegotiation;
	sums->tickets += ev.tickets;
	return 0;
}

/* What one record may hold may also come in pieces of any length, and means the same. */
static void check_parser(struct input *in, enum ktls_role role, uint16_t version)
{
	uint8_t cuts = take(in);
	struct ktls_post whole = {.have = 0}, pieces = {.have = 0};
	struct sums one = {0}, many = {0};
	int alert = take_record(&whole, role, version, in->p, in->left, &one), alert_many = 0;

	for (size_t off = 0; off < in->left && !alert_many;) {
		size_t n = 1 + (in->p[off] ^ cuts) % 7;

		n = n < in->left - off ? n : in->left - off;
		alert_many = take_record(&pieces, role, version, in->p + off, n, &many);
		off += n;
	}
	if (alert || !in->left)
		return;
	REQUIRE(!alert_many);
	REQUIRE(one.key_updates == many.key_updates && one.requests == many.requests);
	REQUIRE(one.tickets == many.tickets && !one.renegotiations == !many.renegotiations);
	REQUIRE(ktls_post_pending(&whole) == ktls_post_pending(&pieces));
}

static struct input *script; /* what the kernel answers */

static ssize_t fuzzed_recvmsg(int fd, struct msghdr *msg, int flags)
{
	static const int errors[] = {EAGAIN, EINTR, EBADMSG, EMSGSIZE, EINVAL, ECONNRESET};
	uint8_t type = take(script), len = take(script);
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	const uint8_t *p;
	size_t n;

	(void)fd;
	(void)flags;
	if (!script->left || type >= 250) {
		errno = script->left ? errors[type - 250] : EAGAIN;
		return -1;
	}
	n = take_run(script, len < msg->msg_iov->iov_len ? len : msg->msg_iov->iov_len, &p);
	memcpy(msg->msg_iov->iov_base, p, n);
	msg->msg_controllen = 0;
	if (type) {
		c->cmsg_level = type & 128 ? SOL_SOCKET : SOL_TLS;
		c->cmsg_type = TLS_GET_RECORD_TYPE;
		c->cmsg_len = CMSG_LEN(1);
		*CMSG_DATA(c) = type & 127;
		msg->msg_controllen = CMSG_SPACE(1);
	}
	return (ssize_t)n;
}

static ssize_t fuzzed_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	static const int errors[] = {EAGAIN, EINTR, EPIPE};
	uint8_t how = take(script);

	(void)fd;
	(void)flags;
	if (how < 253)
		return (ssize_t)msg->msg_iov->iov_len;
	errno = errors[how - 253];
	return -1;
}

static int fuzzed_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	(void)fd;
	(void)value;
	/* Never the receiving side alone, and nothing but new keys: the socket was moved before. */
	REQUIRE(level == SOL_SOCKET || (level == SOL_TLS && (name == TLS_RX || name == TLS_TX)));
	REQUIRE(len > 0);
	errno = EBUSY;
	return take(script) == 255 ? -1 : 0;
}

static void check_kernel(struct input *in, enum ktls_role role, uint16_t version, int can_rekey)
{
	struct ktls_session_keys keys = {.role = role};
	struct ktls_stream s;
	int ended = 0;

	script = in;
	ktls_sys.recvmsg = fuzzed_recvmsg;
	ktls_sys.sendmsg = fuzzed_sendmsg;
	ktls_sys.setsockopt = fuzzed_setsockopt;
	keys.rx = keys.tx = take_key(in);
	keys.rx.version = keys.tx.version = version;
	keys.rx_secret = make_secret(&keys.rx, 1);
	keys.tx_secret = make_secret(&keys.tx, 2);
	ktls_stream_init(&s, KTLS_HOME_KERNEL, &keys, can_rekey);
	while (in->left && !ended) {
		size_t room = take(in) + 1u;
		uint8_t *buf = malloc(room);
		struct ktls_read r;
		ssize_t n;
		int rc;

		REQUIRE(buf);
		n = ktls_stream_read(&s, -1, buf, room, NULL, &r);
		REQUIRE(n >= 0 && (size_t)n <= room && !r.more);
		REQUIRE((r.end == KTLS_END_ERROR) == (r.error != 0));
		REQUIRE(r.end != KTLS_END_KEY_UPDATE || (!can_rekey && r.owed));
		REQUIRE(n == 0 || r.end == KTLS_END_NONE);
		free(buf);
		rc = r.respond ? ktls_stream_respond(&s, -1) : 0;
		REQUIRE(rc == -EAGAIN ? s.owes : 1);
		ended = r.end != KTLS_END_NONE || (rc && rc != -EAGAIN);
		for (size_t i = 0; i < sizeof(s.rx.key); i++)
			REQUIRE(!s.rx.key[i] && !s.tx.key[i]);
	}
	ktls_stream_wipe(&s, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = {data, len};
	uint8_t kind = take(&in);
	enum ktls_role role = kind & 1 ? KTLS_CLIENT : KTLS_SERVER;
	uint16_t version = kind & 2 ? TLS1_3_VERSION : TLS1_2_VERSION;

	if (kind & 4)
		check_kernel(&in, role, version, kind >> 3 & 1);
	else
		check_parser(&in, role, version);
	return 0;
}
