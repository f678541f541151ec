/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/outbound/orders.h"

#include "uring/pass_fd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum {
	SILENT_SECONDS = 2,
	CHANNEL_BUFFER = 1024 * 1024, /* the kernel grants what net.core.wmem_max allows, doubled */
};

static int channels[SCOREBOARD_ENGINES_MAX][2]; /* the supervisor reads [0], all others write to [1] */
static unsigned takers;

int orders_channel(unsigned engine)
{
	return channels[engine][0];
}

int orders_prepare(unsigned engines)
{
	int size = CHANNEL_BUFFER;

	for (takers = 0; takers < engines; takers++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, channels[takers]))
			return -errno;
		setsockopt(channels[takers][1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	return 0;
}

static int is_silent(unsigned engine)
{
	return __atomic_load_n(&scoreboard_engines[engine].silent, __ATOMIC_RELAXED) >= SILENT_SECONDS;
}

int orders_send(struct conn *conn, int fd, int far_end)
{
	struct conn *message = conn_get(conn);
	int fds[2] = {fd, far_end}, rc = -EAGAIN;

	/* Supervisors take turns; if one is too busy or hangs, the next one gets the order. */
	for (unsigned i = 0; rc == -EAGAIN && i < 2 * takers; i++) {
		unsigned taker = (conn->serial + i) % takers;

		if (i >= takers || !is_silent(taker))
			rc = uring_pass_fds(channels[taker][1], &message, sizeof(message), fds, 2);
	}
	if (rc)
		conn_put(conn);
	return rc;
}

void orders_bring_tickets(const struct conn *conn, const uint8_t *messages, size_t len)
{
	struct message_tickets t = {
		.kind = MESSAGE_TICKETS, .order = conn->outbound->order, .len = (uint32_t)len};

	if (len > sizeof(t.messages))
		return;
	memcpy(t.messages, messages, len);
	uring_pass_fd(
		channels[conn->engine][1], &t, offsetof(struct message_tickets, messages) + len, URING_NO_FD);
}
