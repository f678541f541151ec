/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/outbound/descriptor_swap.h"

#include "ser/shared/scoreboard.h"
#include "uring/pass_fd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 2000,
	DONE = 1, /* the answers, as values of an eventfd */
	NOT_DONE = 2,
	SWAP_SIGNAL = SIGURG, /* a process that does not expect it ignores it */
};

struct swap_request {
	int fd; /* tcp_main's descriptor */
	ino_t placeholder;
};

static int channel[2] = {-1, -1}; /* tcp_main reads [0], readers write to [1] */
static int answered = -1;         /* this reader's eventfd */

int descriptor_swap_prepare(void)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, channel) ? -errno : 0;
}

/* Check the descriptor's inode, because tcp_main may meanwhile have closed it and opened others. */
static uint64_t carry_out(const struct swap_request *o, int fd)
{
	struct stat st;

	if (fd < 0 || fstat(o->fd, &st) || st.st_ino != o->placeholder || !S_ISSOCK(st.st_mode))
		return NOT_DONE;
	return dup2(fd, o->fd) == o->fd ? DONE : NOT_DONE;
}

/*
 * In a signal handler, because tcp_main has no place where a module could run. It touches none of SER's
 * memory, and whatever it interrupts uses the descriptor's number, not what it refers to.
 */
static void requested(int sig)
{
	int fds[2], e = errno;
	struct swap_request o;
	uint64_t answer;

	(void)sig;
	while (uring_take_fds(channel[0], &o, sizeof(o), fds, 2) == sizeof(o)) {
		answer = carry_out(&o, fds[0]);
		if (write(fds[1], &answer, sizeof(answer)) < 0)
			answer = 0; /* the reader does not wait any more */
		close(fds[0]);
		close(fds[1]);
	}
	errno = e;
}

void descriptor_swap_serve(void)
{
	struct sigaction act = {.sa_handler = requested, .sa_flags = SA_RESTART};

	sigaction(SWAP_SIGNAL, &act, NULL);
	scoreboard_set_tcp_main(getpid());
}

static int await_answer(void)
{
	struct pollfd p = {.fd = answered, .events = POLLIN};
	uint64_t answer;
	int rc;

	do
		rc = poll(&p, 1, PATIENCE_MS);
	while (rc < 0 && errno == EINTR);
	if (rc == 1 && read(answered, &answer, sizeof(answer)) == sizeof(answer))
		return answer == DONE ? 0 : -ESTALE;
	close(answered); /* otherwise a late answer would count for the next request */
	answered = -1;
	return -ETIMEDOUT;
}

static int tell_tcp_main(const struct swap_request *o, int fd)
{
	int fds[2] = {fd, answered}, rc;
	pid_t pid = scoreboard_tcp_main();

	if (!pid)
		return -ESRCH;
	rc = uring_pass_fds(channel[1], o, sizeof(*o), fds, 2);
	if (rc)
		return rc;
	return kill(pid, SWAP_SIGNAL) ? -errno : await_answer();
}

int descriptor_swap(struct host_tcp_connection *c, int fd)
{
	struct swap_request o = {.fd = c->s};
	struct stat st;
	int rc = 0;

	if (answered < 0)
		answered = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (answered < 0 || fstat(c->fd, &st))
		rc = -errno;
	if (!rc) {
		o.placeholder = st.st_ino;
		rc = tell_tcp_main(&o, fd);
	}
	if (!rc && dup2(fd, c->fd) < 0)
		rc = -errno;
	close(fd);
	return rc;
}
