/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into Kamailio by tests: makes a chosen call of one process fail once. What is chosen lies in a
 * file that the test and all processes map; faults.py writes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

enum call { /* as in faults.py */
	NO_CALL,
	ULP,
	KEYS_TX,
	KEYS_RX,
	NONBLOCK,
	GIVE_AWAY,
	PAIR,
	ALLOCATE,
};

struct control {
	int32_t pid;
	int32_t call;
	int32_t nth; /* 0: none fails, they are only counted */
	int32_t error;
	int32_t seen;
	int32_t failed;
};

static struct control *control;

static void __attribute__((constructor)) map_control(void)
{
	const char *path = getenv("FAULTS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		control = p;
}

static int fails(enum call call)
{
	if (!control || control->call != (int32_t)call || control->pid != (int32_t)syscall(SYS_getpid))
		return 0;
	if (++control->seen != control->nth)
		return 0;
	control->failed++;
	errno = control->error;
	return 1;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	enum call call = level == IPPROTO_TCP && name == TCP_ULP ? ULP
			 : level == SOL_TLS && name == TLS_TX    ? KEYS_TX
			 : level == SOL_TLS && name == TLS_RX    ? KEYS_RX
								 : NO_CALL;

	if (call != NO_CALL && fails(call))
		return -1;
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

static int do_fcntl(int fd, int command, long arg)
{
	if (command == F_SETFL && fails(NONBLOCK))
		return -1;
	return (int)syscall(SYS_fcntl, fd, command, arg);
}

int fcntl(int fd, int command, ...)
{
	va_list args;
	long arg;

	va_start(args, command);
	arg = va_arg(args, long);
	va_end(args);
	return do_fcntl(fd, command, arg);
}

int fcntl64(int fd, int command, ...)
{
	va_list args;
	long arg;

	va_start(args, command);
	arg = va_arg(args, long);
	va_end(args);
	return do_fcntl(fd, command, arg);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && fails(GIVE_AWAY))
		return -1;
	return syscall(SYS_sendmsg, fd, msg, flags);
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
	if (fails(PAIR))
		return -1;
	return (int)syscall(SYS_socketpair, domain, type, protocol, fds);
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
	return fails(ALLOCATE) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails(ALLOCATE) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	return fails(ALLOCATE) ? NULL : __libc_realloc(p, size);
}
