/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/take_back.h"

#include "cfg/config.h"
#include "ser/connection/drain.h"
#include "ser/connection/inject.h"
#include "ser/connection/keeper.h"
#include "ser/connection/listeners.h"
#include "ser/host/services.h"
#include "ser/outbound/identity.h"
#include "ser/shared/counters.h"
#include "ser/shared/kept.h"
#include "ser/shared/limits.h"
#include "ser/shared/log.h"
#include "ser/shared/services.h"
#include "ser/shared/shortage.h"
#include "ser/supervisor/message_check.h"
#include "ser/supervisor/private.h"
#include "uring/address.h"
#include "uring/pass_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LOOK_MS = 20,
	MESSAGES_A_TURN = 64,
	REASONS_MAX = 8, /* that are counted by themselves */
	TEXT_MAX = 768,
};

static const char damaged[] = "the keeper's record is damaged";

static struct take_back {
	struct uring_op wait, readable;
	int channel;
	unsigned taken;
	struct {
		const char *why; /* static text */
		unsigned count;
	} lost[REASONS_MAX + 1]; /* the last one has all others */
	unsigned domain;         /* the number of the one that was found last */
	struct {
		_Alignas(8) struct keeper_header header;
		uint8_t record[KEEPER_MESSAGE_MAX - sizeof(struct keeper_header)];
	} message;
} self;

static void count_lost(const char *why)
{
	unsigned i = 0;

	while (i < REASONS_MAX && self.lost[i].why && strcmp(self.lost[i].why, why))
		i++;
	self.lost[i].why = i < REASONS_MAX ? why : "for other reasons";
	self.lost[i].count++;
	counters_add(COUNTER_NOT_TAKEN_BACK);
}

static void say_why(const struct kept *k, const char *why)
{
	static struct log_limit limit;
	char remote[URING_ADDRESS_TEXT];

	uring_address_text(&k->remote.any, remote);
	ser_log_limited(
		&limit, LOG_LEVEL_WARNING, "connection with %s closed after the restart: %s", remote, why);
}

static struct domain *find_domain(const char *name)
{
	const struct cfg_set *set = supervisor.parts.set;
	unsigned count = cfg_set_count(set);
	struct domain *d;
	SSL_CTX *ctx;

	for (unsigned i = 0; i < count; i++) {
		ctx = cfg_set_context(set, (self.domain + i) % count);
		d = ctx ? domain_of(ctx) : NULL;
		if (d && !strcmp(domain_name(d), name)) {
			self.domain = (self.domain + i) % count;
			return d;
		}
	}
	return NULL;
}

static int is_same_host(const union uring_address *a, const union host_sockaddr *b)
{
	if (a->any.sa_family != b->s.sa_family)
		return 0;
	return a->any.sa_family == AF_INET6
		       ? !memcmp(&a->in6.sin6_addr, &b->sin6.sin6_addr, sizeof(a->in6.sin6_addr))
		       : a->in.sin_addr.s_addr == b->sin.sin_addr.s_addr;
}

/* For a connection that SER opened only the host counts, and then the family, as when the core opens one. */
static struct host_socket_info *find_listener(const struct kept *k)
{
	const union uring_address *at = k->outbound ? &k->local : &k->listener;
	struct host_socket_info *si, *of_family = NULL;

	for (unsigned i = 0; i < supervisor.parts.listener_count; i++) {
		si = listeners_core(i);
		if (is_same_host(at, &si->su) && (k->outbound || at->in.sin_port == si->su.sin.sin_port))
			return si;
		if (!of_family && si->su.s.sa_family == at->any.sa_family)
			of_family = si;
	}
	return k->outbound ? of_family : NULL;
}

/* Whether the kernel protects its records, as the stream says. */
static int is_at_home(int fd, enum ktls_home home)
{
	char name[16] = "";
	socklen_t len = sizeof(name) - 1;
	int has_tls = !getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &len) && !strcmp(name, "tls");

	return home != KTLS_HOME_RELAYED && has_tls == (home == KTLS_HOME_KERNEL);
}

static const char *check(const struct kept *k, const struct conn *conn, int fd)
{
	char words[LIMIT_TEXT];
	int limit;

	if (conn->stream.role != (k->outbound ? KTLS_CLIENT : KTLS_SERVER) ||
		!is_at_home(fd, conn->stream.home))
		return "the keeper's record does not belong to its socket";
	host_publish_load();
	limit = limits_reached(-1, words);             /* it is counted already */
	if (limit < 0 || limit == COUNTER_LIMIT_QUEUE) /* which passes */
		return NULL;
	return "SER has no place for it: raise tls_max_connections, or memory with kamailio -m";
}

static struct conn *make(const struct kept *k, struct domain *now, const char **why)
{
	struct domain *then = now ? domain_as_it_was(now, k->own, k->own_len) : NULL;
	struct conn *conn;
	int rc = -ENOMEM;

	*why = "shared memory is used up: raise it with kamailio -m";
	if (now && !then)
		return NULL;
	conn = conn_new_again(k, then, &rc);
	domain_put(then);
	if (rc == -EPROTONOSUPPORT)
		*why = "another version of this module kept it";
	else if (rc != -ENOMEM)
		*why = damaged;
	return conn;
}

/* The peer learns that it is over, if it can. */
static void end(struct conn *conn, int fd)
{
	ktls_stream_send_alert(&conn->stream, fd, KTLS_CLOSE_NOTIFY);
	conn_close(conn);
}

/* Returns NULL, or a phrase that says why not; then fd is closed. */
static const char *take(const struct kept *k, int fd)
{
	struct domain *domain = find_domain(k->domain);
	struct host_socket_info *listener = find_listener(k);
	const char *why = NULL;
	struct conn *conn = make(k, domain, &why);

	if (!conn) {
		close(fd);
		return why;
	}
	why = !listener                 ? "nobody listens any more where it came in"
	      : !domain && k->domain[0] ? "its domain is not configured any more"
					: check(k, conn, fd);
	if (why) {
		end(conn, fd);
		close(fd);
		return why;
	}
	if (k->outbound)
		identity_add(conn);
	if (!inject_again(fd, k, conn, listener, &why))
		return NULL;
	if (k->outbound)
		identity_remove(conn);
	conn_close(conn);
	return why;
}

static void take_record(size_t len, int fd)
{
	struct kept k;
	const char *why;

	if (kept_decode(&k, self.message.record, len)) {
		close(fd);
		count_lost(damaged);
		return;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	why = take(&k, fd);
	if (!why) {
		self.taken++;
		counters_add(COUNTER_TAKEN_BACK);
		return;
	}
	say_why(&k, why);
	count_lost(why);
}

static void stop(void)
{
	close(self.channel);
	OPENSSL_cleanse(&self.message, sizeof(self.message));
}

/* Returns 0, or -1 when there is nothing more to come. */
static int take_message(size_t len, int fd)
{
	const struct keeper_header *h = &self.message.header;

	if (len < sizeof(*h) || h->magic != KEEPER_MAGIC || h->version != KEEPER_VERSION) {
		ser_log(LOG_LEVEL_ERROR,
			"keeper '%s' speaks another version: what it holds is not taken back",
			supervisor.parts.params->keeper);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (h->kind == KEEPER_KEEP && fd >= 0) {
		take_record(len - sizeof(*h), fd);
		return 0;
	}
	if (fd >= 0)
		close(fd);
	if (h->kind != KEEPER_KEEP)
		return -1;
	count_lost("no descriptor is left: raise LimitNOFILE (ulimit -n)");
	return 0;
}

static void say_result(void)
{
	char text[TEXT_MAX] = "";
	size_t len = 0;
	unsigned sum = 0;

	for (unsigned i = 0; i <= REASONS_MAX && self.lost[i].why; i++) {
		sum += self.lost[i].count;
		if (len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u: %s", i ? "; " : " (",
				self.lost[i].count, self.lost[i].why);
	}
	ser_log(LOG_LEVEL_NOTICE,
		"%u TLS connections of the SER before go on, %u could not be taken back%s%s", self.taken, sum,
		text, sum ? ")" : "");
}

static void readable(struct uring_op *op, int res)
{
	ssize_t n;
	int fd, rc;

	(void)res;
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		n = uring_take_fd(self.channel, &self.message, sizeof(self.message), &fd);
		if (n == -EAGAIN)
			break;
		rc = n > 0 ? take_message((size_t)n, fd) : -1;
		if (n > 0) /* an engine may be forked before the next one */
			OPENSSL_cleanse(&self.message, (size_t)n);
		if (rc) {
			if (n <= 0)
				ser_log(LOG_LEVEL_ERROR, "the keeper ended before it had given back all: %s",
					n ? shortage_text((int)n) : "its process is gone");
			say_result();
			stop();
			return;
		}
	}
	if (uring_poll(supervisor.loop, op, self.channel, POLLIN)) {
		ser_log(LOG_LEVEL_ERROR, "connections stay with the keeper: the supervisor's ring is full");
		stop();
	}
}

static void ask(void)
{
	const struct keeper_header take = {KEEPER_MAGIC, KEEPER_VERSION, KEEPER_TAKE};
	const char *path = supervisor.parts.params->keeper, *why;
	int rc;

	self.channel = keeper_connect(path, &why);
	if (self.channel < 0) {
		ser_log(LOG_LEVEL_WARNING, "keeper '%s': %s; a restart ends all TLS connections", path, why);
		return;
	}
	self.readable.done = readable;
	rc = uring_pass_fd(self.channel, &take, sizeof(take), URING_NO_FD);
	if (!rc)
		rc = uring_poll(supervisor.loop, &self.readable, self.channel, POLLIN);
	if (!rc)
		return;
	ser_log(LOG_LEVEL_ERROR, "keeper '%s' cannot be asked for connections: %s", path, shortage_text(rc));
	stop();
}

static void look(struct uring_op *op, int res)
{
	static struct __kernel_timespec pause = {.tv_nsec = LOOK_MS * 1000000L};

	(void)res;
	if (drain_has_tcp_main())
		ask();
	else if (uring_timeout(supervisor.loop, op, &pause))
		ser_log(LOG_LEVEL_ERROR, "connections stay with the keeper: the supervisor's ring is full");
}

/* If the start fails before tcp_main runs, the connections must still be with the keeper. */
void take_back_start(void)
{
	if (!supervisor.parts.params->keeper)
		return;
	self.wait.done = look;
	look(&self.wait, 0);
}
