/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into Kamailio by tests: a network card that encrypts what is sent, as far as the kernel's words
 * about it go. It works as soon as there is a file with the name that the environment has in NIC. The records
 * are made by the kernel as ever.
 */
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/tls.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int questions = -1;

static int works(void)
{
	const char *name = getenv("NIC");

	return name && !access(name, F_OK);
}

static int counted(void)
{
	static const char text[] =
		"TlsTxDevice                     \t1\nTlsRxDevice                     \t0\n";
	int fd = memfd_create("tls_stat", 0);

	if (fd >= 0 && (write(fd, text, sizeof(text) - 1) < 0 || lseek(fd, 0, SEEK_SET)))
		abort();
	return fd;
}

int open(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	if (!strcmp(path, "/proc/self/net/tls_stat") && works())
		return counted();
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int socket(int domain, int type, int protocol)
{
	int fd = (int)syscall(SYS_socket, domain, type, protocol);

	if (domain == AF_NETLINK && protocol == NETLINK_SOCK_DIAG)
		questions = fd;
	return fd;
}

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	const struct {
		struct nlattr head;
		uint16_t how;
	} software = {{sizeof(software.head) + 2, TLS_INFO_TXCONF}, TLS_CONF_SW};
	const uint16_t hardware = TLS_CONF_HW;
	ssize_t n = syscall(SYS_recvfrom, fd, buf, len, flags, NULL, NULL);
	char *found =
		n > 0 && fd == questions ? memmem(buf, (size_t)n, &software, software.head.nla_len) : NULL;

	if (found)
		memcpy(found + sizeof(software.head), &hardware, sizeof(hardware));
	return n;
}
