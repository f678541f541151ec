/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "calling.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <unistd.h>

static int begin(void *arg, void *token, struct ktls_handshake *h, const char **why)
{
	struct calling *c = arg;
	struct call *call = token;

	c->wrong += call->told || call->begun++;
	*why = "the test says no";
	return c->prepare ? c->prepare(c, ktls_handshake_ssl(h)) : 0;
}

static void established(void *arg, void *token, int fd, struct ktls_handshake *h)
{
	struct calling *c = arg;
	struct call *call = token;
	int on = 0;
	socklen_t len = sizeof(on);

	c->wrong += call->told++ || !call->begun || fcntl(fd, F_GETFL) & O_NONBLOCK ||
		    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len) || !on;
	c->established++;
	call->fd = fd;
	call->at = ktls_clock_ms();
	call->reused = SSL_session_reused(ktls_handshake_ssl(h));
	call->keys_rc = ktls_handshake_keys(h, &call->keys);
}

static void failed(void *arg, void *token, enum uring_client_failure why, int error, const char *reason)
{
	struct calling *c = arg;
	struct call *call = token;

	c->wrong += call->told++ || !*reason || strlen(reason) >= sizeof(call->reason) || error > 0;
	c->failed++;
	call->why = why;
	call->error = error;
	call->at = ktls_clock_ms();
	snprintf(call->reason, sizeof(call->reason), "%s", reason);
}

/* A client has no end of its own: its memory goes with the process, and is kept in view of the leak checker.
 */
static struct uring_client *clients[64];

static void keep(struct uring_client *client)
{
	static unsigned count;

	assert_true(count < COUNT(clients));
	clients[count++] = client;
}

void calling_open(struct calling *c, SSL_CTX *ours, SSL_CTX *theirs)
{
	struct uring_client_config config = {
		.arg = c, .begin = begin, .established = established, .failed = failed};

	memset(c, 0, sizeof(*c));
	c->descriptors = count_descriptors();
	c->ours = ours;
	c->theirs = theirs;
	c->connect_timeout = c->handshake_timeout = 20;
	turns_open(&c->turns);
	c->listener = listen_on_loopback(&c->at);
	assert_int_equal(fcntl(c->listener, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(uring_client_new(&c->client, c->turns.loop, &config), 0);
	keep(c->client);
	assert_int_equal(uring_client_count(c->client), 0);
}

static void hang_up(struct callee *callee)
{
	if (callee->fd >= 0)
		close(callee->fd);
	callee->fd = -1;
}

void calling_close(struct calling *c)
{
	assert_int_equal(uring_client_count(c->client), 0);
	assert_int_equal(c->wrong, 0);
	turns_close(&c->turns);
	close(c->listener);
	for (unsigned i = 0; i < c->calls_count; i++) {
		assert_int_equal(c->calls[i].told, 1);
		if (c->calls[i].fd >= 0)
			close(c->calls[i].fd);
	}
	for (unsigned i = 0; i < c->callees_count; i++) {
		hang_up(&c->callees[i]);
		SSL_set_shutdown(c->callees[i].ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(c->callees[i].ssl);
	}
	ERR_clear_error();
	assert_int_equal(count_descriptors(), c->descriptors);
}

struct call *calling_start(struct calling *c, int fd)
{
	struct call *call = &c->calls[c->calls_count];
	struct uring_client_request request = {.token = call,
		.fd = fd,
		.ctx = c->ours,
		.connect_timeout = c->connect_timeout,
		.handshake_timeout = c->handshake_timeout};

	assert_true(c->calls_count < CALLING_MAX);
	c->calls_count++;
	*call = (struct call){.calling = c, .fd = -1};
	assert_int_equal(uring_client_start(c->client, &request), 0);
	assert_int_equal(call->told, 0);
	return call;
}

struct call *calling_call_to(struct calling *c, const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_true(!connect(fd, (const struct sockaddr *)to, sizeof(*to)) || errno == EINPROGRESS);
	return calling_start(c, fd);
}

struct call *calling_call(struct calling *c)
{
	return calling_call_to(c, &c->at);
}

static void note_alert(const SSL *ssl, int where, int value)
{
	struct callee *callee = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
		callee->alert = value & 0xff;
}

static void answer(struct calling *c, int fd)
{
	struct callee *callee = &c->callees[c->callees_count];
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	assert_true(c->callees_count < CALLING_MAX);
	c->callees_count++;
	*callee = (struct callee){.fd = fd, .alert = -1, .ssl = SSL_new(c->theirs)};
	assert_true(in && out && callee->ssl);
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(callee->ssl, in, out);
	SSL_set_app_data(callee->ssl, (char *)callee);
	SSL_set_info_callback(callee->ssl, note_alert);
	SSL_set_accept_state(callee->ssl);
}

/* What it should do on the first bytes it gets. Returns 1 when that is not to read them. */
static int is_rude(const struct calling *c, struct callee *callee)
{
	char byte;

	if (callee->said || (!c->manners.resets && !c->manners.hangs_up && !c->manners.speaks))
		return 0;
	if (recv(callee->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 1)
		return 1;
	if (c->manners.speaks) {
		callee->said = strlen(c->manners.speaks);
		assert_int_equal(send(callee->fd, c->manners.speaks, callee->said, 0), callee->said);
		return 1;
	}
	if (c->manners.resets)
		reset_on_close(callee->fd);
	else /* unread bytes would make it a reset */
		while (recv(callee->fd, (char[256]){0}, 256, MSG_DONTWAIT) > 0)
			;
	hang_up(callee);
	return 1;
}

static void hear(struct callee *callee)
{
	uint8_t bytes[4096];
	ssize_t n;

	while ((n = recv(callee->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		assert_int_equal(BIO_write(SSL_get_rbio(callee->ssl), bytes, (int)n), n);
	callee->closed |= !n || (errno != EAGAIN && errno != EINTR);
}

static void think(const struct calling *c, struct callee *callee)
{
	const char *behind = c->manners.behind;
	char byte;

	if (!callee->done && SSL_do_handshake(callee->ssl) == 1) {
		callee->done = 1;
		if (behind)
			assert_int_equal(SSL_write(callee->ssl, behind, (int)strlen(behind)), strlen(behind));
	}
	if (callee->done)
		SSL_peek(callee->ssl, &byte, 1); /* takes alerts */
	ERR_clear_error();
}

static void speak(const struct calling *c, struct callee *callee)
{
	const struct manners *m = &c->manners;
	BIO *out = SSL_get_wbio(callee->ssl);
	char *data;
	long pending = BIO_get_mem_data(out, &data);
	size_t n = pending > 0 ? (size_t)pending : 0;
	uint8_t sink[8192];
	ssize_t sent;

	n = m->piece && n > m->piece ? m->piece : n;
	if (m->say_at_most && n > m->say_at_most - callee->said)
		n = m->say_at_most - callee->said;
	n = n < sizeof(sink) ? n : sizeof(sink);
	if (!n || ktls_clock_ms() < callee->next_piece)
		return;
	sent = send(callee->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent <= 0)
		return;
	assert_int_equal(BIO_read(out, sink, (int)sent), sent);
	callee->said += (size_t)sent;
	callee->next_piece = ktls_clock_ms() + m->pause_ms;
}

static void callee_turn(const struct calling *c, struct callee *callee)
{
	if (callee->fd < 0 || c->manners.deaf || is_rude(c, callee))
		return;
	hear(callee);
	think(c, callee);
	speak(c, callee);
}

static void turn_all(struct calling *c)
{
	unsigned now = uring_client_count(c->client);
	int fd;

	c->most = now > c->most ? now : c->most;
	while ((fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		answer(c, fd);
	for (unsigned i = 0; i < c->callees_count; i++)
		callee_turn(c, &c->callees[i]);
}

struct goal {
	struct calling *c;
	unsigned established, failed;
};

static int goal_reached(void *arg)
{
	struct goal *g = arg;

	turn_all(g->c);
	return g->c->established >= g->established && g->c->failed >= g->failed;
}

void calling_go_on(struct calling *c)
{
	for (int i = 0; i < 5; i++) {
		turn_all(c);
		assert_int_equal(uring_turn(c->turns.loop), 0);
	}
}

void calling_expect(struct calling *c, unsigned wanted, unsigned wanted_failures)
{
	struct goal g = {.c = c, .established = wanted, .failed = wanted_failures};

	turns_until(&c->turns, goal_reached, &g);
	calling_go_on(c);
	assert_int_equal(c->established, wanted);
	assert_int_equal(c->failed, wanted_failures);
	assert_int_equal(uring_client_count(c->client), c->calls_count - wanted - wanted_failures);
}

void call_failed(const struct call *call, enum uring_client_failure why, int error, const char *phrase)
{
	assert_int_equal(call->told, 1);
	assert_int_equal(call->fd, -1);
	if (call->why != why || call->error != error || !strstr(call->reason, phrase))
		fail_msg("%d, %d: %s", call->why, call->error, call->reason);
}

struct callee *calling_find(struct calling *c, const struct call *call)
{
	struct sockaddr_in ours, theirs;
	socklen_t len = sizeof(ours);

	assert_int_equal(getsockname(call->fd, (struct sockaddr *)&ours, &len), 0);
	for (unsigned i = 0; i < c->callees_count; i++) {
		len = sizeof(theirs);
		if (!getpeername(c->callees[i].fd, (struct sockaddr *)&theirs, &len) &&
			theirs.sin_port == ours.sin_port)
			return &c->callees[i];
	}
	fail_msg("no server has that connection");
	return NULL;
}

struct arrival {
	struct call *call;
	uint8_t bytes[KTLS_MAX_RECORD];
	size_t have, want;
};

static int has_arrived(void *arg)
{
	struct arrival *a = arg;
	ssize_t n;

	turn_all(a->call->calling);
	n = recv(a->call->fd, a->bytes + a->have, a->want - a->have, MSG_DONTWAIT);
	a->have += n > 0 ? (size_t)n : 0;
	return a->have == a->want;
}

static void read_text(struct call *call, const char *text)
{
	struct ktls_plain plain;

	do {
		struct arrival a = {.call = call, .want = KTLS_HEADER_LEN};

		turns_until(&call->calling->turns, has_arrived, &a);
		assert_true(ktls_record_length(a.bytes) > 0);
		a.want = (size_t)ktls_record_length(a.bytes);
		turns_until(&call->calling->turns, has_arrived, &a);
		assert_int_equal(ktls_record_open(&call->keys.rx, a.bytes, a.want, &plain), 0);
		if (plain.type != KTLS_HANDSHAKE) {
			assert_int_equal(plain.type, KTLS_APPLICATION_DATA);
			assert_int_equal(plain.len, strlen(text));
			assert_memory_equal(plain.data, text, plain.len);
		}
	} while (plain.type == KTLS_HANDSHAKE);
}

struct talk {
	struct calling *c;
	struct callee *callee;
};

static int callee_has_text(void *arg)
{
	struct talk *t = arg;

	turn_all(t->c);
	return SSL_pending(t->callee->ssl) > 0;
}

void call_talk(struct call *call, struct callee *callee)
{
	const char *behind = call->calling->manners.behind;
	struct talk t = {.c = call->calling, .callee = callee};
	uint8_t record[256];
	char heard[16];
	ssize_t n;

	n = ktls_record_seal(&call->keys.tx, KTLS_APPLICATION_DATA, "a question", 10, record, sizeof(record));
	assert_true(n > 0);
	assert_int_equal(send(call->fd, record, (size_t)n, MSG_NOSIGNAL), n);
	turns_until(&t.c->turns, callee_has_text, &t);
	assert_int_equal(SSL_read(callee->ssl, heard, sizeof(heard)), 10);
	assert_memory_equal(heard, "a question", 10);
	assert_int_equal(SSL_write(callee->ssl, "an answer", 9), 9);
	if (behind)
		read_text(call, behind);
	read_text(call, "an answer");
}
