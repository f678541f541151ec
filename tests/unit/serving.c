/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "serving.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int admit(void *arg, const struct uring_peer *peer)
{
	struct serving *s = arg;

	s->asked++;
	s->under_way = uring_server_handshakes(s->server);
	s->peer = *peer;
	s->wrong += peer->listener != s;
	if (s->asked == s->pause_after)
		uring_server_pause(s->server, 1);
	if (s->end_in_admit)
		uring_server_end(s->server);
	return s->refuse;
}

static SSL_CTX *context(void *arg, const struct uring_peer *peer)
{
	struct serving *s = arg;

	s->wrong += peer->listener != s || s->refuse;
	return s->ctx;
}

static void established(void *arg, const struct uring_peer *peer, int fd, struct ktls_handshake *h)
{
	struct serving *s = arg;
	struct accepted *a = &s->accepted[s->established++ % SERVING_MAX];
	int type = 0;
	socklen_t len = sizeof(type);

	a->fd = fd;
	a->peer = *peer;
	s->wrong += ktls_handshake_keys(h, &a->keys) != 0 || peer->listener != s;
	s->wrong += getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_STREAM;
	s->wrong += (fcntl(fd, F_GETFL) & O_NONBLOCK) || !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	if (s->end_in_established)
		uring_server_end(s->server);
}

static void unused(void *arg, const struct uring_peer *peer, struct ktls_handshake *h)
{
	struct serving *s = arg;
	struct ktls_session_keys keys;

	s->unused++;
	s->wrong += peer->listener != s || ktls_handshake_keys(h, &keys);
}

static void failed(void *arg, const struct uring_peer *peer, enum uring_failure kind, const char *reason)
{
	struct serving *s = arg;

	s->failures[s->failed++ % SERVING_MAX] =
		(struct failure){peer->transport_remote.in.sin_port, ktls_clock_ms()};
	s->peer = *peer;
	s->wrong += peer->listener != s || !*reason;
	s->wrong += (kind == URING_FAILED_TIMED_OUT) != (strstr(reason, "handshake_timeout") != NULL);
	s->kind = kind;
	snprintf(s->reason, sizeof(s->reason), "%s", reason);
}

static void evicted(void *arg, const struct uring_peer *peer, enum uring_eviction why, unsigned like_it)
{
	struct serving *s = arg;

	s->evicted[why]++;
	s->evictions[s->all_evicted++ % SERVING_MAX] = peer->transport_remote.in.sin_port;
	s->like_it = like_it;
	s->peer = *peer;
	s->wrong += peer->listener != s || !like_it;
}

static void refused(void *arg, const struct uring_peer *peer)
{
	struct serving *s = arg;

	s->refused++;
	s->peer = *peer;
	s->wrong += peer->listener != s;
}

static void trouble(void *arg, int error, int for_good)
{
	struct serving *s = arg;

	s->troubles++;
	s->error = error;
	s->for_good = for_good;
}

static void unlistened(void *arg, void *listener)
{
	struct serving *s = arg;

	s->unlistened++;
	s->wrong += listener != s;
}

static void ended(void *arg)
{
	struct serving *s = arg;

	s->ended++;
	s->server = NULL;
}

void serving_open_with(struct serving *s, SSL_CTX *ctx, const struct uring_server_config *limits)
{
	struct uring_server_config config = *limits;

	config.arg = s;
	config.admit = admit;
	config.context = context;
	config.unused = unused;
	config.established = established;
	config.failed = failed;
	config.evicted = evicted;
	config.refused = refused;
	config.trouble = trouble;
	config.unlistened = unlistened;
	config.ended = ended;
	memset(s, 0, sizeof(*s));
	s->descriptors = count_descriptors();
	s->ctx = ctx;
	turns_open(&s->turns);
	s->listener = listen_on_loopback(&s->at);
	assert_int_equal(uring_server_new(&s->server, s->turns.loop, &config), 0);
	assert_int_equal(uring_server_listen(s->server, s->listener, s), 0);
	assert_int_equal(uring_server_handshakes(s->server), 0);
}

void serving_open(struct serving *s, SSL_CTX *ctx, unsigned max_handshakes, unsigned timeout)
{
	struct uring_server_config limits = {.max_handshakes = max_handshakes, .handshake_timeout = timeout};

	serving_open_with(s, ctx, &limits);
}

static int has_ended(void *arg)
{
	return ((struct serving *)arg)->ended > 0;
}

void serving_until_ended(struct serving *s)
{
	turns_until(&s->turns, has_ended, s);
	assert_int_equal(s->ended, 1);
}

void serving_close(struct serving *s)
{
	if (s->server) {
		assert_int_equal(uring_server_handshakes(s->server), 0);
		uring_server_end(s->server);
		serving_until_ended(s);
	}
	assert_int_equal(s->wrong, 0);
	turns_close(&s->turns);
	close(s->listener);
	for (unsigned i = 0; i < s->established; i++)
		close(s->accepted[i].fd);
	for (unsigned i = 0; i < s->calls; i++) {
		caller_hang_up(&s->callers[i]);
		/* Without a proper end OpenSSL would not resume the session. */
		SSL_set_shutdown(s->callers[i].ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(s->callers[i].ssl);
	}
	ERR_clear_error();
	assert_int_equal(count_descriptors(), s->descriptors);
}

static void note_alert(const SSL *ssl, int where, int value)
{
	struct caller *c = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
		c->alert = value & 0xff;
}

static void make_ssl(struct caller *c, SSL_CTX *client)
{
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	c->ssl = SSL_new(client);
	assert_true(in && out && c->ssl);
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(c->ssl, in, out);
	SSL_set_app_data(c->ssl, (char *)c);
	SSL_set_info_callback(c->ssl, note_alert);
	SSL_set_connect_state(c->ssl);
}

/* Little fits into its buffers, so that the other side waits for whoever reads. */
static void make_small(int fd)
{
	const int least = 1, segment = 536;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment)), 0);
}

void serving_make_small(struct serving *s)
{
	s->small = 1;
	make_small(s->listener);
}

static int connect_from(const char *address, const struct sockaddr_in *to, int small)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, address, &from.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	if (small)
		make_small(fd);
	assert_int_equal(connect(fd, (const struct sockaddr *)to, sizeof(*to)), 0);
	return fd;
}

struct caller *serving_call_from(struct serving *s, SSL_CTX *client, const char *address)
{
	struct caller *c = &s->callers[s->calls];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int on = 1;

	assert_true(s->calls < SERVING_MAX);
	s->calls++;
	*c = (struct caller){.alert = -1, .budget = SIZE_MAX, .thirst = SIZE_MAX};
	make_ssl(c, client);
	c->fd = connect_from(address, &s->at, s->small);
	assert_int_equal(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	assert_int_equal(getsockname(c->fd, (struct sockaddr *)&from, &len), 0);
	c->port = from.sin_port;
	return c;
}

struct caller *serving_call(struct serving *s, SSL_CTX *client)
{
	return serving_call_from(s, client, "127.0.0.1");
}

void caller_says(struct caller *c, const void *bytes, size_t len)
{
	assert_int_equal(BIO_write(SSL_get_wbio(c->ssl), bytes, (int)len), len);
}

static void hear(struct caller *c)
{
	uint8_t bytes[4096];
	ssize_t n = 1;

	while (c->thirst && n > 0) {
		n = recv(c->fd, bytes, c->thirst < sizeof(bytes) ? c->thirst : sizeof(bytes), MSG_DONTWAIT);
		if (n <= 0)
			break;
		assert_int_equal(BIO_write(SSL_get_rbio(c->ssl), bytes, (int)n), n);
		c->thirst -= (size_t)n;
	}
	if (!n)
		c->closed = 1;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->error = errno;
}

static void think(struct caller *c)
{
	char byte;

	if (!c->done && SSL_do_handshake(c->ssl) == 1) {
		c->done = 1;
		if (c->behind)
			assert_int_equal(
				SSL_write(c->ssl, c->behind, (int)strlen(c->behind)), strlen(c->behind));
	}
	if (c->done)
		SSL_peek(c->ssl, &byte, 1); /* takes tickets and alerts */
	ERR_clear_error();
}

static void speak(struct caller *c)
{
	BIO *out = SSL_get_wbio(c->ssl);
	char *data;
	long pending = BIO_get_mem_data(out, &data);
	size_t n = pending > 0 ? (size_t)pending : 0;
	uint8_t sink[8192];
	ssize_t sent;

	n = c->piece && n > c->piece ? c->piece : n;
	n = n < c->budget ? n : c->budget;
	n = n < sizeof(sink) ? n : sizeof(sink);
	if (!n || c->error || ktls_clock_ms() < c->next_piece)
		return;
	sent = send(c->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0) {
		c->error = errno == EAGAIN || errno == EINTR ? 0 : errno;
		return;
	}
	assert_int_equal(BIO_read(out, sink, (int)sent), sent);
	c->budget -= (size_t)sent;
	c->next_piece = ktls_clock_ms() + c->pause_ms;
}

static void caller_turn(struct caller *c)
{
	if (c->fd < 0)
		return;
	hear(c);
	think(c);
	if (!c->closed)
		speak(c);
}

struct goal {
	struct serving *s;
	int (*over)(struct serving *s);
	unsigned established, failed, evicted;
	const struct caller *c;
};

static void turn_all(struct serving *s)
{
	unsigned now = s->server ? uring_server_handshakes(s->server) : 0;

	s->most = now > s->most ? now : s->most;
	for (unsigned i = 0; i < s->calls; i++)
		caller_turn(&s->callers[i]);
}

static int goal_over(void *arg)
{
	struct goal *g = arg;

	turn_all(g->s);
	return g->over(g->s);
}

void serving_until(struct serving *s, int (*over)(struct serving *s))
{
	struct goal g = {.s = s, .over = over};

	turns_until(&s->turns, goal_over, &g);
}

void serving_go_on(struct serving *s)
{
	for (int i = 0; i < 5; i++) {
		turn_all(s);
		assert_int_equal(uring_turn(s->turns.loop), 0);
	}
}

static int goal_counts(void *arg)
{
	struct goal *g = arg;

	turn_all(g->s);
	return g->s->established >= g->established && g->s->failed >= g->failed;
}

void serving_expect(struct serving *s, unsigned wanted, unsigned wanted_failures)
{
	struct goal g = {.s = s, .established = wanted, .failed = wanted_failures};

	turns_until(&s->turns, goal_counts, &g);
	serving_go_on(s);
	assert_int_equal(s->established, wanted);
	assert_int_equal(s->failed, wanted_failures);
}

static int goal_evicted(void *arg)
{
	struct goal *g = arg;

	turn_all(g->s);
	return g->s->all_evicted >= g->evicted;
}

void serving_until_evicted(struct serving *s, unsigned count)
{
	struct goal g = {.s = s, .evicted = count};

	turns_until(&s->turns, goal_evicted, &g);
}

static int goal_closed(void *arg)
{
	struct goal *g = arg;

	turn_all(g->s);
	return g->c->closed || g->c->error;
}

void serving_until_closed(struct serving *s, struct caller *c)
{
	struct goal g = {.s = s, .c = c};

	turns_until(&s->turns, goal_closed, &g);
}

static int goal_all_gone(void *arg)
{
	const struct serving *s = ((struct goal *)arg)->s;

	return s->established + s->unused + s->failed + s->all_evicted >= s->calls;
}

void serving_hang_up(struct serving *s)
{
	struct goal g = {.s = s};

	for (unsigned i = 0; i < s->calls; i++)
		caller_hang_up(&s->callers[i]);
	turns_until(&s->turns, goal_all_gone, &g);
	serving_close(s);
}

int serving_use_up(const struct serving *s, int *fds, int max)
{
	int n = 0;

	while (n < max && (fds[n] = dup(s->listener)) >= 0)
		n++;
	assert_true(n < max && errno == EMFILE);
	return n;
}

int caller_was_reset(const struct caller *c)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	assert_int_equal(getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return c->error || info.tcpi_state == TCP_CLOSE;
}

void caller_hang_up(struct caller *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void caller_reset(struct caller *c)
{
	reset_on_close(c->fd);
	caller_hang_up(c);
}

struct accepted *serving_find(struct serving *s, const struct caller *c)
{
	for (unsigned i = 0; i < s->established; i++)
		if (s->accepted[i].peer.transport_remote.in.sin_port == c->port)
			return &s->accepted[i];
	fail_msg("the server has no such connection");
	return NULL;
}

/* The bytes are on their way over loopback at most, so blocking reads end. */
void accepted_hears(struct accepted *a, const char *text)
{
	assert_record(a->fd, MSG_WAITALL, &a->keys.rx, KTLS_APPLICATION_DATA, text, strlen(text));
}

static int caller_has_data(void *arg)
{
	struct caller *c = arg;

	caller_turn(c);
	return SSL_pending(c->ssl) > 0;
}

void serving_talk(struct serving *s, struct caller *c)
{
	struct accepted *a = serving_find(s, c);
	uint8_t record[256];
	char heard[16];
	ssize_t n;

	assert_int_equal(SSL_write(c->ssl, "a question", 10), 10);
	caller_turn(c);
	accepted_hears(a, "a question");
	n = ktls_record_seal(&a->keys.tx, KTLS_APPLICATION_DATA, "an answer", 9, record, sizeof(record));
	assert_true(n > 0);
	assert_int_equal(send(a->fd, record, (size_t)n, MSG_NOSIGNAL), n);
	turns_until(&s->turns, caller_has_data, c);
	assert_int_equal(SSL_read(c->ssl, heard, sizeof(heard)), 9);
	assert_memory_equal(heard, "an answer", 9);
}
