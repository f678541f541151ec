/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/message_check.h"

#include "ser/shared/log.h"
#include "uring/client.h"

#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static_assert(offsetof(struct tcp_info, tcpi_state) == 0 && sizeof(((struct tcp_info *)0)->tcpi_state) == 1,
	"the state is read alone");

enum {
	RECORDS_MAX = 1000, /* that a handshake sends under the connection's keys: a Finished, or tickets */
	ERRNO_MAX = 4095,
	/* Hexadecimal digits in a line of a key log: a random, or with RSA a part of what is encrypted; a
	 * secret. */
	KEY_LOG_BY_MIN = 16,
	KEY_LOG_SECRET_MIN = 64,
};

void engine_message_clean(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

/* A name of the source, which structured logs show as it is. */
static int is_name(const char text[MESSAGE_PLACE_MAX])
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./";

	return memchr(text, '\0', MESSAGE_PLACE_MAX) && text[strspn(text, allowed)] == '\0';
}

static const char *check_log(struct message_log *m, size_t size)
{
	const size_t head = offsetof(struct message_log, text);

	if (size <= head || size > sizeof(*m))
		return "a line for the log has a wrong size";
	if (m->level < LOG_LEVEL_CRITICAL || m->level > LOG_LEVEL_DEBUG)
		return "a line for the log has an unknown level";
	if (m->line < 0 || !is_name(m->file) || !is_name(m->function))
		return "a line for the log comes from no place in the source";
	if (memchr(m->text, '\0', size - head) != m->text + (size - head - 1))
		return "a line for the log does not end where its message does";
	engine_message_clean(m->text, size - head);
	return NULL;
}

/* The length of "<label> <what the connection is told by> <secret>", with its newline; 0 if it is not that.
 */
static size_t key_log_line(const char *line)
{
	static const char hex[] = "0123456789abcdef";
	const size_t label = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
	size_t by, secret;

	if (!label || line[label] != ' ')
		return 0;
	by = strspn(line + label + 1, hex);
	if (by < KEY_LOG_BY_MIN || line[label + 1 + by] != ' ')
		return 0;
	secret = strspn(line + label + 1 + by + 1, hex);
	if (secret < KEY_LOG_SECRET_MIN || line[label + 1 + by + 1 + secret] != '\n')
		return 0;
	return label + 1 + by + 1 + secret + 1;
}

/* Nothing else gets into the file, and as each line is long, there are few in a message. */
static int is_key_log(const char *text)
{
	size_t len = 1;

	if (!*text)
		return 0;
	for (; *text && len; text += len)
		len = key_log_line(text);
	return len > 0;
}

static const char *check_keys(
	const struct message_keys *m, size_t size, const struct engine_message_limits *limits)
{
	const size_t head = offsetof(struct message_keys, text);

	if (!limits->logs_keys)
		return "it has lines for a key log, and there is none";
	if (size <= head || size > sizeof(*m))
		return "lines for the key log have a wrong size";
	if (memchr(m->text, '\0', size - head) != m->text + (size - head - 1))
		return "lines for the key log do not end where their message does";
	return is_key_log(m->text) ? NULL : "lines for the key log are of another kind";
}

static const char *check_failed(
	struct message_failed *m, size_t size, const struct engine_message_limits *limits)
{
	if (size != sizeof(*m))
		return "a failure has a wrong size";
	if (m->why < 0 || m->why >= URING_CLIENT_FAILURES)
		return "a failure has an unknown kind";
	if (!memchr(m->reason, '\0', sizeof(m->reason)))
		return "a failure's reason has no end";
	if (!limits->has_order(limits->process, m->order))
		return "an order failed that it does not have";
	engine_message_clean(m->reason, sizeof(m->reason));
	return NULL;
}

/* SER reads the addresses of a connection that came in; of those that it opens itself it knows them. */
static int are_addresses(const struct message_established *m)
{
	const sa_family_t family = m->remote.any.sa_family, transport = m->transport_remote.any.sa_family;

	return m->order || ((family == AF_INET || family == AF_INET6) && m->local.any.sa_family == family &&
				   (transport == AF_INET || transport == AF_INET6) &&
				   m->transport_local.any.sa_family == transport);
}

static int is_home(const struct message_established *m)
{
	switch (m->snapshot.home) {
	case KTLS_HOME_KERNEL:
		return m->why == HOME_WHY_KERNEL;
	case KTLS_HOME_RELAYED:
		return m->why == HOME_WHY_NO_AEAD;
	case KTLS_HOME_USER:
		return m->why > HOME_WHY_KERNEL && m->why < HOME_WHY_NO_AEAD;
	default:
		return 0;
	}
}

static int is_key(const struct ktls_key *k, const struct ktls_secret *s)
{
	if ((k->version != TLS1_2_VERSION && k->version != TLS1_3_VERSION) || k->aead >= KTLS_AEADS ||
		k->seq > RECORDS_MAX)
		return 0;
	return !s->len || (k->version == TLS1_3_VERSION && s->len == (k->aead == KTLS_AES_256_GCM ? 48 : 32));
}

static int is_no_key(const struct ktls_key *k, const struct ktls_secret *s)
{
	return !k->version && !k->aead && !k->seq && !s->len;
}

static int is_fragment(uint16_t len)
{
	return !len || len == 512 || len == 1024 || len == 2048 || len == 4096;
}

static int are_keys(const struct message_established *m)
{
	const struct ktls_session_keys *k = &m->keys;

	if (k->role != (m->order ? KTLS_CLIENT : KTLS_SERVER) || !is_fragment(k->max_fragment))
		return 0;
	if (m->snapshot.home == KTLS_HOME_RELAYED)
		return is_no_key(&k->rx, &k->rx_secret) && is_no_key(&k->tx, &k->tx_secret);
	return is_key(&k->rx, &k->rx_secret) && is_key(&k->tx, &k->tx_secret) &&
	       k->rx.version == k->tx.version && k->rx.aead == k->tx.aead &&
	       k->rx_secret.len == k->tx_secret.len;
}

static int is_domain(const struct message_established *m, const struct cfg_set *set)
{
	const SSL_CTX *ctx = cfg_set_context(set, m->domain);

	return ctx && cfg_context_domain(ctx)->kind == (m->order ? CFG_CLIENT : CFG_SERVER);
}

static const char *check_numbers(
	const struct message_established *m, const struct engine_message_limits *limits)
{
	if (!limits->on_the_way || limits->on_the_way > INT32_MAX)
		return "it hands over more connections than it has counted";
	if (m->order ? !limits->has_order(limits->process, m->order) : m->listener >= limits->listeners)
		return m->order ? "a connection answers an order that it does not have"
				: "a connection came in at an unknown listener";
	if (!is_domain(m, limits->set))
		return "a connection has an unknown domain";
	if (!are_addresses(m))
		return "a connection has an address of no family, or of two";
	if (!is_home(m) || m->can_rekey > 1 || m->why_error > 0 || m->why_error < -ERRNO_MAX)
		return "the records of a connection live nowhere";
	return are_keys(m) ? NULL : "a connection has keys of no suite";
}

static int option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) ? -1 : value;
}

/* Reading and writing must not wait, and nothing that happens may send a signal. */
static int has_good_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && flags & O_NONBLOCK && !(flags & O_ASYNC);
}

/* With this option close() waits until the peer has taken everything, even if the socket is non-blocking. */
static int lingers(int fd)
{
	struct linger linger;
	socklen_t len = sizeof(linger);

	return getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) || linger.l_onoff;
}

/* The end of a socket pair, and not a listener. */
static int is_pair(int fd)
{
	return option(fd, SO_TYPE) == SOCK_STREAM && option(fd, SO_ACCEPTCONN) == 0 &&
	       option(fd, SO_DOMAIN) == AF_UNIX;
}

/* The same of TCP, where one question answers all: nothing else has such a state. */
static int is_tcp(int fd)
{
	uint8_t state; /* the first member of struct tcp_info */
	socklen_t len = sizeof(state);

	return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &len) && len == sizeof(state) &&
	       state != TCP_LISTEN;
}

/*
 * SER must get a stream: a TCP socket, or the relay's end of a socket pair. It may have lost its connection
 * meanwhile.
 */
static const char *check_socket(int fd, unsigned home)
{
	if (home == KTLS_HOME_RELAYED ? !is_pair(fd) : !is_tcp(fd))
		return "a descriptor is no stream socket of the right kind";
	return has_good_flags(fd) && !lingers(fd) ? NULL : "a descriptor would make SER wait";
}

static const char *check_established(
	struct message_established *m, size_t size, int fd, const struct engine_message_limits *limits)
{
	const size_t head = offsetof(struct message_established, snapshot);
	const char *why;

	if (size < sizeof(*m))
		return "a connection has a wrong size";
	why = check_numbers(m, limits);
	if (why)
		return why;
	if (snapshot_check(&m->snapshot, size - head))
		return "a connection has facts that lie outside of its message";
	return fd == URING_FD_LOST ? NULL : check_socket(fd, m->snapshot.home);
}

static const char *check_stopped(size_t size, const struct engine_message_limits *limits)
{
	if (size != sizeof(struct message_plain))
		return "a word that it has stopped has a wrong size";
	return limits->may_stop ? NULL : "it has stopped, but nobody told it to";
}

const char *engine_message_check(union engine_message *m, size_t size, const int fds[URING_PASS_MAX],
	const struct engine_message_limits *limits)
{
	if (size < sizeof(m->kind))
		return "it is too short to have a kind";
	if ((fds[0] != -1) != (m->kind == MESSAGE_ESTABLISHED) || fds[1] != -1)
		return "its number of descriptors is wrong";
	switch (m->kind) {
	case MESSAGE_STOPPED:
		return check_stopped(size, limits);
	case MESSAGE_LOG:
		return check_log(&m->log, size);
	case MESSAGE_KEYS:
		return check_keys(&m->keys, size, limits);
	case MESSAGE_FAILED:
		return check_failed(&m->failed, size, limits);
	case MESSAGE_ESTABLISHED:
		return check_established(&m->established, size, fds[0], limits);
	default:
		return "it is of an unknown kind";
	}
}
