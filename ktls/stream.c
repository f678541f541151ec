/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/stream.h"

#include "ktls/cipher.h"
#include "ktls/clock.h"
#include "ktls/kernel.h"
#include "ktls/stream_private.h"
#include "ktls/sys.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

enum {
	STASH_MIN = 512, /* bytes for the first part of a record */
};

void ktls_stream_init(
	struct ktls_stream *s, enum ktls_home home, const struct ktls_session_keys *keys, int can_rekey)
{
	memset(s, 0, sizeof(*s));
	s->home = (uint8_t)home;
	s->role = (uint8_t)keys->role;
	s->version = keys->tx.version;
	s->can_rekey = (uint8_t)(can_rekey != 0);
	s->max_fragment = keys->max_fragment;
	s->rx = keys->rx;
	s->tx = keys->tx;
	s->rx_secret = keys->rx_secret;
	s->tx_secret = keys->tx_secret;
	if (home == KTLS_HOME_KERNEL) {
		OPENSSL_cleanse(s->rx.key, sizeof(s->rx.key));
		OPENSSL_cleanse(s->tx.key, sizeof(s->tx.key));
		if (!can_rekey) { /* no other key will be derived from them */
			OPENSSL_cleanse(&s->rx_secret, sizeof(s->rx_secret));
			OPENSSL_cleanse(&s->tx_secret, sizeof(s->tx_secret));
		}
	}
}

static void drop_stash(struct ktls_stream *s, const struct ktls_allocator *mem)
{
	struct ktls_stash *stash = s->stash;

	if (!stash)
		return;
	s->stash = NULL;
	OPENSSL_cleanse(stash->bytes, stash->cap);
	mem->release(stash);
}

void ktls_stream_wipe(struct ktls_stream *s, const struct ktls_allocator *mem)
{
	drop_stash(s, mem);
	if (s->home == KTLS_HOME_USER)
		ktls_cipher_keys_gone();
	OPENSSL_cleanse(s, sizeof(*s));
}

/* Some more than has come of a record: its length is only what a peer says. */
static size_t room_for(size_t record, size_t came)
{
	size_t room = 2 * came > STASH_MIN ? 2 * came : STASH_MIN;

	return room < record ? room : record;
}

int stream_keep(struct ktls_stream *s, const uint8_t *plain, size_t plain_len, const uint8_t *cipher,
	size_t cipher_len, const struct ktls_allocator *mem)
{
	struct ktls_stash *stash = s->stash;
	size_t need = plain_len + cipher_len, room = need;

	if (!need) {
		drop_stash(s, mem);
		return 0;
	}
	if (!plain_len && cipher_len >= KTLS_HEADER_LEN && ktls_record_length(cipher) > (ssize_t)need)
		room = room_for((size_t)ktls_record_length(cipher), need);
	if (!stash || stash->cap < need) {
		stash = mem->alloc(sizeof(*stash) + room);
		if (!stash)
			return -ENOMEM;
		stash->cap = (uint32_t)room;
	}
	if (plain_len)
		memcpy(stash->bytes, plain, plain_len);
	if (cipher_len)
		memcpy(stash->bytes + plain_len, cipher, cipher_len);
	stash->plain_off = 0;
	stash->plain_len = (uint32_t)plain_len;
	stash->cipher_off = (uint32_t)plain_len;
	stash->cipher_len = (uint32_t)cipher_len;
	if (stash != s->stash) {
		drop_stash(s, mem);
		s->stash = stash;
	}
	return 0;
}

static void end_with_error(struct ktls_read *r, int error, int owed)
{
	r->end = KTLS_END_ERROR;
	r->error = error;
	r->more = 0;
	r->owed = owed;
	r->alert = (uint8_t)ktls_alert_for_error(error);
}

static void end_with_alert(struct ktls_read *r, int error, uint8_t alert)
{
	end_with_error(r, error, 1);
	r->alert = alert;
}

static void take_alert(const struct ktls_stream *s, const uint8_t *data, size_t len, struct ktls_read *r)
{
	if (len != 2) { /* RFC 8446 5.1: no fragments of length zero */
		end_with_alert(r, -EPROTO, len ? KTLS_DECODE_ERROR : KTLS_UNEXPECTED_MESSAGE);
		return;
	}
	if (data[1] == KTLS_CLOSE_NOTIFY) {
		r->end = KTLS_END_CLOSE_NOTIFY;
		return;
	}
	/* RFC 8446 6: except for these two, TLS 1.3 alerts are fatal whatever their level says. */
	if (data[1] == KTLS_USER_CANCELED || (s->version == TLS1_2_VERSION && data[0] == KTLS_ALERT_WARNING))
		return;
	r->end = KTLS_END_ALERT;
	r->alert = data[1];
}

static void owe(struct ktls_stream *s, uint8_t what)
{
	__atomic_fetch_or(&s->owes, what, __ATOMIC_ACQ_REL);
}

/* The peer's next record uses its next key. */
static void follow_key_update(struct ktls_stream *s, int fd, struct ktls_read *r)
{
	int rc;

	if (ktls_bounds_key_update(&s->bounds)) {
		end_with_alert(r, -EDQUOT, KTLS_UNEXPECTED_MESSAGE);
		return;
	}
	if (s->home == KTLS_HOME_KERNEL && !s->can_rekey) {
		r->end = KTLS_END_KEY_UPDATE;
		r->owed = 1;
		r->alert = KTLS_CLOSE_NOTIFY;
		return;
	}
	rc = ktls_key_update(&s->rx, &s->rx_secret);
	if (!rc && s->home == KTLS_HOME_KERNEL) {
		rc = ktls_kernel_rekey_rx(fd, &s->rx);
		OPENSSL_cleanse(s->rx.key, sizeof(s->rx.key));
	}
	if (rc)
		end_with_alert(r, rc, KTLS_INTERNAL_ERROR);
}

static void take_handshake(
	struct ktls_stream *s, int fd, const uint8_t *data, size_t len, struct ktls_read *r)
{
	static _Thread_local uint8_t tickets[KTLS_TICKETS_MAX]; /* until this thread's next read */
	struct ktls_post_events ev;
	int alert = ktls_post_take(&s->post, s->role, s->version, data, len, &ev);

	if (alert) {
		end_with_alert(r, -EPROTO, (uint8_t)alert);
		return;
	}
	if (ev.ticket) {
		r->ticket = tickets;
		r->ticket_len = ktls_post_copy_tickets(&ev, tickets, r->ticket_len, sizeof(tickets));
	}
	if (ev.renegotiation)
		owe(s, KTLS_OWES_NO_RENEGOTIATION);
	if (ev.key_update)
		follow_key_update(s, fd, r);
	if (ev.update_requested)
		owe(s, KTLS_OWES_KEY_UPDATE);
}

/* Counts records without content. True if there are too many. */
static int too_many_idle(struct ktls_stream *s, uint64_t records, struct ktls_read *r)
{
	if (!ktls_bounds_idle(&s->bounds, records))
		return 0;
	end_with_alert(r, -EDQUOT, KTLS_UNEXPECTED_MESSAGE);
	return 1;
}

/*
 * Handles a record that is not application data, or carries none. Leaves r->end alone if the connection goes
 * on.
 */
static void take_control(struct ktls_stream *s, int fd, const struct ktls_plain *plain, struct ktls_read *r)
{
	if (too_many_idle(s, 1, r))
		return;
	if (plain->type == KTLS_HANDSHAKE)
		take_handshake(s, fd, plain->data, plain->len, r);
	else if (ktls_post_pending(&s->post))
		end_with_error(r, -EPROTO, 1);
	else if (plain->type == KTLS_ALERT)
		take_alert(s, plain->data, plain->len, r);
	else if (plain->type != KTLS_APPLICATION_DATA)
		end_with_error(r, -EPROTO, 1);
}

/* True if content may come now, which resets the count of records without content. */
static int content_allowed(struct ktls_stream *s, struct ktls_read *r)
{
	s->bounds.idle_records = 0;
	if (!ktls_post_pending(&s->post))
		return 1;
	end_with_error(r, -EPROTO, 1);
	return 0;
}

/*
 * Takes one record type in each call. A peer must not keep the reader here with records that carry nothing.
 */
enum {
	CONTROL_RECORDS_A_READ = 16,
};

static void rearm(struct ktls_stream *s, int fd)
{
	if (!s->quiet)
		return;
	s->quiet = 0;
	ktls_kernel_rearm(fd);
}

/* The partial record that raised the low-water mark may have turned out to have no content. */
static void wait_for_more(struct ktls_stream *s, int fd)
{
	if (ktls_kernel_quiet(fd))
		s->quiet = 1;
	else
		rearm(s, fd);
}

/* A reader with room for one byte gets half an alert; the next call gives the other half. */
static void complete_alert(int fd, uint8_t alert[2], struct ktls_plain *plain)
{
	enum ktls_content_type type;

	alert[0] = plain->data[0];
	if (ktls_kernel_recv(fd, alert + 1, 1, &type) != 1 || type != KTLS_ALERT)
		return;
	plain->data = alert;
	plain->len = 2;
}

/*
 * The kernel does not hand out application data without content, but its count of records says how many
 * records it read. If it does not tell, they count as one. `ahead` is how many it has read but not handed out
 * yet.
 */
static void count_unseen(struct ktls_stream *s, int fd, unsigned ahead, struct ktls_read *r)
{
	uint64_t unseen = 1, next;

	if (!ktls_kernel_next_number(fd, &s->rx, &next)) {
		next -= ahead;
		if (next > s->rx.seq)
			unseen = next - s->rx.seq;
		s->rx.seq = next;
		s->uncounted_reads = 0;
	}
	if (!too_many_idle(s, unseen, r) && ktls_post_pending(&s->post))
		end_with_error(r, -EPROTO, 1);
}

/*
 * Records without content before other content are not seen at all. We allow that many before each read, and
 * assume that each byte was a record.
 */
static int content_allowed_kernel(struct ktls_stream *s, int fd, size_t len, struct ktls_read *r)
{
	uint64_t next;

	s->rx.seq += len + KTLS_IDLE_RECORDS_MAX;
	if (++s->uncounted_reads >= KTLS_UNCOUNTED_READS && !ktls_kernel_next_number(fd, &s->rx, &next)) {
		if (next > s->rx.seq) {
			end_with_alert(r, -EDQUOT, KTLS_UNEXPECTED_MESSAGE);
			return 0;
		}
		s->rx.seq = next;
	}
	s->uncounted_reads %= KTLS_UNCOUNTED_READS;
	return content_allowed(s, r);
}

ssize_t stream_take_kernel(struct ktls_stream *s, int fd, const struct ktls_plain *got, ssize_t n, size_t len,
	struct ktls_read *r)
{
	struct ktls_plain plain = *got;
	uint8_t alert[2];

	if (n == -EAGAIN || n == -EINTR) {
		if (plain.type == KTLS_APPLICATION_DATA)
			count_unseen(s, fd, n == -EINTR, r);
		if (r->end != KTLS_END_NONE)
			return 0;
		r->drained = n == -EAGAIN;
		if (n == -EAGAIN)
			wait_for_more(s, fd);
		return 0;
	}
	rearm(s, fd);
	if (n < 0) {
		end_with_error(r, (int)n, n == -EBADMSG || n == -EMSGSIZE || n == -EINVAL);
		return 0;
	}
	if (n > 0 && plain.type == KTLS_APPLICATION_DATA)
		return content_allowed_kernel(s, fd, (size_t)n, r) ? n : 0;
	if (n == 0 && plain.type == KTLS_APPLICATION_DATA) {
		r->end = KTLS_END_TRUNCATED;
		return 0;
	}
	plain.len = (size_t)n;
	s->rx.seq++;
	if (plain.type == KTLS_ALERT && n == 1 && len == 1)
		complete_alert(fd, alert, &plain);
	take_control(s, fd, &plain, r);
	return 0;
}

static ssize_t read_kernel(struct ktls_stream *s, int fd, void *buf, size_t len, struct ktls_read *r)
{
	for (int i = 0; i < CONTROL_RECORDS_A_READ && r->end == KTLS_END_NONE; i++) {
		struct ktls_plain plain = {.data = buf};
		ssize_t n = ktls_kernel_recv(fd, buf, len, &plain.type);
		ssize_t content = stream_take_kernel(s, fd, &plain, n, len, r);

		if (content || n == -EAGAIN || n == -EINTR)
			return content;
	}
	return 0;
}

ssize_t stream_take_relayed(ssize_t n, size_t len, struct ktls_read *r)
{
	if (n < 0 && n != -EAGAIN && n != -EINTR)
		end_with_error(r, (int)n, 0);
	else if (n == 0)
		r->end = KTLS_END_CLOSE_NOTIFY; /* the relay reports how it really ended */
	else
		r->drained = n < (ssize_t)len && n != -EINTR;
	return n > 0 ? n : 0;
}

static ssize_t read_relayed(int fd, void *buf, size_t len, struct ktls_read *r)
{
	ssize_t n = ktls_sys.recv(fd, buf, len, MSG_DONTWAIT);

	return stream_take_relayed(n < 0 ? -errno : n, len, r);
}

struct cursor { /* where content goes */
	uint8_t *buf;
	size_t room, filled;
};

/*
 * Opens records from chunk until one is incomplete, content no longer fits, or the stream ends. The rest goes
 * into the stash.
 */
static void open_records(struct ktls_stream *s, int fd, uint8_t *chunk, size_t have, struct cursor *to,
	const struct ktls_allocator *mem, struct ktls_read *r)
{
	struct ktls_plain plain;
	const uint8_t *left = NULL;
	size_t left_len = 0, off = 0;

	while (!left_len && to->filled < to->room && have - off >= KTLS_HEADER_LEN) {
		ssize_t len = ktls_record_length(chunk + off);
		int rc = len < 0 ? (int)len : 0;

		if (!rc && (size_t)len > have - off)
			break;
		if (!rc)
			rc = ktls_record_open(&s->rx, chunk + off, (size_t)len, &plain);
		if (rc) {
			end_with_error(r, rc, 1);
			off = have;
			break;
		}
		off += (size_t)len;
		if (plain.type == KTLS_APPLICATION_DATA && plain.len && content_allowed(s, r)) {
			size_t fits = plain.len < to->room - to->filled ? plain.len : to->room - to->filled;

			memcpy(to->buf + to->filled, plain.data, fits);
			to->filled += fits;
			left = plain.data + fits;
			left_len = plain.len - fits;
			continue;
		}
		if (r->end == KTLS_END_NONE)
			take_control(s, fd, &plain, r);
		if (r->end != KTLS_END_NONE) {
			off = have;
			break;
		}
	}
	r->more |= left_len || (have - off >= KTLS_HEADER_LEN && to->filled == to->room);
	if (stream_keep(s, left, left_len, chunk + off, have - off, mem))
		end_with_error(r, -ENOMEM, 1);
}

static size_t take_stashed_plain(struct ktls_stream *s, struct cursor *to)
{
	struct ktls_stash *stash = s->stash;
	size_t n = stash->plain_len < to->room ? stash->plain_len : to->room;

	memcpy(to->buf, stash->bytes + stash->plain_off, n);
	stash->plain_off += (uint32_t)n;
	stash->plain_len -= (uint32_t)n;
	to->filled = n;
	return n;
}

/* One for each thread, not for each connection, because it is only used during a call. */
static _Thread_local uint8_t chunk[KTLS_STREAM_CHUNK];

/* Puts the part of the next record that we have before what will be received. Returns its length. */
static size_t begin_chunk(const struct ktls_stream *s)
{
	size_t have = s->stash ? s->stash->cipher_len : 0;

	if (have)
		memcpy(chunk, s->stash->bytes + s->stash->cipher_off, have);
	return have;
}

size_t stream_room(const struct ktls_stream *s)
{
	if (s->home != KTLS_HOME_USER)
		return SIZE_MAX;
	if (!s->stash)
		return KTLS_STREAM_CHUNK;
	return s->stash->plain_len ? 0 : KTLS_STREAM_CHUNK - s->stash->cipher_len;
}

/* chunk has the bytes. ended: the TCP stream ended after them. */
static void take_chunk(struct ktls_stream *s, int fd, size_t have, int ended, struct cursor *to,
	const struct ktls_allocator *mem, struct ktls_read *r)
{
	open_records(s, fd, chunk, have, to, mem, r);
	if (ended && !to->filled && r->end == KTLS_END_NONE && !r->more)
		r->end = KTLS_END_TRUNCATED;
	OPENSSL_cleanse(chunk, have);
}

ssize_t stream_take_user(struct ktls_stream *s, int fd, void *buf, ssize_t n, size_t len,
	const struct ktls_allocator *mem, struct ktls_read *r)
{
	struct cursor to = {.buf = buf, .room = len};
	size_t have;

	if (n < 0) {
		r->drained = n == -EAGAIN;
		if (n != -EAGAIN && n != -EINTR)
			end_with_error(r, (int)n, 0);
		return 0;
	}
	if ((size_t)n > stream_room(s)) {
		end_with_error(r, -EINVAL, 1);
		return 0;
	}
	have = begin_chunk(s);
	memcpy(chunk + have, buf, (size_t)n);
	take_chunk(s, fd, have + (size_t)n, n == 0, &to, mem, r);
	return (ssize_t)to.filled;
}

static void read_user(struct ktls_stream *s, int fd, struct cursor *to, const struct ktls_allocator *mem,
	struct ktls_read *r)
{
	size_t have, asked;
	ssize_t n = 0;

	if (s->stash && s->stash->plain_len) {
		take_stashed_plain(s, to);
		r->more = s->stash->plain_len || s->stash->cipher_len;
		if (!r->more)
			drop_stash(s, mem);
		return;
	}
	have = begin_chunk(s);
	asked = sizeof(chunk) - have;
	if (asked) {
		n = ktls_sys.recv(fd, chunk + have, asked, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			end_with_error(r, -errno, 0);
			return;
		}
		/* The end of the TCP stream is announced only once, so whoever saw it must read on. */
		r->drained = n < 0 ? errno == EAGAIN : n > 0 && n < (ssize_t)asked;
	}
	have += n > 0 ? (size_t)n : 0;
	take_chunk(s, fd, have, n == 0 && asked, to, mem, r);
}

ssize_t ktls_stream_read(struct ktls_stream *s, int fd, void *buf, size_t len,
	const struct ktls_allocator *mem, struct ktls_read *r)
{
	struct cursor to = {.buf = buf, .room = len};
	ssize_t n;

	memset(r, 0, sizeof(*r));
	if (s->home == KTLS_HOME_KERNEL) {
		n = read_kernel(s, fd, buf, len, r);
	} else if (s->home == KTLS_HOME_RELAYED) {
		n = read_relayed(fd, buf, len, r);
	} else {
		read_user(s, fd, &to, mem, r);
		n = (ssize_t)to.filled;
	}
	r->respond = r->end == KTLS_END_NONE && __atomic_load_n(&s->owes, __ATOMIC_ACQUIRE);
	return n;
}
