/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a listener, and of a server with all that is under way. The kernel may still write to memory of
 * an operation until that has completed, so nothing is freed before.
 */
#include "uring/server_private.h"

#include <errno.h>
#include <stdlib.h>

void server_end_listener(struct listener *l)
{
	struct uring_server *s = l->server;
	void *arg = l->arg;

	LIST_REMOVE(l, link);
	free(l);
	if (!s->is_ending && s->config.unlistened)
		s->config.unlistened(s->config.arg, arg);
}

/* Either its accept is under way or its rest. Returns 0, or -EBUSY if the ring is full. */
static int cancel(struct listener *l)
{
	int rc = uring_cancel(l->server->loop, &l->op);

	return rc ? rc : uring_cancel(l->server->loop, &l->retry);
}

/* Those that end: a ring that was full took no cancellation. Returns 0, or -EBUSY if it is full again. */
static int cancel_listeners(struct uring_server *s)
{
	struct listener *l;
	int rc = 0;

	LIST_FOREACH(l, &s->listeners, link)
	{
		if (l->is_ending)
			rc |= cancel(l);
	}
	return rc ? -EBUSY : 0;
}

int uring_server_unlisten(struct uring_server *server, int fd)
{
	struct listener *l;

	LIST_FOREACH(l, &server->listeners, link)
	{
		if (l->fd == fd && !l->is_ending)
			break;
	}
	if (!l)
		return -ENOENT;
	l->is_ending = 1;
	if (l->idle)
		server_end_listener(l);
	else if (cancel(l))
		server_look_soon(server);
	return 0;
}

void uring_server_end(struct uring_server *server)
{
	struct listener *l, *next;

	server->is_ending = server->paused = 1;
	for (l = LIST_FIRST(&server->listeners); l; l = next) {
		next = LIST_NEXT(l, link);
		l->is_ending = 1;
		if (l->idle)
			server_end_listener(l);
	}
	cancel_listeners(server);
	uring_deadlines_hasten(&server->deadlines);
	uring_deadlines_hasten(&server->firsts);
	server_look_soon(server);
}

static void free_server(struct uring_deadlines *looks)
{
	struct uring_server *s =
		(struct uring_server *)((char *)looks - offsetof(struct uring_server, looks));
	const struct uring_server_config config = s->config;

	uring_places_free(s->places);
	uring_sources_free(s->ready_hosts);
	free(s);
	if (config.ended)
		config.ended(config.arg);
}

static int stop_deadlines(struct uring_server *s)
{
	int connections = uring_deadlines_stop(&s->deadlines), firsts = uring_deadlines_stop(&s->firsts);

	return connections && firsts;
}

void server_go_on_ending(struct uring_server *s)
{
	int rc = cancel_listeners(s);

	if (!s->is_ending) {
		if (rc)
			server_look_soon(s);
		return;
	}
	uring_deadlines_hasten(&s->deadlines);
	uring_deadlines_hasten(&s->firsts);
	if (LIST_EMPTY(&s->listeners) && !s->connections && stop_deadlines(s))
		uring_deadlines_end(&s->looks, free_server);
	else
		server_look_soon(s);
}
