/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into Kamailio by tests: makes a chosen call of one process fail once. What is chosen lies in a
 * file that the test and all processes map; faults.py writes it.
 */
#include "ser/host/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
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
	SHARE,
};

struct control {
	int32_t pid;
	int32_t call;
	int32_t nth; /* 0: none fails, they are only counted */
	int32_t error;
	int32_t seen;
	int32_t failed;
	int32_t counted; /* the process whose blocks are counted */
	int32_t blocks;  /* it allocated and did not free; only differences say something */
};

static struct control *control;

static void map_control(void)
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

static int32_t self; /* asking the kernel at each allocation would take longer than the rest */

static int is_this(int32_t pid)
{
	return pid && pid == self;
}

static int fails(enum call call)
{
	if (!control || control->call != (int32_t)call || !is_this(control->pid))
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

int fcntl(int fd, int command, ...)
{
	va_list args;
	long arg;

	va_start(args, command);
	arg = va_arg(args, long);
	va_end(args);
	if (command == F_SETFL && fails(NONBLOCK))
		return -1;
	return (int)syscall(SYS_fcntl, fd, command, arg);
}

int fcntl64(int fd, int command, ...) __attribute__((alias("fcntl")));

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
void __libc_free(void *p);

static void count_blocks(int change)
{
	if (control && is_this(control->counted))
		control->blocks += change;
}

static void *count_block(void *p)
{
	if (p)
		count_blocks(1);
	return p;
}

void *malloc(size_t size)
{
	return fails(ALLOCATE) ? NULL : count_block(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	return fails(ALLOCATE) ? NULL : count_block(__libc_calloc(count, size));
}

void *realloc(void *p, size_t size)
{
	void *moved;

	if (!p)
		return malloc(size);
	if (fails(ALLOCATE))
		return NULL;
	moved = __libc_realloc(p, size);
	if (!moved && !size)
		count_blocks(-1);
	return moved;
}

void free(void *p)
{
	if (p)
		count_blocks(-1);
	__libc_free(p);
}

/* The core's allocators of shared memory are functions that it calls through pointers, one set a process. */
typedef void *shared_alloc(
	void *block, size_t size, const char *file, const char *func, unsigned line, const char *module);

static shared_alloc *core_alloc, *core_calloc;

static void *fail_alloc(
	void *block, size_t size, const char *file, const char *func, unsigned line, const char *module)
{
	return fails(SHARE) ? NULL : core_alloc(block, size, file, func, line, module);
}

static void *fail_calloc(
	void *block, size_t size, const char *file, const char *func, unsigned line, const char *module)
{
	return fails(SHARE) ? NULL : core_calloc(block, size, file, func, line, module);
}

static void stand_in_front(void)
{
	if (!_shm_root.xmalloc || _shm_root.xmalloc == fail_alloc)
		return;
	core_alloc = _shm_root.xmalloc;
	core_calloc = (shared_alloc *)_shm_root.xmallocxz;
	_shm_root.xmalloc = fail_alloc;
	_shm_root.xmallocxz = (void *)fail_calloc;
}

static void start_process(void)
{
	self = (int32_t)getpid();
	stand_in_front();
}

static void __attribute__((constructor)) start(void)
{
	map_control();
	start_process();
	pthread_atfork(NULL, NULL, start_process);
}
