/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parser of messages behind the handshake: what it takes, from whom, and however it is cut. */
#include "support.h"

#include "ktls/alert.h"
#include "ktls/post.h"

#include <string.h>

enum { /* handshake types: RFC 8446 4 */
	HELLO_REQUEST = 0,
	CLIENT_HELLO = 1,
	NEW_SESSION_TICKET = 4,
	CERTIFICATE_REQUEST = 13,
	KEY_UPDATE = 24,
};

#define KEY_UPDATE_BYTES "\30\0\0\1"

static size_t message(uint8_t *p, uint8_t type, uint32_t len, uint8_t first)
{
	p[0] = type;
	p[1] = (uint8_t)(len >> 16);
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	fill(p + 4, len, type);
	if (len)
		p[4] = first;
	return 4 + len;
}

/* The answer to one record at the start of a connection. */
static int take(enum ktls_role role, uint16_t version, const void *p, size_t len, struct ktls_post_events *ev)
{
	struct ktls_post post = {.have = 0};

	return ktls_post_take(&post, role, version, p, len, ev);
}

/* Which of the 256 types are for whom: everything else is unexpected_message. */
static int is_allowed(unsigned type, enum ktls_role role, uint16_t version)
{
	if (version == TLS1_3_VERSION)
		return type == KEY_UPDATE || (type == NEW_SESSION_TICKET && role == KTLS_CLIENT);
	return role == KTLS_SERVER ? type == CLIENT_HELLO : type == HELLO_REQUEST;
}

static void check_types(enum ktls_role role, uint16_t version)
{
	for (unsigned type = 0; type < 256; type++) {
		struct ktls_post_events ev;
		uint8_t bytes[16];
		int allowed = is_allowed(type, role, version);
		size_t len = message(bytes, (uint8_t)type, type != HELLO_REQUEST, 0);

		assert_int_equal(take(role, version, bytes, len, &ev), allowed ? 0 : KTLS_UNEXPECTED_MESSAGE);
		assert_int_equal(ev.key_update, allowed && type == KEY_UPDATE);
		assert_int_equal(ev.tickets, allowed && type == NEW_SESSION_TICKET);
		assert_int_equal(
			ev.renegotiation, allowed && (type == CLIENT_HELLO || type == HELLO_REQUEST));
		assert_int_equal(ev.update_requested, 0);
	}
}

static void test_types(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		check_types(KTLS_SERVER, (uint16_t)version);
		check_types(KTLS_CLIENT, (uint16_t)version);
	}
}

static void test_lengths(void **state)
{
	static const struct {
		enum ktls_role role;
		uint16_t version;
		const char *header;
		int alert;
	} cases[] = {
		{KTLS_SERVER, TLS1_3_VERSION, "18000000", KTLS_DECODE_ERROR},
		{KTLS_SERVER, TLS1_3_VERSION, "18000001", 0},
		{KTLS_SERVER, TLS1_3_VERSION, "18000002", KTLS_DECODE_ERROR},
		{KTLS_CLIENT, TLS1_3_VERSION, "18000100", KTLS_DECODE_ERROR},
		{KTLS_CLIENT, TLS1_3_VERSION, "18010001", KTLS_DECODE_ERROR},
		{KTLS_SERVER, TLS1_3_VERSION, "18ffffff", KTLS_DECODE_ERROR},
		{KTLS_CLIENT, TLS1_3_VERSION, "04020106", 0}, /* the longest ticket */
		{KTLS_CLIENT, TLS1_3_VERSION, "04020107", KTLS_DECODE_ERROR},
		{KTLS_CLIENT, TLS1_3_VERSION, "04ffffff", KTLS_DECODE_ERROR},
		{KTLS_SERVER, TLS1_3_VERSION, "04000010", KTLS_UNEXPECTED_MESSAGE},
		{KTLS_SERVER, TLS1_2_VERSION, "01010000", 0},
		{KTLS_SERVER, TLS1_2_VERSION, "01010001", KTLS_DECODE_ERROR},
		{KTLS_SERVER, TLS1_2_VERSION, "01ffffff", KTLS_DECODE_ERROR},
		{KTLS_CLIENT, TLS1_2_VERSION, "00000000", 0},
		{KTLS_CLIENT, TLS1_2_VERSION, "00000001", KTLS_DECODE_ERROR},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct ktls_post_events ev;
		uint8_t header[4];

		unhex(cases[i].header, header, sizeof(header));
		assert_int_equal(
			take(cases[i].role, cases[i].version, header, sizeof(header), &ev), cases[i].alert);
	}
}

static void test_key_update_values(void **state)
{
	struct ktls_post_events ev;

	(void)state;
	for (unsigned value = 0; value < 256; value++)
		for (int role = KTLS_SERVER; role <= KTLS_CLIENT; role++) {
			uint8_t bytes[5] = {KEY_UPDATE, 0, 0, 1, (uint8_t)value};

			assert_int_equal(take((enum ktls_role)role, TLS1_3_VERSION, bytes, 5, &ev),
				value > 1 ? KTLS_ILLEGAL_PARAMETER : 0);
			assert_int_equal(ev.key_update, value <= 1);
			assert_int_equal(ev.update_requested, value == 1);
		}
}

static void test_empty_fragments(void **state)
{
	struct ktls_post post = {.have = 0};
	struct ktls_post_events ev;

	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
		assert_int_equal(take(KTLS_SERVER, (uint16_t)version, "", 0, &ev), KTLS_UNEXPECTED_MESSAGE);
	assert_int_equal(
		ktls_post_take(&post, KTLS_SERVER, TLS1_3_VERSION, (const uint8_t *)KEY_UPDATE_BYTES, 4, &ev),
		0);
	assert_true(ktls_post_pending(&post));
	assert_int_equal(
		ktls_post_take(&post, KTLS_SERVER, TLS1_3_VERSION, NULL, 0, &ev), KTLS_UNEXPECTED_MESSAGE);
}

/* Nothing may stand behind a KeyUpdate under its key, not even the beginning of another message. */
static void test_nothing_behind_key_update(void **state)
{
	struct ktls_post_events ev;
	uint8_t bytes[10] = {KEY_UPDATE, 0, 0, 1, 0, KEY_UPDATE, 0, 0, 1, 0};

	(void)state;
	for (size_t len = 6; len <= sizeof(bytes); len++)
		assert_int_equal(take(KTLS_SERVER, TLS1_3_VERSION, bytes, len, &ev), KTLS_UNEXPECTED_MESSAGE);
	bytes[5] = NEW_SESSION_TICKET;
	assert_int_equal(take(KTLS_CLIENT, TLS1_3_VERSION, bytes, 6, &ev), KTLS_UNEXPECTED_MESSAGE);
}

/* A ticket and a KeyUpdate in a record; cut at `cut` they arrive in two. */
static void check_cut(size_t cut)
{
	struct ktls_post post = {.have = 0};
	struct ktls_post_events first, second;
	uint8_t bytes[64];
	size_t ticket = message(bytes, NEW_SESSION_TICKET, 20, 9);
	size_t len = ticket + message(bytes + ticket, KEY_UPDATE, 1, 1);

	assert_int_equal(ktls_post_take(&post, KTLS_CLIENT, TLS1_3_VERSION, bytes, cut, &first), 0);
	assert_int_equal(ktls_post_pending(&post), cut != ticket && cut != len);
	assert_int_equal(first.tickets, cut >= ticket);
	assert_int_equal(first.key_update, cut == len);
	if (cut == len)
		return;
	assert_int_equal(
		ktls_post_take(&post, KTLS_CLIENT, TLS1_3_VERSION, bytes + cut, len - cut, &second), 0);
	assert_false(ktls_post_pending(&post));
	assert_int_equal(first.tickets + second.tickets, 1);
	assert_true(second.key_update && second.update_requested);
}

static void test_every_cut(void **state)
{
	(void)state;
	for (size_t cut = 1; cut <= 24 + 5; cut++)
		check_cut(cut);
}

/* Any messages in pieces of any one length: the same events, whatever the length is. */
static void check_pieces(enum ktls_role role, uint16_t version, const uint8_t *p, size_t len, size_t piece,
	struct ktls_post_events *sum)
{
	struct ktls_post post = {.have = 0};

	memset(sum, 0, sizeof(*sum));
	for (size_t off = 0; off < len; off += piece) {
		struct ktls_post_events ev;
		size_t n = piece < len - off ? piece : len - off;

		assert_int_equal(ktls_post_take(&post, role, version, p + off, n, &ev), 0);
		sum->tickets += ev.tickets;
		assert_true(!ev.ticket == !ev.ticket_len);
		if (ev.ticket) /* never more than lies in the record */
			assert_true(ev.ticket >= p + off && ev.ticket + ev.ticket_len <= p + off + n);
		sum->key_update += ev.key_update;
		sum->renegotiation += ev.renegotiation;
	}
	assert_false(ktls_post_pending(&post));
}

static void test_pieces(void **state)
{
	uint8_t bytes[1200];
	struct ktls_post_events sum;
	size_t len = 0;

	(void)state;
	for (unsigned i = 0; i < 5; i++) /* one of them without a body */
		len += message(bytes + len, NEW_SESSION_TICKET, i * 50, 0xff);
	for (size_t piece = 1; piece <= len; piece++) {
		check_pieces(KTLS_CLIENT, TLS1_3_VERSION, bytes, len, piece, &sum);
		assert_int_equal(sum.tickets, 5);
		assert_true(!sum.key_update && !sum.renegotiation);
	}
	len = message(bytes, CLIENT_HELLO, 500, 3);
	for (size_t piece = 1; piece <= len; piece++) {
		check_pieces(KTLS_SERVER, TLS1_2_VERSION, bytes, len, piece, &sum);
		assert_int_equal(sum.renegotiation, 1);
		assert_int_equal(sum.tickets, 0);
	}
}

/* Which tickets are handed out: those that lie in one record as a whole. */
static void test_whole_tickets(void **state)
{
	static const struct {
		size_t cut;
		size_t first, first_len, second, second_len; /* of the two records: where they are */
	} cases[] = {
		{1, 0, 0, 14, 34 - 14}, {13, 0, 0, 14, 34 - 14}, {14, 0, 14, 14, 34 - 14}, {15, 0, 14, 0, 0},
		{33, 0, 14, 0, 0}, {34, 0, 34, 0, 0}, /* in front of the KeyUpdate */
	};
	uint8_t bytes[64], out[64];
	size_t len = message(bytes, NEW_SESSION_TICKET, 10, 1);

	(void)state;
	len += message(bytes + len, NEW_SESSION_TICKET, 16, 2);
	assert_int_equal(len, 34);
	len += message(bytes + len, KEY_UPDATE, 1, 0);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct ktls_post post = {.have = 0};
		struct ktls_post_events ev;
		size_t cut = cases[i].cut, have = 0;

		assert_int_equal(ktls_post_take(&post, KTLS_CLIENT, TLS1_3_VERSION, bytes, cut, &ev), 0);
		assert_int_equal(ev.ticket_len, cases[i].first_len);
		if (ev.ticket) {
			assert_ptr_equal(ev.ticket, bytes + cases[i].first);
			have = ktls_post_copy_tickets(&ev, out, have, sizeof(out));
		}
		assert_int_equal(
			ktls_post_take(&post, KTLS_CLIENT, TLS1_3_VERSION, bytes + cut, len - cut, &ev), 0);
		assert_int_equal(ev.key_update, 1);
		assert_int_equal(ev.ticket_len, cases[i].second_len);
		if (ev.ticket) {
			assert_ptr_equal(ev.ticket, bytes + cases[i].second);
			have = ktls_post_copy_tickets(&ev, out, have, sizeof(out));
		}
		assert_int_equal(have, cases[i].first_len + cases[i].second_len);
		if (have)
			assert_memory_equal(
				out, bytes + (cases[i].first_len ? cases[i].first : cases[i].second), have);
	}
}

/* What does not fit is left out, not cut; what follows and does is taken. */
static void test_room_for_tickets(void **state)
{
	struct ktls_post_events ev;
	uint8_t bytes[64], out[34];
	size_t len = message(bytes, NEW_SESSION_TICKET, 16, 1);

	(void)state;
	len += message(bytes + len, NEW_SESSION_TICKET, 10, 2);
	assert_int_equal(take(KTLS_CLIENT, TLS1_3_VERSION, bytes, len, &ev), 0);
	assert_int_equal(ktls_post_copy_tickets(&ev, out, 0, 34), 34);
	assert_memory_equal(out, bytes, 34);
	assert_int_equal(ktls_post_copy_tickets(&ev, out, 0, 33), 20);
	assert_int_equal(ktls_post_copy_tickets(&ev, out, 0, 19), 14);
	assert_memory_equal(out, bytes + 20, 14);
	assert_int_equal(ktls_post_copy_tickets(&ev, out, 20, 34), 34);
	assert_memory_equal(out + 20, bytes + 20, 14);
	assert_int_equal(ktls_post_copy_tickets(&ev, out, 21, 34), 21);
	assert_int_equal(ktls_post_copy_tickets(&ev, out, 34, 34), 34);
}

/* The bytes of a ticket are not looked at: a KeyUpdate among them is none. */
static void test_bodies_mean_nothing(void **state)
{
	uint8_t bytes[14] = {NEW_SESSION_TICKET, 0, 0, 10, KEY_UPDATE, 0, 0, 1, 1, KEY_UPDATE, 0, 0, 1, 2};
	struct ktls_post_events sum;

	(void)state;
	for (size_t piece = 1; piece <= sizeof(bytes); piece++) {
		check_pieces(KTLS_CLIENT, TLS1_3_VERSION, bytes, sizeof(bytes), piece, &sum);
		assert_true(sum.tickets == 1 && !sum.key_update);
	}
}

/* A good message first: the bad one behind it counts. */
static void test_bad_behind_good(void **state)
{
	uint8_t bytes[32];
	struct ktls_post_events ev;
	size_t good = message(bytes, NEW_SESSION_TICKET, 3, 0), len;

	(void)state;
	len = good + message(bytes + good, CERTIFICATE_REQUEST, 3, 0);
	assert_int_equal(take(KTLS_CLIENT, TLS1_3_VERSION, bytes, len, &ev), KTLS_UNEXPECTED_MESSAGE);
	len = good + message(bytes + good, KEY_UPDATE, 1, 2);
	assert_int_equal(take(KTLS_CLIENT, TLS1_3_VERSION, bytes, len, &ev), KTLS_ILLEGAL_PARAMETER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_key_update_values),
		cmocka_unit_test(test_empty_fragments),
		cmocka_unit_test(test_nothing_behind_key_update),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_whole_tickets),
		cmocka_unit_test(test_room_for_tickets),
		cmocka_unit_test(test_bodies_mean_nothing),
		cmocka_unit_test(test_bad_behind_good),
	};

	return cmocka_run_group_tests_name("post", tests, NULL, NULL);
}
