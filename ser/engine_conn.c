/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the engine does with single connections: lets them in, finds their records a home, gives them to the
 * core. */
#include "ser/conn.h"
#include "ser/engine_private.h"
#include "ser/inject.h"
#include "ser/listeners.h"
#include "ser/log.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	INJECT_QUEUE_MAX = 1024,
	CONNECTION_LINES = 200, /* of tls_log in a LOG_PERIOD: enough to watch, too few to fill a disk */
	/*
	 * A TCP socket's buffer grows with what is written (to 4 MB by default), an AF_UNIX socket's does
	 * not. The kernel gives as much of this as net.core.wmem_max allows, twice.
	 */
	RELAYED_SEND_BUFFER = 1024 * 1024,
};

/* The core's own limits, which it checks at an accept() that no longer happens there. */
int engine_admit(void *arg, const struct uring_peer *peer)
{
	static struct log_limit limit;
	struct engine *e = arg;
	struct host_tcp_gen_info info;
	unsigned coming = uring_server_handshakes(e->server) + inject_queued();
	char text[64];

	tcp_get_info(&info);
	if ((long)info.tls_connections_no + coming < tcp_cfg->max_tls_connections &&
		(long)info.tcp_connections_no + coming < tcp_cfg->max_connections &&
		inject_queued() < INJECT_QUEUE_MAX)
		return 0;
	_cnts_vals[process_no * _cnts_row_len + tcp_cnts_h.local_reject]++;
	listeners_format_address(&peer->remote, text);
	ser_log_limited(&limit, LOG_LEVEL_ERROR,
		"connection from %s refused: tls_max_connections (%d) or tcp_max_connections (%d) is reached",
		text, tcp_cfg->max_tls_connections, tcp_cfg->max_connections);
	return -EBUSY;
}

SSL_CTX *engine_context(void *arg, const struct uring_peer *peer)
{
	(void)peer;
	return ((struct engine *)arg)->ctx;
}

void engine_failed(void *arg, const struct uring_peer *peer, const char *reason)
{
	static struct log_limit limit;
	char remote[64], local[64];

	(void)arg;
	listeners_format_address(&peer->remote, remote);
	listeners_format_address(&peer->local, local);
	ser_log_limited(
		&limit, LOG_LEVEL_WARNING, "handshake with %s at %s failed: %s", remote, local, reason);
}

void engine_trouble(void *arg, int error, int for_good)
{
	static struct log_limit limit;

	(void)arg;
	ser_log_limited(&limit, LOG_LEVEL_ERROR, "connections cannot be accepted%s: %s%s",
		for_good ? " any more on a listener" : " for the moment", strerror(-error),
		error == -EMFILE ? "; raise the limit of open files (ulimit -n)" : "");
}

/* Where the records of a connection live. Returns an enum ktls_home, or -1 when the socket is lost. */
static int choose_home(struct engine *e, int fd, const struct ktls_session_keys *keys)
{
	static struct log_limit closed, refused;
	int rc;

	if (!e->params->ktls || ktls_kernel_supports(e->caps, keys->tx.version, keys->tx.aead))
		return KTLS_HOME_USER;
	if (e->params->ktls_rekey_required && e->caps->rekey && keys->tx.version == TLS1_3_VERSION)
		return KTLS_HOME_USER;
	rc = ktls_kernel_install(fd, &keys->tx, &keys->rx);
	if (!rc)
		return KTLS_HOME_KERNEL;
	if (rc > 0) {
		ser_log_limited(&closed, LOG_LEVEL_ERROR,
			"a connection is closed: the kernel took the keys for sending but not those for "
			"receiving");
		return -1;
	}
	ser_log_limited(&refused, LOG_LEVEL_WARNING,
		"records of a connection stay in user space: the kernel refused them: %s", strerror(-rc));
	return KTLS_HOME_USER;
}

static void log_established(const struct engine *e, const struct uring_peer *peer, const struct conn *conn)
{
	static const char *const where[] = {
		[KTLS_HOME_USER] = "user space",
		[KTLS_HOME_KERNEL] = "the kernel",
		[KTLS_HOME_RELAYED] = "user space, relayed by the engine",
	};
	static struct log_limit limit = {.burst = CONNECTION_LINES};
	const struct snapshot *s = &conn->snapshot;
	char remote[64], local[64];

	listeners_format_address(&peer->remote, remote);
	listeners_format_address(&peer->local, local);
	ser_log_limited(&limit, e->params->tls_log, "%s connected at %s with %s %s, records in %s", remote,
		local, (const char *)s->data + s->version, (const char *)s->data + s->cipher, where[s->home]);
}

static void lose(struct engine *e, const struct uring_peer *peer, int error)
{
	static struct log_limit limit;
	char remote[64];

	if (error != -ENOSPC) {
		engine_failed(e, peer, error == -ENOMEM ? "memory is used up" : strerror(-error));
		return;
	}
	listeners_format_address(&peer->remote, remote);
	ser_log_limited(&limit, LOG_LEVEL_ERROR,
		"connection from %s refused: shared memory is used up: raise it with kamailio -m", remote);
}

/* The descriptor that the core gets is in non-blocking mode, as it expects. */
static int give_to_core(struct engine *e, const struct uring_peer *peer, int fd, struct conn *conn)
{
	int rc = fcntl(fd, F_SETFL, O_NONBLOCK) ? -errno : inject_room();

	if (rc) {
		lose(e, peer, rc);
		conn_close(conn);
		close(fd);
		return rc;
	}
	log_established(e, peer, conn);
	return inject(fd, &peer->remote, &peer->local, peer->listener, conn);
}

/* A burst of answers must not meet the core's tcp_conn_wq_max before the engine had its turn. */
static int make_pair(int pair[2])
{
	int size = RELAYED_SEND_BUFFER;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

/* The suite has no AEAD: the SSL object stays here, the core gets one end of a socketpair. */
static void establish_relayed(
	struct engine *e, const struct uring_peer *peer, int fd, struct ktls_handshake *h)
{
	struct ktls_session_keys none = {.role = KTLS_SERVER};
	struct conn *conn = NULL;
	int pair[2];
	int rc = make_pair(pair);

	if (rc) {
		lose(e, peer, rc);
		close(fd);
		return;
	}
	rc = conn_new(&conn, ktls_handshake_ssl(h), KTLS_HOME_RELAYED, &none, 0, e->own);
	if (rc) {
		lose(e, peer, rc);
		close(fd);
		close(pair[0]);
		close(pair[1]);
		return;
	}
	rc = uring_relay_start(e->relay, peer, fd, pair[0], ktls_handshake_take_ssl(h));
	if (rc) {
		lose(e, peer, rc);
		conn_close(conn);
		close(pair[1]);
		return;
	}
	give_to_core(e, peer, pair[1], conn);
}

static void establish_direct(struct engine *e, const struct uring_peer *peer, int fd,
	struct ktls_handshake *h, struct ktls_session_keys *keys)
{
	struct conn *conn;
	int home = choose_home(e, fd, keys);
	int rc;

	if (home < 0) { /* it said why */
		close(fd);
		return;
	}
	rc = conn_new(&conn, ktls_handshake_ssl(h), home, keys, !e->caps->rekey, e->own);
	if (rc) {
		lose(e, peer, rc);
		close(fd);
		return;
	}
	give_to_core(e, peer, fd, conn);
}

void engine_established(void *arg, const struct uring_peer *peer, int fd, struct ktls_handshake *h)
{
	struct engine *e = arg;
	struct ktls_session_keys keys;
	int rc = ktls_handshake_keys(h, &keys);

	if (rc == -EOPNOTSUPP) {
		establish_relayed(e, peer, fd, h);
	} else if (rc) {
		lose(e, peer, rc);
		close(fd);
	} else {
		establish_direct(e, peer, fd, h, &keys);
	}
	OPENSSL_cleanse(&keys, sizeof(keys));
}

void engine_relay_ended(void *arg, const struct uring_peer *peer, const char *reason)
{
	static struct log_limit limit;
	char remote[64];

	(void)arg;
	if (!reason)
		return;
	listeners_format_address(&peer->remote, remote);
	ser_log_limited(&limit, LOG_LEVEL_NOTICE, "connection with %s closed: %s", remote, reason);
}
