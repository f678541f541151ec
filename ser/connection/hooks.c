/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/connection/hooks.h"

#include "ktls/late_ticket.h"
#include "ser/connection/drain.h"
#include "ser/connection/listeners.h"
#include "ser/connection/shutdown.h"
#include "ser/host/connections.h"
#include "ser/host/services.h"
#include "ser/outbound/orders.h"
#include "ser/outbound/outbound.h"
#include "ser/sending/fd_cache.h"
#include "ser/sending/send.h"
#include "ser/sending/sip_message.h"
#include "ser/shared/conn.h"
#include "ser/shared/counters.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"
#include "ser/shared/services.h"
#include "uring/address.h"
#include "uring/network_error.h"

#include <errno.h>

static int injecting; /* this process makes connections that engines accepted */

void hooks_inject(int on)
{
	injecting = on;
}

/* Only tcp_main accepts one here, on a socket that stands in for a listener. */
static int refuse_stranger(void)
{
	static struct log_limit limit;

	ser_log_limited(&limit, LOG_LEVEL_WARNING,
		"a process of this machine connected to a socket that is SER's own; it is sent away");
	return -1;
}

static int on_tcpconn_init(struct host_tcp_connection *c, int sock)
{
	shutdown_check();
	if (c->state == HOST_CONN_ACCEPT)
		return refuse_stranger();
	c->type = HOST_PROTO_TLS;
	c->rcv.proto = HOST_PROTO_TLS;
	c->lifetime = (unsigned)scoreboard_get_settings().connection_timeout * HOST_TICKS_PER_SECOND;
	c->timeout = get_ticks_raw() + c->lifetime;
	c->extra_data = NULL;
	return injecting ? 0 : outbound_begin(c, sock);
}

static void tcpconn_clean(struct host_tcp_connection *c)
{
	struct conn *conn = c->extra_data;

	if (!conn)
		return;
	c->extra_data = NULL;
	if (conn->outbound)
		outbound_closed(conn);
	conn_close(conn);
}

/*
 * After what we queued, but only if the core has nothing waiting, because an alert in the middle of a record
 * would damage it.
 */
static void send_alert_in_order(struct host_tcp_connection *c, struct conn *conn, int fd, uint8_t description)
{
	if (c->wbuf_first || conn->sent_last || !conn_is_established(conn))
		return;
	conn->sent_last = 1;
	if (ktls_alert_level(description) == KTLS_ALERT_FATAL)
		counters_add_alert(0, description);
	send_alert(conn, fd, description);
}

/* Only if nobody is writing, because no process waits for a peer or another process here. */
static void send_last_alert(struct host_tcp_connection *c, int fd, uint8_t description)
{
	struct conn *conn = c->extra_data;

	if (!conn || conn->sent_last || !host_trylock(&c->write_lock))
		return;
	send_alert_in_order(c, conn, fd, description);
	host_unlock(&c->write_lock);
}

static void tcpconn_close(struct host_tcp_connection *c, int fd)
{
	struct conn *conn = c->extra_data;

	send_last_alert(c, fd, KTLS_CLOSE_NOTIFY);
	if (!conn)
		return;
	if (conn->outbound)
		outbound_closing(conn, fd);
	send_let_finish(conn, fd);
}

static void log_end(const struct ktls_read *r, const char *peer)
{
	/* One for each kind. */
	static struct log_limit truncated, alert, changed, flood, memory, unreadable, failed;

	switch (r->end) {
	case KTLS_END_TRUNCATED:
		ser_log_limited(
			&truncated, LOG_LEVEL_INFO, "connection with %s ended without close_notify", peer);
		break;
	case KTLS_END_ALERT:
		counters_add_alert(1, r->alert);
		ser_log_limited(&alert, LOG_LEVEL_NOTICE, "%s closed its connection with the alert %s", peer,
			ktls_alert_name(r->alert));
		break;
	case KTLS_END_KEY_UPDATE:
		ser_log_limited(&changed, LOG_LEVEL_NOTICE,
			"connection with %s closed: it changed its key, which this kernel cannot follow "
			"(Linux 6.14 can); "
			"with ktls_rekey_required=1 such records stay in user space",
			peer);
		break;
	case KTLS_END_ERROR:
		if (r->error == -EDQUOT)
			ser_log_limited(&flood, LOG_LEVEL_WARNING,
				"connection with %s closed: too many key changes or records without content",
				peer);
		else if (r->error == -ENOMEM)
			ser_log_limited(&memory, LOG_LEVEL_ERROR,
				"connection with %s closed: memory for a part of its message is used up: "
				"raise shared memory with kamailio -m",
				peer);
		else if (r->owed)
			ser_log_limited(&unreadable, LOG_LEVEL_WARNING,
				"connection with %s closed: its record cannot be read (%s)", peer,
				ktls_alert_name(r->alert));
		else
			ser_log_limited(&failed, LOG_LEVEL_INFO, "connection with %s closed: %s", peer,
				uring_network_error(r->error));
		break;
	case KTLS_END_NONE:
	case KTLS_END_CLOSE_NOTIFY:
		break;
	}
}

static void say_eof(struct host_tcp_connection *c, int *flags)
{
	c->state = HOST_CONN_EOF;
	c->event = HOST_CLOSED_EOF;
	*flags |= HOST_RD_EOF | HOST_RD_SHORT_READ;
}

/*
 * Ends the connection's receiving side in the way that the core expects. Our own log line replaces the
 * core's.
 */
static void end_reading(struct host_tcp_connection *c, const struct ktls_read *r, int *flags)
{
	const struct conn *conn = c->extra_data;
	char peer[URING_ADDRESS_TEXT];

	say_eof(c, flags);
	if (r->end == KTLS_END_ERROR && r->error == -ECONNRESET) {
		c->event = HOST_CLOSED_RESET;
		host_count(tcp_cnts_h.con_reset);
	}
	if (r->owed)
		send_last_alert(c, c->fd, r->alert);
	if (conn->queue.broken)
		return; /* we ended it and have logged that */
	uring_address_text(&c->rcv.src_su.s, peer);
	log_end(r, peer);
}

/*
 * Answers a KeyUpdate or a renegotiation. If a writer is busy or bytes wait, the next writer (with records in
 * user space) or the next read does it.
 */
static void respond(struct host_tcp_connection *c, struct conn *conn, struct ktls_read *r)
{
	int rc;

	if (!host_trylock(&c->write_lock))
		return;
	rc = message_respond(c, conn);
	host_unlock(&c->write_lock);
	if (!rc)
		return;
	r->end = KTLS_END_ERROR;
	r->error = rc;
}

static int read_stream(struct host_tcp_connection *c, struct conn *conn, int *flags)
{
	struct host_tcp_req *req = &c->req;
	struct ktls_read r;
	ssize_t n = ktls_stream_read(&conn->stream, c->fd, req->pos,
		(size_t)((ssize_t)req->b_size - (req->pos - req->buf)), &services.memory, &r);

	req->pos += n;
	if (r.ticket_len && conn->outbound && conn->outbound->tickets < KTLS_LATE_TICKETS_EACH) {
		conn->outbound->tickets++;
		orders_bring_tickets(conn, r.ticket, r.ticket_len);
	}
	if (r.respond)
		respond(c, conn, &r);
	if (r.end != KTLS_END_NONE)
		end_reading(c, &r, flags);
	else if (r.more)
		*flags |= HOST_RD_REPEAT;
	else if (r.drained)
		*flags |= HOST_RD_SHORT_READ;
	return (int)n;
}

static int read_more(struct host_tcp_connection *c, int *flags)
{
	static struct log_limit limit;
	struct conn *conn = c->extra_data;
	struct host_tcp_req *req = &c->req;
	char peer[URING_ADDRESS_TEXT];

	*flags &= ~HOST_RD_REPEAT;
	if (!conn) {
		req->error = HOST_TCP_READ_ERROR;
		return -1;
	}
	if (conn->queue.broken || (!conn_is_established(conn) && outbound_take_over(c))) {
		say_eof(c, flags);
		return 0;
	}
	if (req->pos - req->buf >= (ssize_t)req->b_size) {
		uring_address_text(&c->rcv.src_su.s, peer);
		ser_log_limited(&limit, LOG_LEVEL_WARNING,
			"connection with %s closed: its message does not fit tcp_rd_buf_size (%u bytes)",
			peer, req->b_size + 1);
		req->error = HOST_TCP_REQ_OVERRUN;
		return -1;
	}
	host_work_for(conn);
	return read_stream(c, conn, flags);
}

/*
 * With a keeper the core is told to read again whenever something was read: it does when that is done with,
 * and then nothing is read, so that other connections get their turn.
 */
static int on_read(struct host_tcp_connection *c, int *flags)
{
	static int done_with; /* the connection from which something was read last; 0: none */
	static int short_read;
	int n;

	fd_cache_drop_closed();
	if (!drain_is_on())
		return read_more(c, flags);
	if (done_with == c->id) {
		done_with = 0;
		drain_leave();
		*flags = (*flags & ~HOST_RD_REPEAT) | short_read;
		return 0;
	}
	drain_enter(c->id);
	n = read_more(c, flags);
	done_with = n > 0 && c->state != HOST_CONN_EOF && !(*flags & HOST_RD_REPEAT) ? c->id : 0;
	short_read = *flags & HOST_RD_SHORT_READ;
	if (n <= 0)
		drain_leave();
	else if (done_with)
		*flags |= HOST_RD_REPEAT;
	return n;
}

static int on_encode(struct host_tcp_connection *c, const char **buf, unsigned *len, const char **rest,
	unsigned *rest_len, unsigned *send_flags)
{
	struct conn *conn = c->extra_data;
	const void *out;
	size_t taken;
	ssize_t n;

	fd_cache_drop_closed();
	*rest = NULL;
	*rest_len = 0;
	if (!conn || conn->sent_last)
		return -1;
	if (conn->outbound && (n = outbound_say(c, *buf, *len, *send_flags))) {
		*len = 0;
		return n < 0 ? -1 : 0;
	}
	if (!tcp_cfg->async || conn->outbound) {
		n = message_send(c, conn, *buf, *len, *send_flags);
		*len = 0;
		return (int)n;
	}
	n = message_protect(c, conn, *buf, *len, &out, &taken);
	if (n < 0)
		return -1;
	if (taken < *len) {
		*rest = *buf + taken;
		*rest_len = *len - (unsigned)taken;
	}
	*buf = out;
	*len = (unsigned)n;
	return (int)n;
}

static struct host_tls_hooks hooks = {
	.read = on_read,
	.encode = on_encode,
	.on_tcpconn_init = on_tcpconn_init,
	.tcpconn_clean = tcpconn_clean,
	.tcpconn_close = tcpconn_close,
	.init_si = listeners_take,
};

int hooks_register(void)
{
	return register_tls_hooks(&hooks);
}

const struct host_tls_hooks *hooks_registered(void)
{
	return &hooks;
}
