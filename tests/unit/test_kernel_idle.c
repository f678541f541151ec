/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records without content that the kernel reads and does not hand out, seen through the seam. */
#include "seam.h"

#include "ktls/stream.h"

#include <errno.h>
#include <string.h>

enum {
	START = 7, /* the number of the first record */
};

static const struct seam_answer nothing = {-EAGAIN, 0, ""}, unseen = {-EAGAIN, 23, ""},
				ahead = {-EINTR, 23, ""}, text = {4, 23, "text"}, warning = {2, 21, "\1\132"};

static struct ktls_stream open_stream(void)
{
	struct ktls_session_keys keys = {.rx = make_key(TLS1_3_VERSION, KTLS_AES_128_GCM, 1),
		.tx = make_key(TLS1_3_VERSION, KTLS_AES_128_GCM, 2)};
	struct ktls_stream s;

	seam_open();
	seam.next_number = keys.rx.seq = START;
	ktls_stream_init(&s, KTLS_HOME_KERNEL, &keys, 0);
	return s;
}

/* One call of recvmsg(), in which the kernel reads so many records. */
static enum ktls_end take(struct ktls_stream *s, const struct seam_answer *answer, uint64_t records)
{
	struct seam_answer list[2] = {*answer, nothing};
	struct ktls_read r;
	char buf[64];
	ssize_t n;

	if (answer == &ahead)
		list[0].n = 0;
	seam.next_number += records;
	seam_script(list, 2);
	n = ktls_stream_read(s, SEAM_FD, buf, sizeof(buf), NULL, &r);
	assert_int_equal(n, r.end == KTLS_END_NONE && answer == &text ? text.n : 0);
	if (r.end == KTLS_END_ERROR) {
		assert_true(r.error == -EDQUOT && r.owed && !r.drained);
		assert_int_equal(r.alert, KTLS_UNEXPECTED_MESSAGE);
	}
	return r.end;
}

/* However they come: one by one or all in one call. */
static void test_as_many_as_in_user_space(void **state)
{
	static const unsigned parts[] = {1, 2, 4, 8, 16, 32};

	(void)state;
	for (unsigned i = 0; i < COUNT(parts); i++) {
		struct ktls_stream s = open_stream();

		for (unsigned n = 0; n < KTLS_IDLE_RECORDS_MAX; n += parts[i])
			assert_int_equal(take(&s, &unseen, parts[i]), KTLS_END_NONE);
		assert_int_equal(take(&s, &unseen, 1), KTLS_END_ERROR);
		s = open_stream();
		assert_int_equal(take(&s, &unseen, KTLS_IDLE_RECORDS_MAX + parts[i]), KTLS_END_ERROR);
	}
}

/* Records of other types count, each once, also one that the kernel has read but not handed out yet. */
static void test_mixed(void **state)
{
	struct ktls_stream s = open_stream();

	(void)state;
	for (unsigned n = 0; n < KTLS_IDLE_RECORDS_MAX; n += 4) {
		assert_int_equal(take(&s, &ahead, 3 + 1), KTLS_END_NONE);
		assert_int_equal(take(&s, &warning, 0), KTLS_END_NONE);
	}
	assert_int_equal(take(&s, &warning, 1), KTLS_END_ERROR);
}

/* Content ends the count; those in front of it in the same call cannot be told from it at once. */
static void test_content_between(void **state)
{
	struct ktls_stream s = open_stream();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(take(&s, &unseen, KTLS_IDLE_RECORDS_MAX), KTLS_END_NONE);
		assert_int_equal(take(&s, &text, 1), KTLS_END_NONE);
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(take(&s, &text, KTLS_IDLE_RECORDS_MAX + 1), KTLS_END_NONE);
}

/* A peer that puts many in front of each byte of content is found out after some reads. */
static void test_before_content(void **state)
{
	struct ktls_stream s = open_stream();

	(void)state;
	for (unsigned i = 1; i < KTLS_UNCOUNTED_READS; i++)
		assert_int_equal(take(&s, &text, 100), KTLS_END_NONE);
	assert_int_equal(take(&s, &text, 100), KTLS_END_ERROR);
}

/* Messages cost no system call but their own, apart from one in a while. */
static void test_cost(void **state)
{
	struct ktls_stream s = open_stream();

	(void)state;
	for (unsigned i = 1; i <= 10 * KTLS_UNCOUNTED_READS; i++) {
		assert_int_equal(take(&s, &text, 1), KTLS_END_NONE);
		assert_int_equal(take(&s, &nothing, 0), KTLS_END_NONE);
		assert_int_equal(seam.numbers_told, i / KTLS_UNCOUNTED_READS);
	}
}

/* A kernel that does not tell its count: each read without content counts. */
static void test_without_count(void **state)
{
	struct ktls_stream s = open_stream();

	(void)state;
	seam.number_errno = EINVAL;
	for (unsigned i = 0; i < 3 * KTLS_UNCOUNTED_READS; i++)
		assert_int_equal(take(&s, &text, 1), KTLS_END_NONE);
	for (unsigned n = 0; n < KTLS_IDLE_RECORDS_MAX; n++)
		assert_int_equal(take(&s, &unseen, 1000), KTLS_END_NONE);
	assert_int_equal(take(&s, &unseen, 1), KTLS_END_ERROR);
}

/* Nothing may stand between the parts of a handshake message, not even nothing. */
static void test_inside_a_message(void **state)
{
	static const struct seam_answer part = {2, 22, "\30\0"};
	struct ktls_stream s = open_stream();
	struct ktls_read r;
	char buf[64];

	(void)state;
	assert_int_equal(take(&s, &part, 1), KTLS_END_NONE);
	seam.next_number++;
	seam_script(&unseen, 1);
	assert_int_equal(ktls_stream_read(&s, SEAM_FD, buf, sizeof(buf), NULL, &r), 0);
	assert_true(r.end == KTLS_END_ERROR && r.error == -EPROTO && r.owed);
	assert_int_equal(r.alert, KTLS_UNEXPECTED_MESSAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_as_many_as_in_user_space, seam_close),
		cmocka_unit_test_teardown(test_mixed, seam_close),
		cmocka_unit_test_teardown(test_content_between, seam_close),
		cmocka_unit_test_teardown(test_before_content, seam_close),
		cmocka_unit_test_teardown(test_cost, seam_close),
		cmocka_unit_test_teardown(test_without_count, seam_close),
		cmocka_unit_test_teardown(test_inside_a_message, seam_close),
	};

	return cmocka_run_group_tests_name("kernel_idle", tests, NULL, NULL);
}
