/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "turns.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum {
	TICK_MS = 10,
	PATIENCE_MS = 40000, /* for the slowest machine; nothing ever waits for it to be over */
};

static void ticked(struct uring_op *op, int res)
{
	struct turns *t = (struct turns *)((char *)op - offsetof(struct turns, tick));

	(void)res;
	assert_int_equal(uring_timeout(t->loop, op, &t->span), 0);
}

static void open_with(struct turns *t, int (*make)(struct uring_loop **loop, const char **why))
{
	const char *why;

	memset(t, 0, sizeof(*t));
	if (make(&t->loop, &why))
		fail_msg("no loop: %s", why);
	t->span.tv_nsec = TICK_MS * 1000000L;
	t->tick.done = ticked;
	assert_int_equal(uring_timeout(t->loop, &t->tick, &t->span), 0);
}

void turns_open(struct turns *t)
{
	open_with(t, uring_loop_new);
}

void turns_open_restricted(struct turns *t)
{
	open_with(t, uring_loop_new_restricted);
}

int turns_can_restrict(void)
{
	struct utsname system;
	int major, minor;

	assert_int_equal(uname(&system), 0);
	assert_int_equal(sscanf(system.release, "%d.%d", &major, &minor), 2);
	return major > 5 || (major == 5 && minor > 10);
}

void turns_close(struct turns *t)
{
	uring_loop_free(t->loop);
	t->loop = NULL;
}

void turns_until(struct turns *t, int (*over)(void *arg), void *arg)
{
	int64_t end = ktls_clock_ms() + PATIENCE_MS;

	while (!over(arg)) {
		assert_int_equal(uring_turn(t->loop), 0);
		assert_true(ktls_clock_ms() < end);
	}
}

static void completed(struct uring_op *op, int res)
{
	struct waited *w = (struct waited *)op;

	w->times++;
	w->res = res;
}

struct uring_op *waited_op(struct waited *w)
{
	*w = (struct waited){.op.done = completed};
	return &w->op;
}

static int has_completed(void *arg)
{
	return ((struct waited *)arg)->times > 0;
}

int turns_wait(struct turns *t, struct waited *w)
{
	turns_until(t, has_completed, w);
	assert_int_equal(w->times, 1);
	return w->res;
}

int listen_on_loopback(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	*at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)at, len), 0);
	assert_int_equal(listen(fd, SOMAXCONN), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
	return fd;
}

int connect_to(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)at, sizeof(*at)), 0);
	return fd;
}

unsigned count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

void reset_on_close(int fd)
{
	struct linger at_once = {.l_onoff = 1};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
}
