/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/engine.h"

#include "ser/conn.h"
#include "ser/host.h"
#include "ser/inject.h"
#include "ser/listeners.h"
#include "ser/log.h"
#include "ser/privileges.h"
#include "ser/shared.h"
#include "uring/server.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	HANDSHAKES_MAX = 1024, /* under way at once; each costs some 60 KB */
	INJECT_QUEUE_MAX = 1024,
	CONNECTION_LINES = 200, /* of tls_log in a LOG_PERIOD: enough to watch, too few to fill a disk */
};

struct engine {
	const struct params *params;
	const struct ktls_kernel_caps *caps;
	SSL_CTX *ctx;
	struct snapshot_cert *own; /* in shared memory: snapshots refer to it */
	struct uring_loop *loop;
	struct uring_server *server;
};

/* The core's own limits, which it checks at an accept() that no longer happens there. */
static int admit(void *arg, const struct uring_peer *peer)
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

static SSL_CTX *context(void *arg, const struct uring_peer *peer)
{
	(void)peer;
	return ((struct engine *)arg)->ctx;
}

static void failed(void *arg, const struct uring_peer *peer, const char *reason)
{
	static struct log_limit limit;
	char remote[64], local[64];

	(void)arg;
	listeners_format_address(&peer->remote, remote);
	listeners_format_address(&peer->local, local);
	ser_log_limited(
		&limit, LOG_LEVEL_WARNING, "handshake with %s at %s failed: %s", remote, local, reason);
}

static void trouble(void *arg, int error, int for_good)
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
	static struct log_limit limit;
	int rc;

	if (ktls_kernel_supports(e->caps, keys->tx.version, keys->tx.aead))
		return KTLS_HOME_USER;
	rc = ktls_kernel_install(fd, &keys->tx, &keys->rx);
	if (!rc)
		return KTLS_HOME_KERNEL;
	if (rc > 0) {
		ser_log_limited(&limit, LOG_LEVEL_ERROR,
			"a connection is closed: the kernel took the keys for sending but not those for "
			"receiving");
		return -1;
	}
	ser_log_limited(&limit, LOG_LEVEL_WARNING,
		"records of a connection stay in user space: the kernel refused them: %s", strerror(-rc));
	return KTLS_HOME_USER;
}

static void log_established(const struct engine *e, const struct uring_peer *peer, const struct conn *conn)
{
	static struct log_limit limit = {.burst = CONNECTION_LINES};
	const struct snapshot *s = &conn->snapshot;
	char remote[64], local[64];

	listeners_format_address(&peer->remote, remote);
	listeners_format_address(&peer->local, local);
	ser_log_limited(&limit, e->params->tls_log, "%s connected at %s with %s %s, records in %s", remote,
		local, (const char *)s->data + s->version, (const char *)s->data + s->cipher,
		s->home == KTLS_HOME_KERNEL ? "the kernel" : "user space");
}

static void established(void *arg, const struct uring_peer *peer, int fd, struct ktls_handshake *h)
{
	struct engine *e = arg;
	struct ktls_session_keys keys;
	struct conn *conn = NULL;
	int home, rc = ktls_handshake_keys(h, &keys);

	if (rc) {
		failed(arg, peer, "the suite's records cannot be protected without the SSL object");
		goto lost;
	}
	home = choose_home(e, fd, &keys);
	if (home < 0)
		goto lost;
	rc = conn_new(&conn, ktls_handshake_ssl(h), home, &keys, e->own);
	if (rc || fcntl(fd, F_SETFL, O_NONBLOCK)) {
		failed(arg, peer,
			rc == -ENOMEM ? "shared memory is used up" : "the socket cannot be handed over");
		goto lost;
	}
	OPENSSL_cleanse(&keys, sizeof(keys));
	log_established(e, peer, conn);
	inject(fd, &peer->remote, &peer->local, peer->listener, conn);
	return;
lost:
	OPENSSL_cleanse(&keys, sizeof(keys));
	if (conn)
		conn_close(conn);
	close(fd);
}

static int keep_own_certificate(struct engine *e, struct cfg_error *error)
{
	X509 *cert = SSL_CTX_get0_certificate(e->ctx);
	int len = i2d_X509(cert, NULL);
	unsigned char *der;

	e->own = len > 0 ? shared_memory.alloc(sizeof(*e->own) + (size_t)len) : NULL;
	if (!e->own)
		return cfg_fail(
			error, "shared memory is used up before the start: raise it with kamailio -m");
	e->own->len = (uint32_t)len;
	der = e->own->der;
	i2d_X509(cert, &der);
	return 0;
}

static int start_server(struct engine *e, struct cfg_error *error)
{
	struct uring_server_config config = {
		.arg = e,
		.max_handshakes = HANDSHAKES_MAX,
		.handshake_timeout = (unsigned)e->params->handshake_timeout,
		.admit = admit,
		.context = context,
		.established = established,
		.failed = failed,
		.trouble = trouble,
	};
	const struct listener *l;
	const char *why;
	unsigned n;
	int rc = uring_loop_new(&e->loop, &why);

	if (rc)
		return cfg_fail(error, "the TLS engine cannot start: %s (%s)", why, strerror(-rc));
	if (uring_server_new(&e->server, e->loop, &config))
		return cfg_fail(error, "the TLS engine cannot start: out of memory");
	l = listeners_all(&n);
	for (unsigned i = 0; i < n; i++)
		if (uring_server_listen(e->server, l[i].fd, l[i].si))
			return cfg_fail(error, "the TLS engine cannot start: out of memory");
	return 0;
}

static int set_up(struct engine *e, struct cfg_error *error)
{
	struct cfg_error warning;

	/* This process follows no changes of the run-time configuration; its values must not vanish either.
	 */
	__atomic_add_fetch(&(*cfg_global)->refcnt, 1, __ATOMIC_RELAXED);
	cfg_child_no_cb_init();
	if (privileges_drop(error))
		return -1;
	e->ctx = cfg_build_context(&e->params->server, error, &warning);
	if (!e->ctx || keep_own_certificate(e, error) || start_server(e, error))
		return -1;
	inject_init(e->loop);
	return 0;
}

/* The engine's life. An empty text on the pipe says that it is ready. */
static void run(struct engine *e, int report)
{
	struct cfg_error error = {.text = ""};
	int rc = set_up(e, &error);
	ssize_t n = write(report, error.text, sizeof(error.text));

	close(report);
	if (rc || n < 0)
		exit(1);
	while (!(rc = uring_turn(e->loop)))
		;
	ser_log(LOG_LEVEL_CRITICAL, "the TLS engine ends: its ring is of no use any more: %s", strerror(-rc));
	exit(1);
}

static int wait_until_ready(int report)
{
	struct pollfd p = {.fd = report, .events = POLLIN};
	struct cfg_error error;
	int rc;

	do
		rc = poll(&p, 1, ENGINE_START_SECONDS * 1000);
	while (rc < 0 && errno == EINTR);
	if (rc > 0 && read(report, error.text, sizeof(error.text)) == sizeof(error.text)) {
		if (!error.text[0])
			return 0;
		ser_log(LOG_LEVEL_ERROR, "%s", error.text);
		return -1;
	}
	ser_log(LOG_LEVEL_CRITICAL, "the TLS engine %s",
		rc ? "died while it started" : "did not start in time");
	return -1;
}

int engine_start(const struct params *params, const struct ktls_kernel_caps *caps)
{
	static struct engine engine; /* the child works on its copy of the main process's memory */
	int report[2], pid, rc;

	engine = (struct engine){.params = params, .caps = caps};
	if (pipe2(report, O_CLOEXEC)) {
		ser_log(LOG_LEVEL_ERROR, "the TLS engine cannot start: %s", strerror(errno));
		return -1;
	}
	pid = fork_process(HOST_PROC_NOCHLDINIT, "tls engine", 1);
	if (pid < 0) {
		ser_log(LOG_LEVEL_ERROR, "the TLS engine cannot be forked: %s", strerror(errno));
		close(report[0]);
		close(report[1]);
		return -1;
	}
	if (!pid) {
		close(report[0]);
		run(&engine, report[1]);
	}
	close(report[1]);
	rc = wait_until_ready(report[0]);
	close(report[0]);
	return rc;
}
