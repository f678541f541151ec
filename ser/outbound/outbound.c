/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The worker's part of outbound connections: opening one, and sending messages on it. */
#include "ser/outbound/outbound.h"
#include "ser/outbound/opening.h"

#include "ser/outbound/descriptor_swap.h"
#include "ser/outbound/event_route.h"
#include "ser/outbound/identity.h"
#include "ser/outbound/orders.h"
#include "ser/shared/lock.h"
#include "ser/shared/log.h"
#include "ser/shared/shortage.h"
#include "uring/address.h"
#include "uring/pass_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint32_t con_ct_wq_max, ct_wq_max;

/* The number of the core's next socket, which it opens right after calling us, with nothing in between. */
static struct {
	const struct conn *conn;
	int fd;
} expected;

int outbound_prepare(const struct params *p)
{
	int rc = identity_prepare();

	con_ct_wq_max = (uint32_t)p->con_ct_wq_max;
	ct_wq_max = (uint32_t)p->ct_wq_max;
	choice_prepare(p->xavp_cfg);
	event_route_prepare(p->event_callback);
	if (!rc)
		rc = descriptor_swap_prepare();
	return rc ? rc : orders_prepare((unsigned)p->engines);
}

static int lowest_free_descriptor(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD, 0);

	if (fd >= 0)
		close(fd);
	return fd;
}

static int is_that_socket(int fd, const struct host_tcp_connection *c)
{
	union uring_address peer;
	socklen_t len = sizeof(int);
	int type;

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &type, &len) || type != IPPROTO_TCP)
		return 0;
	len = sizeof(peer);
	if (getpeername(fd, &peer.any, &len))
		return errno == ENOTCONN; /* it is connecting, or was refused */
	/* Family, port and IPv4 address are at the same offset; an IPv6 address comes after them. */
	return !memcmp(&peer, &c->rcv.src_su, 8) &&
	       (peer.any.sa_family != AF_INET6 ||
		       !memcmp(&peer.in6.sin6_addr, &c->rcv.src_su.sin6.sin6_addr, 16));
}

static int give_away(struct host_tcp_connection *c, int fd)
{
	static struct log_limit limit;
	struct conn *conn = c->extra_data;
	socklen_t len = sizeof(conn->outbound->local);
	int pair[2] = {-1, -1}, rc;
	char peer[URING_ADDRESS_TEXT];

	memset(&conn->outbound->local, 0, len);
	getsockname(fd, &conn->outbound->local.any, &len);
	rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) ? -errno : 0;
	if (!rc)
		rc = orders_send(conn, fd, pair[0]);
	if (!rc && dup2(pair[1], fd) < 0)
		rc = -errno;
	if (pair[0] >= 0) {
		close(pair[0]);
		close(pair[1]);
	}
	conn->outbound->handed = !rc;
	if (!rc)
		return 0;
	uring_address_text(&c->rcv.src_su.s, peer);
	ser_log_limited(&limit, LOG_LEVEL_ERROR, "no connection to %s: %s", peer,
		rc == -EAGAIN ? "the TLS engine does not keep up with those that are being opened"
			      : shortage_text(rc));
	return -1;
}

static struct conn *new_record(struct host_tcp_connection *c, const struct connect_choice *choice)
{
	static struct log_limit limit;
	size_t id = strlen(choice->server_id) + 1, name = strlen(choice->server_name) + 1;
	struct conn *conn = conn_new_outbound(id + name);
	struct outbound *out;
	char peer[URING_ADDRESS_TEXT];

	if (!conn) {
		uring_address_text(&c->rcv.src_su.s, peer);
		ser_log_limited(&limit, LOG_LEVEL_ERROR,
			"no connection to %s: shared memory is used up: raise it with kamailio -m", peer);
		return NULL;
	}
	out = conn->outbound;
	memcpy(&out->remote, &c->rcv.src_su, sizeof(out->remote));
	out->server_id = memcpy(out->names, choice->server_id, id);
	out->server_name = memcpy(out->names + id, choice->server_name, name);
	out->text.max = con_ct_wq_max;
	out->text.max_all = ct_wq_max;
	out->opener = process_no;
	out->fresh = 1;
	return conn;
}

/*
 * With tcp_async=no the core does not find a connection before tcp_main has taken it over, and until then
 * opens another one for each message. Returns 0 or a negative errno.
 */
static int end_spare(struct host_tcp_connection *c, int sock)
{
	struct conn *conn = c->extra_data;
	int pair[2], rc = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return -errno;
	if (dup2(pair[1], sock) < 0)
		rc = -errno;
	close(pair[0]);
	close(pair[1]);
	c->rcv.src_port = 0; /* so that nobody finds it by its address */
	conn->outbound->spare = 1;
	conn->outbound->phase = OUTBOUND_FAILED; /* the core reads its end and closes it */
	return rc;
}

int outbound_begin(struct host_tcp_connection *c, int sock)
{
	struct connect_choice choice;
	struct conn *conn = identity_choose(&choice) ? NULL : new_record(c, &choice);

	if (!conn)
		return -1;
	c->id = conn->id = scoreboard_next_id();
	c->extra_data = conn;
	if (sock < 0) {
		identity_add(conn);
		expected.conn = conn;
		expected.fd = lowest_free_descriptor();
		return 0;
	}
	if (!identity_add_first(conn, &choice)) {
		if (!end_spare(c, sock))
			return 0;
		identity_add(conn);
	}
	if (!give_away(c, sock))
		return 0;
	identity_remove(conn);
	c->extra_data = NULL;
	conn_close(conn);
	return -1;
}

/* With tcp_async=yes the core has opened its socket meanwhile. */
static int find_and_give_away(struct host_tcp_connection *c)
{
	static struct log_limit limit;
	char peer[URING_ADDRESS_TEXT];

	if (expected.conn == c->extra_data && is_that_socket(expected.fd, c))
		return give_away(c, expected.fd);
	uring_address_text(&c->rcv.src_su.s, peer);
	ser_log_limited(
		&limit, LOG_LEVEL_ERROR, "no connection to %s: the core's socket was not found", peer);
	return -1;
}

static int is_request(const char *p, size_t len)
{
	return len < 8 || memcmp(p, "SIP/2.0 ", 8);
}

int outbound_say(struct host_tcp_connection *c, const char *p, size_t len, unsigned send_flags)
{
	struct conn *conn = c->extra_data;
	struct outbound *out = conn->outbound;
	struct connect_choice choice;

	if (out->spare) {
		strcpy(choice.server_id, out->server_id);
		strcpy(choice.server_name, out->server_name);
		identity_send_elsewhere(c, &choice, p, len, send_flags);
		return 1;
	}
	if (out->fresh && out->opener == process_no) {
		out->fresh = 0;
		if (!out->handed && find_and_give_away(c))
			return -1;
	} else if (is_request(p, len)) {
		if (identity_choose(&choice))
			return 1; /* it has logged why */
		if (!identity_is(conn, &choice)) {
			identity_send_elsewhere(c, &choice, p, len, send_flags);
			return 1;
		}
	}
	return opening_keep(conn, p, len, (send_flags & HOST_SND_F_CON_CLOSE) != 0);
}

static void note_closed(struct outbound *out)
{
	int was_closed;

	lock_get(&out->lock);
	was_closed = __atomic_exchange_n(&out->closed, 1, __ATOMIC_SEQ_CST);
	lock_release(&out->lock);
	if (!was_closed)
		scoreboard_count_outbound_closed();
}

void outbound_closing(struct conn *conn, int fd)
{
	char byte;
	int sock;

	note_closed(conn->outbound);
	if (!conn_is_established(conn) && uring_take_fd(fd, &byte, 1, &sock) > 0 && sock >= 0)
		close(sock);
}

void outbound_closed(struct conn *conn)
{
	static struct log_limit limit;
	struct outbound *out = conn->outbound;
	int was_established = conn_is_established(conn);
	ssize_t lost;
	char peer[URING_ADDRESS_TEXT];

	identity_remove(conn);
	note_closed(out);
	if (was_established)
		return;
	lost = opening_fail(conn);
	if (lost <= 0 || !out->handed)
		return;
	uring_address_text(&out->remote.any, peer);
	ser_log_limited(&limit, LOG_LEVEL_WARNING,
		"connection to %s closed before its handshake was done; %zd bytes for it are lost", peer,
		lost);
}
