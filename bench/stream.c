/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream.h"

#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	CIPHERS_MAX = 1024
};

/* TLS 1.3 suites begin with TLS_; all other words go into the list for TLS 1.2. */
static void split_ciphers(const char *list, char *suites, char *ciphers)
{
	char copy[CIPHERS_MAX];
	char *rest = NULL;

	if (strlen(list) >= sizeof(copy))
		errx(EXIT_USAGE, "--ciphers is longer than %d bytes.", CIPHERS_MAX - 1);
	strcpy(copy, list);
	suites[0] = ciphers[0] = '\0';
	for (char *word = strtok_r(copy, ":, ", &rest); word; word = strtok_r(NULL, ":, ", &rest)) {
		char *into = strncmp(word, "TLS_", 4) == 0 ? suites : ciphers;
		if (into[0])
			strcat(into, ":");
		strcat(into, word);
	}
}

static void set_ciphers(SSL_CTX *ctx, const char *list)
{
	char suites[CIPHERS_MAX], ciphers[CIPHERS_MAX];

	split_ciphers(list, suites, ciphers);
	if (suites[0] && SSL_CTX_set_ciphersuites(ctx, suites) != 1)
		errx(EXIT_USAGE, "--ciphers holds no known TLS 1.3 suite in '%s'.", suites);
	if (ciphers[0] && SSL_CTX_set_cipher_list(ctx, ciphers) != 1)
		errx(EXIT_USAGE, "--ciphers holds no known TLS 1.2 cipher in '%s'.", ciphers);
}

static void set_verification(SSL_CTX *ctx, const struct options *o)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&o->to;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&o->to;

	if (SSL_CTX_load_verify_file(ctx, o->ca) != 1)
		errx(EXIT_USAGE, "--ca %s holds no usable certificate.", o->ca);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (o->to.ss_family == AF_INET6)
		X509_VERIFY_PARAM_set1_ip(
			param, (const unsigned char *)&v6->sin6_addr, sizeof(v6->sin6_addr));
	else
		X509_VERIFY_PARAM_set1_ip(param, (const unsigned char *)&v4->sin_addr, sizeof(v4->sin_addr));
}

SSL_CTX *stream_context(const struct options *o)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		errx(EXIT_FAILURE, "no TLS context: %s", ERR_reason_error_string(ERR_get_error()));
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(ctx, o->tls_max);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
	/* One read for each record instead of two, so that the generator is not the bottleneck. */
	SSL_CTX_set_read_ahead(ctx, 1);
	if (o->mode == MODE_IDLE)
		SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	if (o->ciphers)
		set_ciphers(ctx, o->ciphers);
	if (o->ca)
		set_verification(ctx, o);
	return ctx;
}

static enum stream_result fail(struct stream *s, const char *what, int error)
{
	snprintf(s->reason, sizeof(s->reason), "%s: %s", what, strerror(error));
	return STREAM_FAILED;
}

static enum stream_result watch(struct stream *s, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u32 = s->id};

	if (s->events == events)
		return STREAM_AGAIN;
	if (epoll_ctl(s->epoll, s->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, s->fd, &event) < 0)
		return fail(s, "epoll_ctl", errno);
	s->events = events;
	return STREAM_AGAIN;
}

static bool attach_tls(struct stream *s, SSL_CTX *ctx, SSL_SESSION *session)
{
	s->ssl = SSL_new(ctx);
	if (!s->ssl || SSL_set_fd(s->ssl, s->fd) != 1)
		return false;
	return !session || SSL_set_session(s->ssl, session) == 1;
}

static enum stream_result set_source(struct stream *s, uint32_t source)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
	int one = 1;

	/* The port is chosen when connecting, so that every source address can use all ports. */
	setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(s->fd, (const struct sockaddr *)&from, sizeof(from)) < 0)
		return fail(s, "bind", errno);
	return STREAM_OK;
}

static void set_narrow(struct stream *s)
{
	int buffer = 16 * 1024, segment = 1400;

	setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	setsockopt(s->fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
}

enum stream_result stream_open(struct stream *s, const struct stream_setup *setup, int epoll, uint32_t id)
{
	const struct options *o = setup->options;
	int one = 1;

	memset(s, 0, sizeof(*s));
	s->state = STREAM_CONNECTING;
	s->epoll = epoll;
	s->id = id;
	s->fd = socket(o->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return fail(s, "socket", errno);
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (setup->narrow)
		set_narrow(s);
	if (setup->source && set_source(s, setup->source) == STREAM_FAILED)
		return STREAM_FAILED;
	if (connect(s->fd, (const struct sockaddr *)&o->to, o->to_length) < 0 && errno != EINPROGRESS)
		return fail(s, "connect", errno);
	if (setup->ctx && !attach_tls(s, setup->ctx, setup->session))
		return fail(s, "no TLS object", ENOMEM);
	return watch(s, EPOLLOUT);
}

static enum stream_result connected(struct stream *s)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error)
		return fail(s, "connect", error);
	s->state = s->ssl ? STREAM_HANDSHAKE : STREAM_READY;
	return s->ssl ? STREAM_OK : watch(s, EPOLLIN) == STREAM_FAILED ? STREAM_FAILED : STREAM_OK;
}

static enum stream_result tls_failure(struct stream *s, const char *what, int saved_errno)
{
	unsigned long error = ERR_peek_last_error();
	long verified = SSL_get_verify_result(s->ssl);

	if (ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		snprintf(s->reason, sizeof(s->reason), "%s: the server closed without close_notify", what);
		return STREAM_EOF;
	}
	if (!error)
		return fail(s, what, saved_errno);
	const char *text = ERR_reason_error_string(error);
	snprintf(s->reason, sizeof(s->reason), "%s: %s%s%s", what, text ? text : "unknown TLS error",
		verified == X509_V_OK ? "" : ", ",
		verified == X509_V_OK ? "" : X509_verify_cert_error_string(verified));
	return STREAM_FAILED;
}

static enum stream_result tls_outcome(struct stream *s, int returned, const char *what)
{
	int saved_errno = errno;

	if (returned > 0)
		return STREAM_OK;
	switch (SSL_get_error(s->ssl, returned)) {
	case SSL_ERROR_WANT_READ:
		return watch(s, EPOLLIN);
	case SSL_ERROR_WANT_WRITE:
		return watch(s, EPOLLIN | EPOLLOUT);
	case SSL_ERROR_ZERO_RETURN:
		snprintf(s->reason, sizeof(s->reason), "%s: the server sent close_notify", what);
		return STREAM_EOF;
	default:
		return tls_failure(s, what, saved_errno);
	}
}

static enum stream_result shake_hands(struct stream *s)
{
	ERR_clear_error();
	enum stream_result result = tls_outcome(s, SSL_connect(s->ssl), "handshake");
	if (result != STREAM_OK)
		return result;
	s->state = STREAM_READY;
	return watch(s, EPOLLIN) == STREAM_FAILED ? STREAM_FAILED : STREAM_OK;
}

enum stream_result stream_establish(struct stream *s)
{
	if (s->state == STREAM_CONNECTING) {
		enum stream_result result = connected(s);
		if (result != STREAM_OK || s->state == STREAM_READY)
			return result;
	}
	return shake_hands(s);
}

static enum stream_result tcp_outcome(struct stream *s, ssize_t returned, size_t *moved, uint32_t wanted)
{
	if (returned > 0) {
		*moved = (size_t)returned;
		return STREAM_OK;
	}
	if (returned == 0) {
		snprintf(s->reason, sizeof(s->reason), "the server closed");
		return STREAM_EOF;
	}
	if (errno == EAGAIN || errno == EINTR)
		return watch(s, wanted);
	return fail(s, wanted & EPOLLOUT ? "send" : "receive", errno);
}

enum stream_result stream_read(struct stream *s, char *to, size_t room, size_t *got)
{
	if (!s->ssl)
		return tcp_outcome(s, recv(s->fd, to, room, 0), got, EPOLLIN);
	ERR_clear_error();
	return tls_outcome(s, SSL_read_ex(s->ssl, to, room, got), "receive");
}

static enum stream_result write_some(struct stream *s, const char *from, size_t size, size_t *put)
{
	if (!s->ssl)
		return tcp_outcome(s, send(s->fd, from, size, MSG_NOSIGNAL), put, EPOLLIN | EPOLLOUT);
	ERR_clear_error();
	return tls_outcome(s, SSL_write_ex(s->ssl, from, size, put), "send");
}

enum stream_result stream_write(struct stream *s, const char *from, size_t size, size_t *put)
{
	enum stream_result result = write_some(s, from, size, put);

	if (result == STREAM_OK && watch(s, EPOLLIN) == STREAM_FAILED)
		return STREAM_FAILED;
	return result;
}

enum stream_result stream_ignore_input(struct stream *s)
{
	return watch(s, EPOLLRDHUP) == STREAM_FAILED ? STREAM_FAILED : STREAM_OK;
}

bool stream_pending(const struct stream *s)
{
	return s->ssl && SSL_has_pending(s->ssl);
}

static void release(struct stream *s)
{
	SSL_free(s->ssl);
	s->ssl = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->state = STREAM_CLOSED;
}

void stream_reset(struct stream *s)
{
	struct linger none = {.l_onoff = 1, .l_linger = 0};

	if (s->state == STREAM_CLOSED)
		return;
	/* Otherwise SSL_free() marks the session as bad, and it cannot be resumed. */
	if (s->ssl)
		SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	if (s->fd >= 0)
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	release(s);
}

void stream_finish(struct stream *s)
{
	if (s->state == STREAM_READY && s->ssl) {
		ERR_clear_error();
		SSL_shutdown(s->ssl);
	}
	if (s->state != STREAM_CLOSED)
		release(s);
}
