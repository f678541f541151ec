/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A taken-over engine: with this library in front of the C library, an engine does what a client asks of it
 * in plain text, "TRY <number>", and answers with a number: what came of it, or a negative errno. It runs
 * where the engine has just accepted the client, with all that the engine has and may do. With UNFILTERED in
 * its environment no filter of system calls is loaded, so that the rest has to hold alone.
 */
#include "ser/shared/scoreboard.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

struct range {
	char *start, *end;
};

static int is_engine;
static pid_t parent;
static struct range scoreboard, keys; /* as the engine inherits them */

static long result(long rc)
{
	return rc < 0 ? -errno : rc;
}

/* How many pages can be written; each byte that is written is the one that is there. */
static long writable(struct range r)
{
	long count = 0;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	for (char *at = r.start; at < r.end; at += 4096) {
		char byte;

		if (send(pair[0], at, 1, 0) != 1)
			return -errno;
		if (recv(pair[1], at, 1, MSG_DONTWAIT) == 1)
			count++;
		else
			recv(pair[1], &byte, 1, 0);
	}
	close(pair[0]);
	close(pair[1]);
	return count;
}

/* Behind the page that it may write lie those of other engines. */
static long grow_scoreboard(void)
{
	struct range page;

	for (page = scoreboard; page.start < scoreboard.end; page.start += 4096) {
		page.end = page.start + 4096;
		if (writable(page) == 1)
			return mremap(page.start, 4096, 2 * 4096, MREMAP_MAYMOVE) == MAP_FAILED ? -errno : 1;
	}
	return 0;
}

/* Of an open file that it shares with others. */
static long clear_nonblock(void)
{
	return result(fcntl(STDIN_FILENO, F_SETFL, 0));
}

/* As an engine that cannot start. */
static long exit_as_at_the_start(void)
{
	_exit(2);
}

static long unprotect(struct range r)
{
	return result(mprotect(r.start, (size_t)(r.end - r.start), PROT_READ | PROT_WRITE));
}

static long write_scoreboard(void)
{
	return writable(scoreboard);
}

static long write_keys(void)
{
	return writable(keys);
}

static long unprotect_scoreboard(void)
{
	return unprotect(scoreboard);
}

static long unprotect_keys(void)
{
	return unprotect(keys);
}

static long open_file(void)
{
	return result(open("/etc/passwd", O_RDONLY));
}

static long open_memory(void)
{
	return result(open("/proc/self/mem", O_RDWR));
}

/* To connect to ctl, or anywhere. */
static long make_local_socket(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static long make_socket(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static long make_datagram_pair(void)
{
	int pair[2];

	return result(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
}

/* To nobody. What waits counts for all processes of this user. */
static long pass_descriptor(void)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec byte = {"", 1};
	struct msghdr msg = {.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	memcpy(CMSG_DATA(&control.head), pair, sizeof(int));
	return result(sendmsg(pair[1], &msg, MSG_DONTWAIT));
}

static long kill_supervisor(void)
{
	return result(kill(parent, 0));
}

static long trace_supervisor(void)
{
	return result(ptrace(PTRACE_ATTACH, parent, NULL, NULL));
}

static long take_descriptor(void)
{
	return result(syscall(SYS_pidfd_open, parent, 0));
}

static long write_supervisor(void)
{
	char byte = 0;
	struct iovec from = {&byte, 0}, to = {&parent, 0};

	return result(process_vm_writev(parent, &from, 1, &to, 1, 0));
}

static long run_program(void)
{
	return result(execl("/bin/true", "true", NULL));
}

static long fork_process(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return result(pid);
}

static long make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -errno : 0;
}

static long make_ring(void)
{
	struct io_uring_params params = {0};

	return result(syscall(SYS_io_uring_setup, 8, &params));
}

/* To a port where nobody listens. */
static long connect_port(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(1), .sin_addr = {htonl(INADDR_LOOPBACK)}};

	return result(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof(to)));
}

/* Where the test listens. */
static long connect_abstract(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "\0ser-ktls breakout"};
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + sizeof("\0ser-ktls breakout") - 1;

	return result(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&to, len));
}

/* The engine's, where it says that it has so many handshakes under way, whatever it counts. */
static struct engine_page *claimed;

static long claim_handshakes(void)
{
	struct range page;

	for (page = scoreboard; page.start < scoreboard.end; page.start += 4096) {
		page.end = page.start + 4096;
		if (writable(page) == 1)
			claimed = (struct engine_page *)page.start;
	}
	return claimed != NULL;
}

static struct io_uring *ring; /* the engine's */
static int (*real_submit_and_wait)(struct io_uring *ring, unsigned count);

int io_uring_submit_and_wait(struct io_uring *r, unsigned count)
{
	ring = r;
	if (claimed)
		claimed->handshakes = INT32_MAX;
	if (!real_submit_and_wait)
		*(void **)&real_submit_and_wait =
			dlsym(dlopen("liburing.so.2", RTLD_NOW | RTLD_NOLOAD), "io_uring_submit_and_wait");
	return real_submit_and_wait(r, count);
}

/* An operation that no filter of system calls sees. Its completion is taken from between the engine's. */
static long make_socket_by_ring(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	unsigned head;

	if (!sqe)
		return -EBUSY;
	io_uring_prep_rw(IORING_OP_SOCKET, sqe, AF_INET, NULL, 0, SOCK_STREAM);
	io_uring_sqe_set_data(sqe, &ring);
	for (;;) {
		real_submit_and_wait(ring, 1);
		io_uring_for_each_cqe(ring, head, cqe)
		{
			if (io_uring_cqe_get_data(cqe) != &ring)
				continue;
			cqe->user_data = 0;
			return cqe->res;
		}
	}
}

int seccomp_load(void *filter)
{
	int (*load)(void *filter);

	if (getenv("UNFILTERED"))
		return 0;
	*(void **)&load = dlsym(dlopen("libseccomp.so.2", RTLD_NOW | RTLD_NOLOAD), "seccomp_load");
	return load(filter);
}

/* breakout.py has the same order. */
static long (*const attempts[])(void) = {
	write_scoreboard,
	write_keys,
	unprotect_scoreboard,
	unprotect_keys,
	open_file,
	open_memory,
	make_local_socket,
	make_socket,
	make_datagram_pair,
	kill_supervisor,
	trace_supervisor,
	take_descriptor,
	write_supervisor,
	run_program,
	fork_process,
	make_code,
	make_ring,
	grow_scoreboard,
	clear_nonblock,
	exit_as_at_the_start,
	connect_port,
	connect_abstract,
	make_socket_by_ring,
	claim_handshakes,
	pass_descriptor,
};

static void obey(int fd)
{
	char text[64] = "", answer[32];
	unsigned number;

	if (recv(fd, text, sizeof(text) - 1, MSG_PEEK) <= 0 || sscanf(text, "TRY %u\n", &number) != 1 ||
		number >= sizeof(attempts) / sizeof(attempts[0]))
		return;
	snprintf(answer, sizeof(answer), "%ld\n", attempts[number]());
	send(fd, answer, strlen(answer), MSG_NOSIGNAL);
}

/* The engine asks for the name of each connection that it accepts. */
int getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
	if (is_engine)
		obey(fd);
	return (int)syscall(SYS_getsockname, fd, address, len);
}

static void note_mapping(const char *line)
{
	struct range r;
	char mode[5];

	if (sscanf(line, "%p-%p %4s", (void **)&r.start, (void **)&r.end, mode) != 3 || strcmp(mode, "rw-s"))
		return;
	if (strstr(line, "memfd:ser-ktls scoreboard"))
		scoreboard = r;
	else if (strstr(line, "memfd:ser-ktls ticket keys"))
		keys = r;
}

/* Of the processes that are forked, only an engine has a parent without privileges. */
static void forked(void)
{
	FILE *maps;
	char line[512];

	is_engine = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	parent = getppid();
	maps = is_engine ? fopen("/proc/self/maps", "r") : NULL;
	while (maps && fgets(line, sizeof(line), maps))
		note_mapping(line);
	if (maps)
		fclose(maps);
}

static void __attribute__((constructor)) start(void)
{
	pthread_atfork(NULL, NULL, forked);
}
