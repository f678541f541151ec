/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader's part of outbound connections: after the handshake the connection becomes one like any other.
 */
#include "ser/host/connections.h"
#include "ser/host/services.h"
#include "ser/outbound/descriptor_swap.h"
#include "ser/outbound/event_route.h"
#include "ser/outbound/opening.h"
#include "ser/outbound/outbound.h"
#include "ser/sending/send.h"
#include "ser/sending/sip_message.h"
#include "ser/shared/counters.h"
#include "ser/shared/log.h"
#include "ser/shared/shortage.h"
#include "uring/address.h"
#include "uring/pass_fd.h"

#include <errno.h>

static int end(struct host_tcp_connection *c, const char *why)
{
	static struct log_limit limit;
	ssize_t lost = opening_fail(c->extra_data);
	char peer[URING_ADDRESS_TEXT];

	if (lost == -EALREADY) /* the reason was logged */
		return -1;
	uring_address_text(&c->rcv.src_su.s, peer);
	ser_log_limited(&limit, LOG_LEVEL_ERROR, "connection to %s closed: %s; %zd bytes for it are lost",
		peer, why, lost > 0 ? lost : 0);
	return -1;
}

static int take_socket(struct host_tcp_connection *c)
{
	char byte;
	int fd, rc;
	ssize_t n = uring_take_fd(c->fd, &byte, 1, &fd);

	if (n != 1)
		return end(c, n ? shortage_text((int)n) : "the TLS engine's supervisor ended");
	if (fd < 0)
		return end(c, shortage_text(-EMFILE));
	rc = descriptor_swap(c, fd);
	if (!rc)
		return 0;
	return end(c, rc == -ETIMEDOUT ? "tcp_main does not answer, or has no descriptor left (ulimit -n)"
		      : rc == -ESTALE  ? "tcp_main has closed it"
				       : shortage_text(rc));
}

/* The core counts these when it first writes to a connection. */
static void count_established(struct host_tcp_connection *c)
{
	if (c->state != HOST_CONN_CONNECT)
		return;
	c->state = HOST_CONN_OK;
	host_count(tcp_cnts_h.established);
	host_count(tcp_cnts_h.connect_success);
}

/* The write lock is held, so whoever wants to send something now waits for this to end. */
static int say_what_was_kept(struct host_tcp_connection *c, struct conn *conn)
{
	static char text[4 * KTLS_MAX_RECORD];
	struct outbound *out = conn->outbound;
	ssize_t n;
	int rc = 0;

	while (!rc && (n = send_queue_take(&out->text, text, sizeof(text))) > 0)
		rc = message_send(c, conn, text, (size_t)n, 0);
	if (rc || n < 0)
		return -1;
	__atomic_store_n(&out->phase, OUTBOUND_ESTABLISHED, __ATOMIC_RELEASE);
	return out->close ? message_send(c, conn, "", 0, HOST_SND_F_CON_CLOSE) : 0;
}

int outbound_take_over(struct host_tcp_connection *c)
{
	struct conn *conn = c->extra_data;
	int rc;

	if (__atomic_load_n(&conn->outbound->phase, __ATOMIC_ACQUIRE) == OUTBOUND_FAILED)
		return -1;
	if (take_socket(c))
		return -1;
	count_established(c);
	host_work_for(conn);
	if (event_route_connection_out(c)) {
		send_alert(conn, c->fd, KTLS_CLOSE_NOTIFY); /* nobody else writes yet */
		return end(c, "the script dropped it (event_route[tls:connection-out])");
	}
	host_lock(&c->write_lock);
	rc = say_what_was_kept(c, conn);
	host_unlock(&c->write_lock);
	return rc ? end(c, "what was said before it was up could not be sent") : 0;
}
