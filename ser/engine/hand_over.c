/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's side of a hand-over: begins a connection's handshake, counts and logs how it ended, and sends
 * the connection to the supervisor, which gives it to the core.
 */
#include "ser/engine/private.h"
#include "ser/shared/counters.h"
#include "ser/shared/log.h"
#include "ser/shared/messages.h"
#include "ser/shared/shortage.h"
#include "uring/address.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECTION_LINES = 200, /* of tls_log in a LOG_PERIOD: enough to watch, too few to fill a disk */
	/*
	 * A TCP socket's buffer grows with what is written (to 4 MB by default); an AF_UNIX socket's does
	 * not. The kernel grants as much of this as net.core.wmem_max allows, doubled.
	 */
	RELAYED_SEND_BUFFER = 1024 * 1024,
};

const char *engine_error(int error)
{
	return error == -ENOTRECOVERABLE ? "the kernel took the keys for sending but not those for receiving"
					 : shortage_text(error);
}

SSL_CTX *engine_context(void *arg, const struct uring_peer *peer)
{
	const struct engine *e = arg;

	return cfg_set_server_context(e->parts->set, &peer->transport_local.any);
}

void engine_count_alert(const SSL *ssl, int where, int ret)
{
	(void)ssl;
	if (where & SSL_CB_ALERT && ret >> 8 == SSL3_AL_FATAL)
		counters_add_alert((where & SSL_CB_READ) != 0, (uint8_t)ret);
}

void engine_begin(void *arg, const struct uring_peer *peer, struct ktls_handshake *h)
{
	SSL_set_info_callback(ktls_handshake_ssl(h), engine_count_alert);
	engine_log_keys(arg, &peer->remote, h);
	cfg_ssl_attach(ktls_handshake_ssl(h), &peer->transport_local.any); /* or the handshake fails */
}

static void note_probe(const struct uring_peer *peer)
{
	static struct log_limit limit;
	char remote[URING_ADDRESS_TEXT];

	counters_add(COUNTER_PROBES);
	uring_address_text(&peer->remote.any, remote);
	ser_log_limited(&limit, LOG_LEVEL_DEBUG, "%s connected and left without sending a byte", remote);
}

/* A crowd of one kind must not hide the lines of another. */
void engine_failed(void *arg, const struct uring_peer *peer, enum uring_failure kind, const char *reason)
{
	static struct log_limit limits[URING_FAILURES];
	char remote[URING_ADDRESS_TEXT], local[URING_ADDRESS_TEXT];

	(void)arg;
	if (kind == URING_FAILED_PROBE) {
		note_probe(peer);
		return;
	}
	counters_add(COUNTER_HANDSHAKES_FAILED);
	if (kind == URING_FAILED_TIMED_OUT)
		counters_add(COUNTER_HANDSHAKES_TIMED_OUT);
	uring_address_text(&peer->remote.any, remote);
	uring_address_text(&peer->local.any, local);
	ser_log_limited(&limits[kind], LOG_LEVEL_WARNING, "handshake with %s at %s failed: %s", remote, local,
		reason);
}

static void log_established(const struct message_established *m)
{
	static const char *const where[] = {
		[KTLS_HOME_USER] = "user space",
		[KTLS_HOME_KERNEL] = "the kernel",
		[KTLS_HOME_RELAYED] = "user space, relayed by the engine",
	};
	static struct log_limit limit = {.burst = CONNECTION_LINES};
	const struct snapshot *s = &m->snapshot;
	char remote[URING_ADDRESS_TEXT], local[URING_ADDRESS_TEXT];

	uring_address_text(&m->remote.any, remote);
	uring_address_text(&m->local.any, local);
	ser_log_limited(&limit, scoreboard_get_settings().tls_log,
		"%s connected %s %s with %s %s, records in %s", m->order ? local : remote,
		m->order ? "to" : "at", m->order ? remote : local, (const char *)s->data + s->version,
		(const char *)s->data + s->cipher, where[s->home]);
}

struct pending_handover {
	struct uring_passing passing; /* the first member */
	struct engine *engine;
	struct message_established message; /* must be last, because it has a tail */
};

static void free_pending(struct pending_handover *p)
{
	OPENSSL_clear_free(p, offsetof(struct pending_handover, message) + p->passing.len);
}

static void handed_over(struct uring_passing *passing, int rc)
{
	static struct log_limit limit;
	struct pending_handover *p = (struct pending_handover *)passing;

	if (rc) {
		__atomic_sub_fetch(&p->engine->page->handed, 1, __ATOMIC_RELAXED);
		ser_log_limited(&limit, LOG_LEVEL_ERROR,
			"a connection is lost: the engine's supervisor does not take it: %s",
			shortage_text(rc));
	}
	close(passing->fd);
	free_pending(p);
}

/* The kernel has its own copy of the keys, and a secret is only needed where keys can change. */
static void keep_what_is_needed(struct message_established *m)
{
	if (m->snapshot.home == KTLS_HOME_USER)
		return;
	OPENSSL_cleanse(m->keys.rx.key, sizeof(m->keys.rx.key));
	OPENSSL_cleanse(m->keys.tx.key, sizeof(m->keys.tx.key));
	if (m->can_rekey)
		return;
	OPENSSL_cleanse(&m->keys.rx_secret, sizeof(m->keys.rx_secret));
	OPENSSL_cleanse(&m->keys.tx_secret, sizeof(m->keys.tx_secret));
}

/* Makes the message about a connection for the core. Returns NULL if memory is used up. */
static struct pending_handover *make_handover(struct engine *e, const struct engine_finished *f,
	const struct engine_home *home, const struct ktls_session_keys *keys)
{
	struct ktls_handshake *h = f->handshake;
	const struct snapshot_about about = {
		.home = home->home,
		.handshake_ms = ktls_handshake_milliseconds(h),
		.keep_chain = scoreboard_get_settings().keep_chain,
	};
	SSL *ssl = ktls_handshake_ssl(h);
	size_t size = snapshot_size(ssl, &about), len = offsetof(struct message_established, snapshot) + size;
	struct pending_handover *p = len <= MESSAGE_MAX ? OPENSSL_zalloc(sizeof(*p) + len) : NULL;

	if (!p)
		return NULL;
	p->passing = (struct uring_passing){.len = len, .data = &p->message, .done = handed_over};
	p->engine = e;
	p->message.kind = MESSAGE_ESTABLISHED;
	p->message.order = f->order;
	p->message.listener = f->order ? 0 : (uint32_t)((const int *)f->peer->listener - e->parts->listeners);
	p->message.domain = cfg_context_domain(SSL_get_SSL_CTX(ssl))->index;
	p->message.remote = f->peer->remote;
	p->message.local = f->peer->local;
	p->message.transport_remote = f->peer->transport_remote;
	p->message.transport_local = f->peer->transport_local;
	p->message.why = (uint8_t)home->why;
	p->message.why_error = (int16_t)home->error;
	p->message.can_rekey = !e->caps->rekey;
	p->message.keys = *keys;
	if (snapshot_take(&p->message.snapshot, size, ssl, &about)) {
		free_pending(p);
		return NULL;
	}
	keep_what_is_needed(&p->message);
	return p;
}

/* The core's descriptor is in non-blocking mode, as the core expects. Takes over both. */
static int hand_over(struct engine *e, struct pending_handover *p, int fd)
{
	int rc = fcntl(fd, F_SETFL, O_NONBLOCK) ? -errno : 0;

	if (rc) {
		close(fd);
		free_pending(p);
		return rc;
	}
	log_established(&p->message);
	__atomic_add_fetch(&e->page->handed, 1, __ATOMIC_RELAXED);
	p->passing.fd = fd;
	uring_pass(&e->handovers, &p->passing);
	return 0;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* A burst of answers must not reach the core's tcp_conn_wq_max before the engine gets its turn. */
static int make_pair(int pair[2])
{
	int size = RELAYED_SEND_BUFFER;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

/* The suite has no AEAD, so the SSL object stays here and the core gets one end of a socketpair. */
static int establish_relayed(struct engine *e, const struct engine_finished *f)
{
	static const struct engine_home relayed = {KTLS_HOME_RELAYED, HOME_WHY_NO_AEAD, 0};
	struct ktls_session_keys none = {.role = f->order ? KTLS_CLIENT : KTLS_SERVER};
	struct pending_handover *p = NULL;
	int pair[2] = {-1, -1}, fd = f->fd;
	int rc = make_pair(pair);

	if (rc)
		goto failed;
	rc = -ENOMEM;
	p = make_handover(e, f, &relayed, &none);
	if (!p)
		goto failed;
	rc = uring_relay_start(e->relay, f->peer, fd, pair[0], ktls_handshake_take_ssl(f->handshake));
	fd = pair[0] = -1; /* the relay owns them now, or has closed them */
	if (rc)
		goto failed;
	counters_add(COUNTER_RECORDS_RELAYED);
	return hand_over(e, p, pair[1]);
failed:
	close_if_open(fd);
	close_if_open(pair[0]);
	close_if_open(pair[1]);
	if (p)
		free_pending(p);
	return rc;
}

static void count_home(const struct engine_home *home)
{
	static const enum counter reasons[] = {
		[HOME_WHY_OFF] = COUNTER_USER_OFF,
		[HOME_WHY_NOT_TAKEN] = COUNTER_USER_NOT_TAKEN,
		[HOME_WHY_NO_REKEY] = COUNTER_USER_NO_REKEY,
		[HOME_WHY_FRAGMENTS] = COUNTER_USER_FRAGMENTS,
		[HOME_WHY_REFUSED] = COUNTER_USER_REFUSED,
	};

	if (home->home == KTLS_HOME_KERNEL) {
		counters_add(COUNTER_RECORDS_KERNEL);
		return;
	}
	counters_add(COUNTER_RECORDS_USER);
	counters_add(reasons[home->why]);
}

static int establish_direct(struct engine *e, const struct engine_finished *f, struct ktls_session_keys *keys)
{
	struct pending_handover *p;
	struct engine_home home;
	int rc = engine_choose_home(e, ktls_handshake_ssl(f->handshake), f->fd, keys, &home);

	if (rc) {
		close(f->fd);
		return rc;
	}
	p = make_handover(e, f, &home, keys);
	if (!p) {
		close(f->fd);
		return -ENOMEM;
	}
	count_home(&home);
	if (f->order) /* its tickets come later; if the SSL object cannot be kept, they are useless */
		ktls_late_keep(e->late, f->order, f->handshake, keys);
	return hand_over(e, p, f->fd);
}

int engine_establish(struct engine *e, const struct engine_finished *f)
{
	struct ktls_session_keys keys;
	int rc = ktls_handshake_keys(f->handshake, &keys);

	engine_pass_keys(e, f->handshake);
	if (rc == -EOPNOTSUPP)
		rc = establish_relayed(e, f);
	else if (rc)
		close(f->fd);
	else
		rc = establish_direct(e, f, &keys);
	OPENSSL_cleanse(&keys, sizeof(keys));
	return rc;
}

static void count_handshake(struct engine *e, struct ktls_handshake *h)
{
	counters_add(COUNTER_HANDSHAKES_OK);
	if (SSL_session_reused(ktls_handshake_ssl(h)))
		counters_add(COUNTER_HANDSHAKES_RESUMED);
	__atomic_add_fetch(&e->page->established, 1, __ATOMIC_RELAXED);
}

void engine_unused(void *arg, const struct uring_peer *peer, struct ktls_handshake *h)
{
	static struct log_limit limit;
	char remote[URING_ADDRESS_TEXT];

	engine_pass_keys(arg, h);
	count_handshake(arg, h);
	counters_add(COUNTER_HANDSHAKES_UNUSED);
	uring_address_text(&peer->remote.any, remote);
	ser_log_limited(&limit, LOG_LEVEL_DEBUG, "%s completed its handshake and left without sending a byte",
		remote);
}

void engine_established(void *arg, const struct uring_peer *peer, int fd, struct ktls_handshake *h)
{
	const struct engine_finished f = {.peer = peer, .fd = fd, .handshake = h};
	struct engine *e = arg;
	int rc;

	count_handshake(e, h);
	rc = engine_establish(e, &f);
	if (rc)
		engine_failed(e, peer, URING_FAILED_OTHER, engine_error(rc));
}

void engine_relay_ended(void *arg, const struct uring_peer *peer, const char *reason)
{
	static struct log_limit limit;
	char remote[URING_ADDRESS_TEXT];

	(void)arg;
	if (!reason)
		return;
	counters_add(COUNTER_RELAYS_LOST);
	uring_address_text(&peer->remote.any, remote);
	ser_log_limited(&limit, LOG_LEVEL_NOTICE, "connection with %s closed: %s", remote, reason);
}
