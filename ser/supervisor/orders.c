/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/orders.h"

#include "ktls/clock.h"
#include "ser/host/layout.h"
#include "ser/host/services.h"
#include "ser/outbound/opening.h"
#include "ser/outbound/orders.h"
#include "ser/outbound/outbound.h"
#include "ser/shared/counters.h"
#include "ser/shared/lock.h"
#include "ser/shared/log.h"
#include "ser/shared/shortage.h"
#include "uring/client.h"
#include "uring/pass_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	TAKEN_AT_ONCE = 64,
	/* How often to offer an order to an engine that is too busy or not there yet, and to look for a
	 * reader. */
	RETRY_MS = 5,
	LATE_SECONDS = 10, /* what an engine has beyond the times that it keeps itself */
};

/* A connect order that is under way. */
struct running_order {
	TAILQ_ENTRY(running_order) link;
	struct message_order order;
	struct conn *conn;                    /* a reference */
	const struct engine_process *process; /* the one that has it */
	int64_t started;                      /* ktls_clock_ms() */
	unsigned ticks;                       /* since the engine has it */
	int fd;                               /* the socket; -1: the engine has it */
	int far_end; /* of the placeholder; -1: the socket is on its way over it, and fd is a copy */
};

static TAILQ_HEAD(orders, running_order) orders = TAILQ_HEAD_INITIALIZER(orders);
static struct uring_op arriving, again;
static int waits; /* the timer "again" is under way */
static uint32_t last_id;

static void forget(struct running_order *t)
{
	TAILQ_REMOVE(&orders, t, link);
	if (t->fd >= 0)
		close(t->fd);
	if (t->far_end >= 0)
		close(t->far_end);
	conn_put(t->conn);
	free(t);
}

/* What the core does if its own connect() fails. */
static void count_and_blocklist(struct running_order *t, enum uring_client_failure why)
{
	union host_sockaddr to = {0};

	counters_add(COUNTER_CONNECTS_FAILED);
	host_count(why == URING_CLIENT_RESET ? tcp_cnts_h.con_reset : tcp_cnts_h.connect_failed);
	if (why == URING_CLIENT_LOCAL || !core_cfg->use_dst_blocklist ||
		blst_proto_imask[HOST_PROTO_TLS] & HOST_BLOCKLIST_CONNECT)
		return;
	memcpy(&to, &t->order.remote, sizeof(t->order.remote));
	dst_blocklist_force_su_to(HOST_BLOCKLIST_CONNECT, HOST_PROTO_TLS, &to, NULL,
		core_cfg->blocklist_seconds * HOST_TICKS_PER_SECOND);
}

/* The core will read the end of the placeholder next. */
static void fail(struct running_order *t, enum uring_client_failure why, const char *reason)
{
	static struct log_limit limits[URING_CLIENT_FAILURES];
	const char *name = t->order.choice.server_name;
	ssize_t lost = opening_fail(t->conn);
	char peer[URING_ADDRESS_TEXT];

	if (lost != -EALREADY) { /* otherwise whoever gave it up has logged why */
		count_and_blocklist(t, why);
		uring_address_text(&t->order.remote.any, peer);
		ser_log_limited(&limits[why], LOG_LEVEL_WARNING,
			"no connection to %s%s%s: %s; %zd bytes for it are lost", peer, *name ? " for " : "",
			name, reason, lost > 0 ? lost : 0);
	}
	forget(t);
}

static struct running_order *find(const struct engine_process *p, uint32_t id)
{
	struct running_order *t;

	TAILQ_FOREACH(t, &orders, link)
	{
		if (t->order.id == id && t->process == p)
			break;
	}
	return t;
}

int orders_are_with(const struct engine_process *p, uint32_t order)
{
	return find(p, order) != NULL;
}

/* Returns 0; -EAGAIN to try again later; or -ETIMEDOUT. */
static int pass(struct running_order *t)
{
	struct engine_process *active = supervisor.active;
	int rc = active && active->channel >= 0
			 ? uring_pass_fd(active->channel, &t->order, sizeof(t->order), t->fd)
			 : -EAGAIN;

	if (!rc) {
		t->process = active;
		close(t->fd);
		t->fd = -1;
		return 0;
	}
	return ktls_clock_ms() - t->started > (int64_t)t->order.connect_timeout * 1000 ? -ETIMEDOUT : -EAGAIN;
}

static void wait_a_little(void);

/*
 * Nobody might close the socket that is on its way: tcp_main, or the core's cache, may keep the placeholder
 * of a connection that failed before a reader had it (CONN_NEW_COMPLETE in tcp_main.c). So a copy is kept
 * until it is with a reader.
 */
static void see_it_arrive(struct running_order *t)
{
	const struct outbound *out = t->conn->outbound;
	int closed = __atomic_load_n(&out->closed, __ATOMIC_SEQ_CST);
	uint8_t phase = __atomic_load_n(&out->phase, __ATOMIC_ACQUIRE);

	if (phase == OUTBOUND_READY && !closed) {
		wait_a_little();
		return;
	}
	if (phase != OUTBOUND_ESTABLISHED)
		shutdown(t->fd, SHUT_RDWR);
	forget(t);
}

static void pass_all(void)
{
	struct running_order *t, *next;
	int rc;

	for (t = TAILQ_FIRST(&orders); t; t = next) {
		next = TAILQ_NEXT(t, link);
		if (t->far_end < 0) {
			see_it_arrive(t);
			continue;
		}
		rc = t->fd < 0 ? 0 : pass(t);
		if (rc == -EAGAIN)
			wait_a_little();
		else if (rc)
			fail(t, URING_CLIENT_LOCAL, "no TLS engine was ready within tcp_connect_timeout");
	}
}

static void waited(struct uring_op *op, int res)
{
	(void)op;
	(void)res;
	waits = 0;
	pass_all();
}

static void wait_a_little(void)
{
	static struct __kernel_timespec pause = {.tv_nsec = RETRY_MS * 1000000L};

	again.done = waited;
	if (!waits)
		waits = !uring_timeout(supervisor.loop, &again, &pause);
}

/* Its engine shakes hands on a socket in blocking mode, and may not change the mode itself. */
static int make_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) ? -1 : 0;
}

/* Takes over the reference and the descriptors. */
static void take(struct conn *conn, const int fds[2])
{
	static struct log_limit limit;
	struct running_order *t =
		fds[0] >= 0 && fds[1] >= 0 && !make_blocking(fds[0]) ? calloc(1, sizeof(*t)) : NULL;
	ssize_t lost;

	if (!t) {
		lost = opening_fail(conn);
		ser_log_limited(&limit, LOG_LEVEL_ERROR,
			"a connection that SER wanted is not opened, %zd bytes for it are lost: %s",
			lost > 0 ? lost : 0, shortage_text(fds[0] < 0 || fds[1] < 0 ? -EMFILE : -ENOMEM));
		for (int i = 0; i < 2; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		conn_put(conn);
		return;
	}
	t->conn = conn;
	t->fd = fds[0];
	t->far_end = fds[1];
	t->started = ktls_clock_ms();
	t->order = (struct message_order){.kind = MESSAGE_ORDER,
		.id = ++last_id ? last_id : ++last_id,
		.connect_timeout = (unsigned)tcp_cfg->connect_timeout_s,
		.remote = conn->outbound->remote,
		.local = conn->outbound->local};
	strcpy(t->order.choice.server_id, conn->outbound->server_id);
	strcpy(t->order.choice.server_name, conn->outbound->server_name);
	conn->outbound->order = t->order.id;
	TAILQ_INSERT_TAIL(&orders, t, link);
	if (pass(t))
		wait_a_little();
}

static void arrived(struct uring_op *op, int res)
{
	int channel = orders_channel(supervisor.index), fds[2];
	union orders_message m;
	ssize_t n = 1;

	(void)res;
	for (int i = 0; n > 0 && i < TAKEN_AT_ONCE; i++) {
		n = uring_take_fds(channel, &m, sizeof(m), fds, 2);
		if (n == sizeof(m.conn))
			take(m.conn, fds);
		else if (n > 0 && supervisor.active) /* if they are lost, a session is not resumed */
			uring_pass_fd(supervisor.active->channel, &m, (size_t)n, URING_NO_FD);
	}
	if (uring_poll(supervisor.loop, op, channel, POLLIN))
		ser_log(LOG_LEVEL_CRITICAL,
			"SER can open no TLS connections any more: its supervisor's ring is full");
}

int orders_serve(void)
{
	arriving.done = arrived;
	return uring_poll(supervisor.loop, &arriving, orders_channel(supervisor.index), POLLIN);
}

/* Returns 0; -EALREADY if the core has closed it meanwhile; or -ENOMEM. */
static int fill_in(struct conn *conn, const struct conn_made *made)
{
	struct outbound *out = conn->outbound;
	int rc = -EALREADY;

	lock_get(&out->lock);
	if (!out->closed && out->phase == OUTBOUND_OPENING) {
		rc = conn_complete(conn, made);
		if (!rc)
			__atomic_store_n(&out->phase, OUTBOUND_READY, __ATOMIC_RELEASE);
	}
	lock_release(&out->lock);
	return rc;
}

void orders_established(const struct engine_process *p, const struct conn_made *made, int fd)
{
	struct running_order *t = find(p, made->message->order);
	int rc;

	if (fd < 0) {
		fail(t, URING_CLIENT_LOCAL, shortage_text(-EMFILE));
		return;
	}
	rc = fill_in(t->conn, made);
	if (!rc)
		rc = uring_pass_fd(t->far_end, "", 1, fd);
	if (!rc) {
		close(t->far_end);
		t->far_end = -1;
		t->fd = fd;
		t->process = NULL;
		see_it_arrive(t);
		return;
	}
	close(fd);
	if (rc == -EALREADY)
		forget(t);
	else
		fail(t, URING_CLIENT_LOCAL,
			rc == -ENOMEM ? "shared memory is used up: raise it with kamailio -m"
				      : shortage_text(rc));
}

/* By ticks: while a supervisor hangs, an engine's answers are not read. */
static int is_late(struct running_order *t)
{
	unsigned seconds = t->order.connect_timeout + (unsigned)supervisor.parts.params->handshake_timeout;

	return t->process && ++t->ticks > (seconds + LATE_SECONDS) * TICKS_A_SECOND;
}

/* Its other orders fail when it is dead. */
static void end_late(const struct engine_process *p)
{
	static struct log_limit limit;

	if (!p->pid)
		return;
	ser_log_limited(&limit, LOG_LEVEL_CRITICAL,
		"the TLS engine (process %d) is killed, because it did not say what became of a connection "
		"that "
		"SER opens; it may have been taken over; connections that it relays and handshakes are lost, "
		"all others go on",
		(int)p->pid);
	kill(p->pid, SIGKILL);
}

void orders_tick(void)
{
	struct running_order *t, *next;

	for (t = TAILQ_FIRST(&orders); t; t = next) {
		next = TAILQ_NEXT(t, link);
		if (!is_late(t))
			continue;
		end_late(t->process);
		fail(t, URING_CLIENT_LOCAL, "the TLS engine did not say what became of it");
	}
}

void orders_failed(const struct engine_process *p, const struct message_failed *f)
{
	fail(find(p, f->order), (enum uring_client_failure)f->why, f->reason);
}

void orders_engine_gone(const struct engine_process *c)
{
	struct running_order *t, *next;

	for (t = TAILQ_FIRST(&orders); t; t = next) {
		next = TAILQ_NEXT(t, link);
		if (t->process == c)
			fail(t, URING_CLIENT_LOCAL, "the TLS engine died");
	}
}
