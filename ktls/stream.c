/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/stream.h"

#include "ktls/kernel.h"
#include "ktls/sys.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

/* Opened content that did not fit the reader's buffer, then bytes of records not yet opened. */
struct ktls_stash {
	uint32_t cap;
	uint32_t plain_off, plain_len;
	uint32_t cipher_off, cipher_len;
	uint8_t bytes[];
};

void ktls_stream_init(struct ktls_stream *s, enum ktls_home home, const struct ktls_session_keys *keys)
{
	memset(s, 0, sizeof(*s));
	s->home = (uint8_t)home;
	s->version_13 = keys->tx.version == TLS1_3_VERSION;
	if (home == KTLS_HOME_USER) {
		s->rx = keys->rx;
		s->tx = keys->tx;
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
	OPENSSL_cleanse(s, sizeof(*s));
}

/* Keeps what a read left over; a record that has only begun gets room for the rest of it at once. */
static int keep(struct ktls_stream *s, const uint8_t *plain, size_t plain_len, const uint8_t *cipher,
	size_t cipher_len, const struct ktls_allocator *mem)
{
	struct ktls_stash *stash = s->stash;
	size_t need = plain_len + cipher_len;

	if (!need) {
		drop_stash(s, mem);
		return 0;
	}
	if (!plain_len && cipher_len >= KTLS_HEADER_LEN && ktls_record_length(cipher) > (ssize_t)need)
		need = (size_t)ktls_record_length(cipher);
	if (!stash || stash->cap < need) {
		stash = mem->alloc(sizeof(*stash) + need);
		if (!stash)
			return -ENOMEM;
		stash->cap = (uint32_t)need;
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

static void take_alert(const struct ktls_stream *s, const uint8_t *data, size_t len, struct ktls_read *r)
{
	if (len != 2) {
		end_with_error(r, -EPROTO, 1);
		r->alert = KTLS_DECODE_ERROR;
		return;
	}
	if (data[1] == KTLS_CLOSE_NOTIFY) {
		r->end = KTLS_END_CLOSE_NOTIFY;
		return;
	}
	/* RFC 8446 6: apart from these two, TLS 1.3 alerts are fatal whatever their level says. */
	if (data[1] == KTLS_USER_CANCELED || (!s->version_13 && data[0] == KTLS_ALERT_WARNING))
		return;
	r->end = KTLS_END_ALERT;
	r->alert = data[1];
}

/* What is not application data. Leaves r->end alone when the connection goes on. */
static void take_control(const struct ktls_stream *s, enum ktls_content_type type, const uint8_t *data,
	size_t len, struct ktls_read *r)
{
	if (type == KTLS_ALERT)
		take_alert(s, data, len, r);
	else
		end_with_error(r, -EPROTO, 1);
}

/* One record type a call; a peer must not keep the reader here with records that carry nothing. */
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

/* The part of a record that raised the low-water mark may have ended as a record without content. */
static void wait_for_more(struct ktls_stream *s, int fd)
{
	if (ktls_kernel_quiet(fd))
		s->quiet = 1;
	else
		rearm(s, fd);
}

static ssize_t read_kernel(struct ktls_stream *s, int fd, void *buf, size_t len, struct ktls_read *r)
{
	for (int i = 0; i < CONTROL_RECORDS_A_READ && r->end == KTLS_END_NONE; i++) {
		enum ktls_content_type type;
		ssize_t n = ktls_kernel_recv(fd, buf, len, &type);

		if (n == -EAGAIN || n == -EINTR) {
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
		if (n > 0 && type == KTLS_APPLICATION_DATA)
			return n;
		if (n == 0 && type == KTLS_APPLICATION_DATA)
			r->end = KTLS_END_TRUNCATED;
		else
			take_control(s, type, buf, (size_t)n, r);
	}
	return 0;
}

struct cursor { /* where content goes */
	uint8_t *buf;
	size_t room, filled;
};

/*
 * Opens records from chunk until one is incomplete, content does not fit any more or the stream ends. What is
 * left goes into the stash.
 */
static void open_records(struct ktls_stream *s, uint8_t *chunk, size_t have, struct cursor *to,
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
		if (plain.type == KTLS_APPLICATION_DATA) {
			size_t fits = plain.len < to->room - to->filled ? plain.len : to->room - to->filled;

			memcpy(to->buf + to->filled, plain.data, fits);
			to->filled += fits;
			left = plain.data + fits;
			left_len = plain.len - fits;
			continue;
		}
		take_control(s, plain.type, plain.data, plain.len, r);
		if (r->end != KTLS_END_NONE) {
			off = have;
			break;
		}
	}
	r->more |= left_len || (have - off >= KTLS_HEADER_LEN && to->filled == to->room);
	if (keep(s, left, left_len, chunk + off, have - off, mem))
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

static void read_user(struct ktls_stream *s, int fd, struct cursor *to, const struct ktls_allocator *mem,
	struct ktls_read *r)
{
	/* In every thread rather than in every connection: it is only in use during this call. */
	static _Thread_local uint8_t chunk[KTLS_STREAM_CHUNK];
	size_t have = 0, asked;
	ssize_t n = 0;

	if (s->stash && s->stash->plain_len) {
		take_stashed_plain(s, to);
		r->more = s->stash->plain_len || s->stash->cipher_len;
		if (!r->more)
			drop_stash(s, mem);
		return;
	}
	if (s->stash) {
		have = s->stash->cipher_len;
		memcpy(chunk, s->stash->bytes + s->stash->cipher_off, have);
	}
	asked = sizeof(chunk) - have;
	if (asked) {
		n = ktls_sys.recv(fd, chunk + have, asked, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			end_with_error(r, -errno, 0);
			return;
		}
		/* The end of the TCP stream is announced only once: whoever saw it must read on. */
		r->drained = n < 0 ? errno == EAGAIN : n > 0 && n < (ssize_t)asked;
	}
	have += n > 0 ? (size_t)n : 0;
	open_records(s, chunk, have, to, mem, r);
	if (n == 0 && asked && !to->filled && r->end == KTLS_END_NONE && !r->more)
		r->end = KTLS_END_TRUNCATED;
	OPENSSL_cleanse(chunk, have);
}

ssize_t ktls_stream_read(struct ktls_stream *s, int fd, void *buf, size_t len,
	const struct ktls_allocator *mem, struct ktls_read *r)
{
	struct cursor to = {.buf = buf, .room = len};

	memset(r, 0, sizeof(*r));
	if (s->home == KTLS_HOME_KERNEL)
		return read_kernel(s, fd, buf, len, r);
	read_user(s, fd, &to, mem, r);
	return (ssize_t)to.filled;
}

ssize_t ktls_stream_seal(
	struct ktls_stream *s, const void *in, size_t len, uint8_t *out, size_t cap, size_t *taken)
{
	const uint8_t *p = in;
	size_t used = 0;

	*taken = 0;
	while (*taken < len && cap - used > KTLS_MAX_EXPANSION) {
		size_t part = len - *taken;
		ssize_t n;

		if (part > KTLS_MAX_PLAIN)
			part = KTLS_MAX_PLAIN;
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

int ktls_stream_send_alert(struct ktls_stream *s, int fd, enum ktls_alert_level level, uint8_t description)
{
	uint8_t alert[2] = {(uint8_t)level, description};
	uint8_t record[sizeof(alert) + KTLS_MAX_EXPANSION];
	ssize_t len, n;

	if (s->home == KTLS_HOME_KERNEL)
		return ktls_kernel_send_control(fd, KTLS_ALERT, alert, sizeof(alert));
	len = ktls_record_seal(&s->tx, KTLS_ALERT, alert, sizeof(alert), record, sizeof(record));
	if (len < 0)
		return (int)len;
	n = ktls_sys.send(fd, record, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return n == len ? 0 : -EAGAIN;
}
