/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring/close.h"

#include <sys/socket.h>
#include <unistd.h>

enum {
	DRAIN_BYTES = 65536,
};

/* With unread bytes, close() would send a reset, which may overtake the alert. */
void uring_close_politely(int fd)
{
	char sink[4096];
	int left = DRAIN_BYTES;
	ssize_t n;

	shutdown(fd, SHUT_WR);
	while (left > 0 && (n = recv(fd, sink, sizeof(sink), MSG_DONTWAIT)) > 0)
		left -= (int)n;
	close(fd);
}
