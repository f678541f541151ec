/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/inject.h"

#include "ser/hooks.h"
#include "ser/log.h"
#include "ser/shared.h"
#include "uring/pass_fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

/*
 * The core numbers its connections without a lock, so that two processes may get one id; ids of ours lie in a
 * range that its counter does not reach.
 */
enum {
	FIRST_ID = 0x40000000,
	LAST_ID = 0x7fffffff,
};

enum {
	RETRY_MS = 5, /* how often a queue is offered to a tcp_main that was too busy */
};

struct waiting {
	STAILQ_ENTRY(waiting) link;
	struct host_tcp_connection *c;
	int fd;
};

static STAILQ_HEAD(, waiting) queue = STAILQ_HEAD_INITIALIZER(queue);
static unsigned queued;
static struct uring_loop *loop;
static struct uring_op retry;
static int retrying; /* retry is under way */

static int id_is_used(int id)
{
	struct host_tcp_connection *c;

	shared_lock(tcpconn_lock);
	for (c = tcpconn_id_hash[(unsigned)id & (HOST_ID_HASH_SIZE - 1)]; c && c->id != id; c = c->id_next)
		;
	shared_unlock(tcpconn_lock);
	return c != NULL;
}

static int new_id(void)
{
	static int next = FIRST_ID, wrapped;
	int id;

	do {
		id = next;
		wrapped |= id == LAST_ID;
		next = id == LAST_ID ? FIRST_ID : id + 1;
	} while (wrapped && id_is_used(id));
	return id;
}

/* What the core's own free function, which it does not export, would do with a connection nobody knows yet.
 */
static void discard(struct host_tcp_connection *c)
{
	struct conn *conn = c->extra_data;

	c->extra_data = NULL;
	conn_close(conn);
	shared_memory.release(c);
}

static int send_to_tcp_main(struct host_tcp_connection *c, int fd)
{
	long message[2] = {(long)c, HOST_CONN_NEW};

	return uring_pass_fd(unix_tcp_sock, message, sizeof(message), fd);
}

static void finish(struct host_tcp_connection *c, int fd, int rc)
{
	static struct log_limit limit;

	close(fd);
	if (!rc)
		return;
	ser_log_limited(&limit, LOG_LEVEL_ERROR, "a connection is lost: tcp_main does not take it over: %s",
		strerror(-rc));
	discard(c);
}

/*
 * Not a poll: the channel may be writable and yet take no descriptor, while too many are under way. Where the
 * ring takes nothing for now, the next connection tries again.
 */
static void wait_for_tcp_main(void)
{
	static struct __kernel_timespec pause;

	if (retrying)
		return;
	pause = (struct __kernel_timespec){.tv_nsec = RETRY_MS * 1000000L};
	retrying = !uring_timeout(loop, &retry, &pause);
}

static void flush(struct uring_op *op, int res)
{
	struct waiting *w;
	int rc = 0;

	(void)op;
	(void)res;
	retrying = 0;
	while ((w = STAILQ_FIRST(&queue))) {
		rc = send_to_tcp_main(w->c, w->fd);
		if (rc == -EAGAIN)
			break;
		STAILQ_REMOVE_HEAD(&queue, link);
		queued--;
		finish(w->c, w->fd, rc);
		free(w);
	}
	if (w)
		wait_for_tcp_main();
}

static int enqueue(struct host_tcp_connection *c, int fd)
{
	struct waiting *w = malloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	*w = (struct waiting){.c = c, .fd = fd};
	STAILQ_INSERT_TAIL(&queue, w, link);
	queued++;
	wait_for_tcp_main();
	return 0;
}

void inject_init(struct uring_loop *l)
{
	loop = l;
	retry.done = flush;
	hooks_allow_new_connections(1);
}

unsigned inject_queued(void)
{
	return queued;
}

int inject_room(void)
{
	void *p = shared_memory.alloc(sizeof(struct host_tcp_connection) + (size_t)tcp_cfg->rd_buf_size);

	if (!p)
		return -ENOSPC;
	shared_memory.release(p);
	return 0;
}

int inject(int fd, const void *remote, const void *local, struct host_socket_info *si, struct conn *conn)
{
	union host_sockaddr remote_su = {0}, local_su = {0};
	struct host_tcp_connection *c;
	int rc;

	memcpy(&remote_su, remote, sizeof(struct sockaddr_in6));
	memcpy(&local_su, local, sizeof(struct sockaddr_in6));
	c = tcpconn_new(fd, &remote_su, &local_su, si, HOST_PROTO_TLS, HOST_CONN_OK);
	if (!c) {
		close(fd);
		conn_close(conn);
		return -ENOMEM;
	}
	c->id = conn->id = new_id();
	c->flags |= HOST_F_CONN_FD_CLOSED | HOST_F_CONN_PASSIVE;
	c->refcnt = 1; /* the core's hash table */
	c->extra_data = conn;
	/* The core counts these when a connection it accepted carries its first byte; ours are up already. */
	_cnts_vals[process_no * _cnts_row_len + tcp_cnts_h.established]++;
	_cnts_vals[process_no * _cnts_row_len + tcp_cnts_h.passive_open]++;
	rc = queued ? -EAGAIN : send_to_tcp_main(c, fd);
	if (rc == -EAGAIN && !enqueue(c, fd))
		return 0;
	finish(c, fd, rc);
	return rc;
}
