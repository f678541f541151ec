/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/connection/idle.h"

#include "ser/connection/hooks.h"
#include "ser/host/services.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum {
	/* tcp_main has taken a connection over by then; if not, it is too busy for this to matter. */
	LOOK_AFTER_SECONDS = 2,
	LOOKS_AT_ONCE = 64, /* connections looked for while the core's lock is held */
};

struct fresh {
	STAILQ_ENTRY(fresh) link;
	int id;
	unsigned since; /* ticks */
};

static STAILQ_HEAD(, fresh) all = STAILQ_HEAD_INITIALIZER(all);
static struct uring_loop *loop;
static struct uring_op timer;
static int timer_runs;

static void start_timer(void)
{
	static struct __kernel_timespec second = {.tv_sec = 1};

	if (!timer_runs && !STAILQ_EMPTY(&all))
		timer_runs = !uring_timeout(loop, &timer, &second);
}

/*
 * tcp_main's timer fires earlier for a connection that waits to be written: this one says so, and can be
 * written at once. Not with the core's send_all(), which would wait, here with a lock held.
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

/*
 * The core's timer looks at the time anew when it fires, so a later end is just written down.
 */
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

static void look_for(int id)
{
	struct host_tcp_connection *c;

	for (c = tcpconn_id_hash[(unsigned)id & (HOST_ID_HASH_SIZE - 1)]; c && c->id != id; c = c->id_next)
		;
	if (c)
		set_time(c);
}

static struct fresh *next_due(unsigned now)
{
	struct fresh *f = STAILQ_FIRST(&all);

	return f && now - f->since >= LOOK_AFTER_SECONDS * HOST_TICKS_PER_SECOND ? f : NULL;
}

static void look(struct uring_op *op, int res)
{
	unsigned now = get_ticks_raw();
	struct fresh *f;

	(void)op;
	(void)res;
	timer_runs = 0;
	while ((f = next_due(now))) {
		host_lock(tcpconn_lock);
		for (int i = 0; f && i < LOOKS_AT_ONCE; i++) {
			STAILQ_REMOVE_HEAD(&all, link);
			look_for(f->id);
			free(f);
			f = next_due(now);
		}
		host_unlock(tcpconn_lock);
	}
	start_timer();
}

void idle_init(struct uring_loop *l)
{
	loop = l;
	timer.done = look;
}

void idle_watch(int id)
{
	struct fresh *f = malloc(sizeof(*f));

	if (!f)
		return;
	*f = (struct fresh){.id = id, .since = get_ticks_raw()};
	STAILQ_INSERT_TAIL(&all, f, link);
	start_timer();
}
