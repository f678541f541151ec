/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the engine does for connections that SER opens: the client's handshake. */
#include "cfg/client.h"
#include "ser/engine/private.h"
#include "ser/shared/counters.h"
#include "ser/shared/log.h"
#include "uring/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The answer if there is no connection; the supervisor logs and counts it. */
struct client_order {
	struct uring_passing passing; /* the first member */
	struct message_failed failure;
	struct message_order order;
};

static struct message_failed failure_of(uint32_t order, enum uring_client_failure why, const char *reason)
{
	struct message_failed f = {.kind = MESSAGE_FAILED, .order = order, .why = (int32_t)why};

	snprintf(f.reason, sizeof(f.reason), "%s", reason);
	return f;
}

static void told(struct uring_passing *p, int rc)
{
	(void)rc; /* the supervisor notices by itself that its engine is gone */
	free(p);
}

static void refuse(
	struct engine *e, struct client_order *r, enum uring_client_failure why, const char *reason)
{
	r->failure = failure_of(r->order.id, why, reason);
	r->passing = (struct uring_passing){
		.data = &r->failure, .len = sizeof(r->failure), .fd = URING_NO_FD, .done = told};
	uring_pass(&e->handovers, &r->passing);
}

/*
 * Sent at once, because there is no memory to let it wait. If even that fails the engine ends, and its
 * supervisor then fails its orders.
 */
static void refuse_without_memory(struct engine *e, uint32_t order)
{
	struct message_failed f = failure_of(order, URING_CLIENT_LOCAL, engine_error(-ENOMEM));

	if (!uring_pass_fds(e->parts->channel, &f, sizeof(f), NULL, 0))
		return;
	ser_log(LOG_LEVEL_CRITICAL, "memory is used up: the TLS engine ends");
	_exit(1);
}

static int start(struct engine *e, struct client_order *r, int fd)
{
	const struct message_order *order = &r->order;
	const char *name = order->choice.server_name;
	const struct uring_client_request request = {
		.token = r,
		.fd = fd,
		.ctx = cfg_set_client_context(
			e->parts->set, order->choice.server_id, &order->remote.any, *name ? name : NULL),
		.connect_timeout = order->connect_timeout ? order->connect_timeout : 1,
		.handshake_timeout = (unsigned)e->params->handshake_timeout,
	};

	ktls_sessions_use(request.ctx, e->sessions); /* if it fails, no session is resumed */
	return uring_client_start(e->client, &request);
}

void engine_open(struct engine *e, const struct message_order *order, int fd)
{
	struct client_order *r = malloc(sizeof(*r));
	int rc;

	if (!r) {
		if (fd >= 0)
			close(fd);
		refuse_without_memory(e, order->id);
		return;
	}
	r->order = *order;
	rc = fd < 0 ? -EMFILE : start(e, r, fd);
	if (rc)
		refuse(e, r, URING_CLIENT_LOCAL, engine_error(rc));
}

/* Everything that the verification of a session depends on (ktls/session.h). */
static void offer_session(SSL *ssl, const struct cfg_domain *d, const struct message_order *order)
{
	const char *name = cfg_client_name(d, order->choice.server_name);
	char key[KTLS_SESSION_KEY_MAX], peer[URING_ADDRESS_TEXT];

	uring_address_text(&order->remote.any, peer);
	if (snprintf(key, sizeof(key), "%u %s %s", d->index, peer, name ? name : "") < (int)sizeof(key))
		ktls_sessions_offer(ssl, key);
}

int engine_greet(void *arg, void *token, struct ktls_handshake *h, const char **why)
{
	const struct message_order *order = &((struct client_order *)token)->order;
	SSL *ssl = ktls_handshake_ssl(h);
	const struct cfg_domain *d = cfg_context_domain(SSL_get_SSL_CTX(ssl));
	int rc = cfg_ssl_attach(ssl, NULL);

	engine_log_keys(arg, &order->remote, h);
	if (!rc)
		rc = cfg_client_prepare(ssl, d, order->choice.server_name);
	SSL_set_info_callback(ssl, engine_count_alert);
	if (!rc)
		offer_session(ssl, d, order);
	else
		*why = rc == -EINVAL ? "its server name is neither a host name nor an IP address"
				     : "memory is used up";
	return rc;
}

static struct uring_peer peer_of(const struct message_order *order)
{
	return (struct uring_peer){.remote = order->remote,
		.local = order->local,
		.transport_remote = order->remote,
		.transport_local = order->local};
}

void engine_connected(void *arg, void *token, int fd, struct ktls_handshake *h)
{
	struct client_order *r = token;
	struct uring_peer peer = peer_of(&r->order);
	const struct engine_finished f = {.order = r->order.id, .peer = &peer, .fd = fd, .handshake = h};
	struct engine *e = arg;
	int rc, resumed = SSL_session_reused(ktls_handshake_ssl(h));

	peer.local.any.sa_family = peer.remote.any.sa_family;
	rc = engine_establish(e, &f);
	if (rc) {
		refuse(e, r, URING_CLIENT_LOCAL, engine_error(rc));
		return;
	}
	counters_add(COUNTER_CONNECTS_OK);
	if (resumed)
		counters_add(COUNTER_CONNECTS_RESUMED);
	free(r);
}

void engine_not_connected(
	void *arg, void *token, enum uring_client_failure why, int error, const char *reason)
{
	(void)error; /* the reason says it */
	refuse(arg, token, why, reason);
}

void engine_take_tickets(struct engine *e, const struct message_tickets *t, size_t size)
{
	const size_t head = offsetof(struct message_tickets, messages);

	if (size >= head && t->len == size - head)
		ktls_late_take(e->late, t->order, t->messages, t->len);
}
