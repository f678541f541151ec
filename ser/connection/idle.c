/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/connection/idle.h"

#include "ser/connection/hooks.h"
#include "ser/host/services.h"
#include "uring/deadline.h"

#include <stdlib.h>
#include <sys/socket.h>

enum {
	/* By then tcp_main has taken over a connection; if not, it is too busy for this to matter. */
	LOOK_AFTER_MS = 2000,
};

struct fresh {
	struct uring_deadline look; /* the first member */
	int id;
};

static struct uring_deadlines looks;

/*
 * To make tcp_main's timer fire earlier, this says that the connection waits to be written, although it can
 * be written at once. The core's send_all() would wait, and a lock is held here, so it is not used.
 */
static void fire_earlier(struct host_tcp_connection *c)
{
	long message[2] = {(long)c, HOST_CONN_QUEUED_WRITE};

	if (!host_trylock(&c->write_lock))
		return;
	if (!c->wbuf_first) {
		c->wbuf_timeout = c->timeout - 1;
		__atomic_add_fetch(&c->refcnt, 1, __ATOMIC_RELAXED); /* tcp_main drops it */
		if (send(unix_tcp_sock, message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL) !=
			sizeof(message))
			__atomic_sub_fetch(&c->refcnt, 1, __ATOMIC_RELAXED);
	}
	host_unlock(&c->write_lock);
}

/* The core's timer checks the time again when it fires, so a later end only has to be stored. */
static void set_time(struct host_tcp_connection *c)
{
	unsigned end = get_ticks_raw() + c->lifetime;
	int earlier = (int)(end - c->timeout) < 0;

	if (c->flags & HOST_F_CONN_READER)
		return;
	c->timeout = end;
	if (earlier)
		fire_earlier(c);
}

static int look(struct uring_deadline *d)
{
	struct fresh *f = (struct fresh *)d;
	struct host_tcp_connection *c;

	host_lock(tcpconn_lock);
	c = tcpconn_id_hash[(unsigned)f->id & (HOST_ID_HASH_SIZE - 1)];
	while (c && c->id != f->id)
		c = c->id_next;
	if (c)
		set_time(c);
	host_unlock(tcpconn_lock);
	free(f);
	return 0;
}

void idle_init(struct uring_loop *loop)
{
	uring_deadlines_init(&looks, loop, look);
}

void idle_watch(int id)
{
	struct fresh *f = calloc(1, sizeof(*f));

	if (!f)
		return;
	f->id = id;
	uring_deadline_set(&looks, &f->look, LOOK_AFTER_MS);
}
