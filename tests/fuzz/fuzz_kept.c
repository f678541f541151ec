/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as the record of a kept connection, or as the state of a stream alone. What is made of them is
 * read and written with, as SER and the keeper do.
 */
#include "fuzz.h"

#include "ktls/sys.h"
#include "select/answer.h"
#include "ser/shared/kept.h"

#include <errno.h>

enum {
	RECORD_MAX = KEEPER_MESSAGE_MAX - sizeof(struct keeper_header),
};

static const struct ktls_allocator memory = {malloc, free};
static struct input wire; /* what the restored stream's peer sends */

static ssize_t receive(int fd, void *buf, size_t len, int flags)
{
	const uint8_t *p;
	size_t n = take_run(&wire, len, &p);

	(void)fd;
	(void)flags;
	memcpy(buf, p, n);
	errno = EAGAIN;
	return n ? (ssize_t)n : -1;
}

static ssize_t send_away(int fd, const void *buf, size_t len, int flags)
{
	(void)fd;
	(void)buf;
	(void)flags;
	return (ssize_t)len;
}

static void read_and_write(struct ktls_stream *s)
{
	static uint8_t out[KTLS_MAX_RECORD];
	struct ktls_read r = {.end = KTLS_END_NONE};
	size_t taken;

	REQUIRE(s->home == KTLS_HOME_USER || s->home == KTLS_HOME_KERNEL);
	if (s->home == KTLS_HOME_KERNEL) {
		REQUIRE(!s->stash);
		ktls_stream_count_write(s, 100);
		return;
	}
	for (unsigned i = 0; i < 8 && r.end == KTLS_END_NONE; i++)
		REQUIRE(ktls_stream_read(s, 0, out, 1 + 1000 * i, &memory, &r) >= 0);
	if (ktls_stream_seal(s, "text", 4, out, sizeof(out), &taken) >= 0)
		REQUIRE(taken == 4);
	ktls_stream_respond(s, 0);
	ktls_stream_send_alert(s, 0, KTLS_CLOSE_NOTIFY);
}

/* What is saved again is as long, and is taken again. */
static void save_again(const struct ktls_stream *s, size_t len)
{
	static uint8_t again[KTLS_STREAM_STATE_MAX];
	struct ktls_stream other;

	REQUIRE(ktls_stream_save(s, again, sizeof(again)) == (ssize_t)len);
	REQUIRE(!ktls_stream_restore(&other, again, len, &memory));
	ktls_stream_wipe(&other, &memory);
}

static void restore(const uint8_t *state, size_t len)
{
	struct ktls_stream s;

	if (ktls_stream_restore(&s, state, len, &memory))
		return;
	save_again(&s, len);
	read_and_write(&s);
	ktls_stream_wipe(&s, &memory);
}

static void use(const struct kept *k)
{
	static char answer[ANSWER_MAX];

	REQUIRE(strlen(k->domain) <= KEPT_NAME_MAX && strlen(k->server_name) <= KEPT_NAME_MAX);
	REQUIRE(strlen(k->server_id) <= KEPT_NAME_MAX && k->aliases <= KEPT_ALIASES_MAX);
	REQUIRE(!k->snapshot->own && k->why_error <= 0);
	for (int field = 0; field < ANSWER_FIELDS; field++) {
		const struct question q = {.field = (uint8_t)field, .index = 1};

		REQUIRE(snapshot_answer(k->snapshot, &q, answer) <= ANSWER_MAX);
	}
	for (size_t i = 0; i < k->unread_len; i++)
		answer[i % sizeof(answer)] = (char)k->unread[i];
	for (size_t i = 0; i < k->own_len; i++)
		answer[i % sizeof(answer)] = (char)k->own[i];
	restore(k->stream, k->stream_len);
}

static void encode_again(const struct kept *k, size_t len)
{
	static _Alignas(8) uint8_t again[RECORD_MAX];
	struct kept other;

	REQUIRE(kept_encode(k, again, sizeof(again)) == (ssize_t)len);
	REQUIRE(!kept_decode(&other, again, len));
}

/* A copy with nothing behind it that anybody may read. */
static uint8_t *copy_of(const struct input *in)
{
	uint8_t *copy = malloc(in->left + !in->left);

	REQUIRE(copy);
	memcpy(copy, in->p, in->left);
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = {data, len};
	const uint8_t is_record = take(&in) & 1;
	uint8_t *copy;
	struct kept k;

	ktls_sys.recv = receive;
	ktls_sys.send = send_away;
	wire = in;
	if (in.left > RECORD_MAX)
		return 0;
	copy = copy_of(&in);
	if (!is_record) {
		restore(copy, in.left);
	} else if (!kept_decode(&k, copy, in.left)) {
		encode_again(&k, in.left);
		use(&k);
	}
	free(copy);
	return 0;
}
