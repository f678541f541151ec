/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/sending/drainer.h"

#include "ser/host/services.h"
#include "ser/shared/counters.h"
#include "ser/shared/log.h"
#include "uring/address.h"
#include "uring/close.h"
#include "uring/deadline.h"
#include "uring/network_error.h"
#include "uring/pass_fd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CHANNEL_BUFFER = 1024 * 1024, /* the kernel grants what net.core.wmem_max allows, doubled */
	TAKEN_AT_ONCE = 64,
	HALF_CLOSED_RETRY_MS = 50,
};

struct arrival {
	struct conn *conn; /* holds a reference */
	union uring_address peer;
};

struct drain {
	struct uring_op op; /* waits for room; the first member */
	struct uring_deadline deadline;
	struct conn *conn;
	int fd;
	int expired; /* its time is over, unless the next write makes progress */
	int poll_is_useless;
	union uring_address peer;
};

static int channel[2] = {-1, -1}; /* the drainer reads [0], all others write to [1] */
static unsigned timeout;

static struct uring_loop *loop;
static struct uring_op arriving;
static int arrival_waits;
static struct uring_deadlines deadlines;

int drainer_prepare(unsigned send_timeout)
{
	int size = CHANNEL_BUFFER;

	timeout = send_timeout;
	if (send_queue_prepare())
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, channel))
		return -errno;
	setsockopt(channel[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

int drainer_hand_over(struct conn *conn, const union host_sockaddr *peer, int fd)
{
	struct arrival h = {.conn = conn_get(conn)};
	int rc;

	memcpy(&h.peer, peer, sizeof(h.peer));
	rc = uring_pass_fd(channel[1], &h, sizeof(h), fd);
	if (rc)
		conn_put(conn);
	return rc;
}

static void give_time(struct drain *d)
{
	uring_deadline_set(&deadlines, &d->deadline, (int64_t)timeout * 1000);
}

/* If the ring accepts nothing for now, the next operation that completes tries again. */
static int wait_for_arrivals(void)
{
	int rc = arrival_waits ? 0 : uring_poll(loop, &arriving, channel[0], POLLIN);

	arrival_waits = !rc;
	return rc;
}

/* What waited is lost, and so is the connection. Others that hold its socket will read its end. */
static void break_off(struct drain *d, int error)
{
	static struct log_limit late, failed;
	ssize_t lost = send_queue_break(&d->conn->queue);
	char peer[URING_ADDRESS_TEXT];

	shutdown(d->fd, SHUT_RDWR);
	if (lost < 0 || (d->conn->stream.home == KTLS_HOME_RELAYED && error != -ETIMEDOUT))
		return; /* whoever ended it, or the relay, has logged why */
	uring_address_text(&d->peer.any, peer);
	if (error == -ETIMEDOUT) {
		host_count(tcp_cnts_h.send_timeout);
		ser_log_limited(&late, LOG_LEVEL_WARNING,
			"connection with %s closed: it took nothing for send_timeout (%u s) while %zd bytes "
			"waited for it",
			peer, timeout, lost);
		return;
	}
	if (error == -ECONNRESET)
		host_count(tcp_cnts_h.con_reset);
	ser_log_limited(&failed, LOG_LEVEL_INFO,
		"connection with %s closed: %zd bytes that waited for it cannot be written: %s", peer, lost,
		uring_network_error(error));
}

/*
 * If the core has closed the connection, this is the last descriptor except for copies in other processes'
 * caches. Because of those the socket is shut down.
 */
static void let_go(struct drain *d, int last)
{
	uring_deadline_clear(&deadlines, &d->deadline);
	if (last) {
		shutdown(d->fd, SHUT_RDWR);
		uring_close_politely(d->fd);
	} else {
		close(d->fd);
	}
	conn_put(d->conn);
	free(d);
}

static int wait_for_room(struct drain *d)
{
	static struct __kernel_timespec pause = {.tv_nsec = HALF_CLOSED_RETRY_MS * 1000000L};

	return d->poll_is_useless ? uring_timeout(loop, &d->op, &pause)
				  : uring_poll(loop, &d->op, d->fd, POLLOUT);
}

/* Takes the next step for a connection that waits for nothing. It may be the last one. */
static void drain(struct drain *d)
{
	int progress, state = send_queue_flush(&d->conn->queue, d->fd, &progress);
	int closing = d->conn->queue.closing;

	progress &= !closing; /* progress does not extend the time once the core has closed it */
	if (state == SEND_QUEUE_WAITS) {
		if (progress)
			give_time(d);
		state = d->expired && !progress ? -ETIMEDOUT : wait_for_room(d);
		d->expired = 0;
		if (!state)
			return;
	}
	if (state < 0)
		break_off(d, state);
	let_go(d, state == SEND_QUEUE_LAST || closing);
}

static void room(struct uring_op *op, int res)
{
	struct drain *d = (struct drain *)op;

	/*
	 * The next write finds out what is wrong with the socket. But io_uring adds POLLRDHUP to the
	 * requested events, so each poll ends at once if the peer has ended its side.
	 */
	d->poll_is_useless = res > 0 && !(res & (POLLOUT | POLLERR | POLLHUP));
	drain(d);
	wait_for_arrivals();
}

/* A poll reports room only if there is a lot of it, so a slow reader gets a last chance. */
static int expire(struct uring_deadline *deadline)
{
	struct drain *d = (struct drain *)((char *)deadline - offsetof(struct drain, deadline));

	d->expired = 1;
	wait_for_arrivals();
	return uring_cancel(loop, &d->op);
}

/* Takes over the reference and the descriptor. */
static void begin(const struct arrival *h, int fd)
{
	struct drain *d = malloc(sizeof(*d));
	struct drain doomed;

	if (!d || fd < 0) {
		doomed = (struct drain){.conn = h->conn, .fd = fd, .peer = h->peer};
		break_off(&doomed, fd < 0 ? -EMFILE : -ENOMEM);
		if (fd >= 0)
			close(fd);
		conn_put(h->conn);
		free(d);
		return;
	}
	*d = (struct drain){.op = {.done = room}, .conn = h->conn, .fd = fd, .peer = h->peer};
	give_time(d);
	drain(d);
}

static void arrived(struct uring_op *op, int res)
{
	struct arrival h;
	int fd;

	(void)op;
	(void)res;
	arrival_waits = 0;
	for (int i = 0; i < TAKEN_AT_ONCE && uring_take_fd(channel[0], &h, sizeof(h), &fd) == sizeof(h); i++)
		begin(&h, fd);
	wait_for_arrivals();
}

int drainer_start(struct uring_loop *l)
{
	loop = l;
	arriving.done = arrived;
	uring_deadlines_init(&deadlines, loop, expire);
	return wait_for_arrivals();
}
