/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seam between this library and the kernel: system calls that tests can make fail.
 *
 * Every system call whose failure a test must provoke goes through ktls_sys. Programs never touch it; tests
 * replace single entries and put them back. An entry behaves as its man page says (return value and errno),
 * so a replacement is a plain function.
 */
#ifndef KTLS_SYS_H
#define KTLS_SYS_H

#include <sys/socket.h>
#include <sys/types.h>

struct ktls_sys {
	int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t len);
	int (*getsockopt)(int fd, int level, int name, void *value, socklen_t *len);
	ssize_t (*recv)(int fd, void *buf, size_t len, int flags);
	ssize_t (*send)(int fd, const void *buf, size_t len, int flags);
	ssize_t (*recvmsg)(int fd, struct msghdr *msg, int flags);
	ssize_t (*sendmsg)(int fd, const struct msghdr *msg, int flags);
};

extern struct ktls_sys ktls_sys;

#endif
