/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams whose records another process protects: plain text both ways, and nothing else is done here. */
#include "line.h"

#include "ktls/sys.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void open_relayed(struct line *l)
{
	struct ktls_session_keys none;

	memset(&none, 0, sizeof(none));
	line_open(l, TLS1_2_VERSION, KTLS_AES_128_GCM);
	ktls_stream_init(&l->stream, KTLS_HOME_RELAYED, &none, 0);
}

static void test_plain_text(void **state)
{
	struct ktls_read r;
	struct line l;
	char buf[8];

	(void)state;
	open_relayed(&l);
	assert_int_equal(line_read(&l, buf, sizeof(buf), &r), 0);
	assert_true(r.end == KTLS_END_NONE && r.drained && !r.more && !r.respond);
	line_send(&l, "\25\3\3\0\2\1\0text", 11); /* what looks like an alert is content, too */
	assert_int_equal(line_read(&l, buf, sizeof(buf), &r), 8);
	assert_memory_equal(buf, "\25\3\3\0\2\1\0t", 8);
	assert_true(r.end == KTLS_END_NONE && !r.drained);
	assert_int_equal(line_read(&l, buf, sizeof(buf), &r), 3);
	assert_true(r.end == KTLS_END_NONE && r.drained);
	assert_null(l.stream.stash);
	line_hang_up(&l);
	assert_int_equal(line_read(&l, buf, sizeof(buf), &r), 0);
	assert_true(r.end == KTLS_END_CLOSE_NOTIFY && !r.owed && !r.error);
	line_close(&l);
}

/* The relay says goodbye and answers requests; this end must not put a record between plain text. */
static void test_sends_nothing(void **state)
{
	struct line l;

	(void)state;
	open_relayed(&l);
	assert_int_equal(ktls_stream_send_alert(&l.stream, l.ours, KTLS_CLOSE_NOTIFY), 0);
	assert_int_equal(ktls_stream_send_alert(&l.stream, l.ours, KTLS_INTERNAL_ERROR), 0);
	assert_int_equal(ktls_stream_respond(&l.stream, l.ours), 0);
	line_hear_nothing(&l);
	line_close(&l);
}

static int recv_errno;

static ssize_t failing_recv(int fd, void *buf, size_t len, int flags)
{
	(void)fd;
	(void)buf;
	assert_true(len > 0 && flags & MSG_DONTWAIT);
	errno = recv_errno;
	return -1;
}

static void test_system_errors(void **state)
{
	static const struct {
		int error;
		enum ktls_end end;
		int drained;
	} cases[] = {{EAGAIN, KTLS_END_NONE, 1}, {EINTR, KTLS_END_NONE, 0}, {ECONNRESET, KTLS_END_ERROR, 0}};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct ktls_read r;
		struct line l;
		char buf[8];

		open_relayed(&l);
		recv_errno = cases[i].error;
		ktls_sys.recv = failing_recv;
		assert_int_equal(line_read(&l, buf, sizeof(buf), &r), 0);
		ktls_sys.recv = recv;
		assert_int_equal(r.end, cases[i].end);
		assert_int_equal(r.drained, cases[i].drained);
		assert_int_equal(r.error, cases[i].end == KTLS_END_ERROR ? -cases[i].error : 0);
		assert_int_equal(r.owed, 0);
		line_close(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_text),
		cmocka_unit_test(test_sends_nothing),
		cmocka_unit_test(test_system_errors),
	};

	return cmocka_run_group_tests_name("home_relayed", tests, NULL, NULL);
}
