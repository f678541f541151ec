/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/connection/listeners.h"

#include "ser/shared/log.h"
#include "ser/shared/shortage.h"
#include "uring/address.h"

#include <errno.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 65535, /* the kernel gives as much of it as net.core.somaxconn allows */
};

static int sockets[LISTENERS_MAX];
static struct host_socket_info *cores[LISTENERS_MAX];
static unsigned taken;
static struct sockaddr_un replacement_address; /* the first one's */
static socklen_t replacement_address_len;

/* A listening socket whose name the kernel chose; it never becomes readable by itself. */
static int open_replacement(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(sa_family_t)) || listen(fd, 4) ||
		getsockname(fd, (struct sockaddr *)&addr, &len)) {
		close(fd);
		return -1;
	}
	if (!replacement_address_len) {
		replacement_address = addr;
		replacement_address_len = len;
	}
	return fd;
}

int listeners_take(struct host_socket_info *si)
{
	char text[URING_ADDRESS_TEXT];
	int replacement;

	if (tcp_init(si))
		return -1; /* the core has logged why */
	/* A crowd must not fill it between two looks of the engine: a SYN that is lost comes again a second
	 * later. */
	listen(si->socket, BACKLOG);
	si->proto = HOST_PROTO_TLS;
	uring_address_text(&si->su.s, text);
	if (taken == LISTENERS_MAX) {
		ser_log(LOG_LEVEL_ERROR,
			"listen: tls:%s is more than the %d TLS listeners this module can serve", text,
			LISTENERS_MAX);
		return -1;
	}
	replacement = open_replacement();
	if (replacement < 0) {
		ser_log(LOG_LEVEL_ERROR, "listen: no AF_UNIX socket can be made to stand in for tls:%s: %s",
			text, shortage_text(-errno));
		return -1;
	}
	sockets[taken] = si->socket;
	cores[taken++] = si;
	si->socket = replacement;
	return 0;
}

const int *listeners_all(unsigned *count)
{
	*count = taken;
	return sockets;
}

struct host_socket_info *listeners_core(unsigned number)
{
	return cores[number];
}

void listeners_close(void)
{
	while (taken)
		close(sockets[--taken]);
}

void listeners_stop(void)
{
	for (unsigned i = 0; i < taken; i++)
		shutdown(sockets[i], SHUT_RDWR);
	listeners_close();
}

int listeners_wake_tcp_main(void)
{
	static int fd = -1;

	if (!replacement_address_len)
		return -1;
	if (fd >= 0)
		close(fd); /* the one of the call before */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* It stays open, because accept() in tcp_main must still find it. */
	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&replacement_address, replacement_address_len);
}
