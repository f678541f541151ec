/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/engine_message.h"

#include "ser/shared/log.h"
#include "uring/client.h"

#include <string.h>
#include <sys/socket.h>

/* The text's NUL must be the last byte of the message, because nothing else marks its end. */
static const char *check_text(char *text, size_t len)
{
	if (!len || memchr(text, '\0', len) != text + len - 1)
		return "a text does not end where its message does";
	for (size_t i = 0; i < len - 1; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
	return NULL;
}

static const char *check_log(struct message_log *m, size_t size)
{
	const size_t head = offsetof(struct message_log, text);

	if (size <= head || size > sizeof(*m))
		return "a line of the log has a wrong size";
	if (m->level < LOG_LEVEL_CRITICAL || m->level > LOG_LEVEL_DEBUG)
		return "a line of the log has a level that there is not";
	return check_text(m->text, size - head);
}

static const char *check_failed(struct message_failed *m, size_t size)
{
	if (size != sizeof(*m))
		return "a failure has a wrong size";
	if (!m->order || m->why < 0 || m->why >= URING_CLIENT_FAILURES)
		return "a failure has a number that there is not";
	if (!memchr(m->reason, '\0', sizeof(m->reason)))
		return "a failure's reason has no end";
	return check_text(m->reason, strlen(m->reason) + 1);
}

static int is_address(const union uring_address *a)
{
	return a->any.sa_family == AF_INET || a->any.sa_family == AF_INET6;
}

static int is_key(const struct ktls_key *k)
{
	return (k->version == TLS1_2_VERSION || k->version == TLS1_3_VERSION) && k->aead < KTLS_AEADS;
}

static int is_secret(const struct ktls_secret *s)
{
	return s->len == 0 || s->len == 32 || s->len == KTLS_MAX_SECRET_LEN;
}

static int are_keys(const struct ktls_session_keys *k, unsigned home, uint32_t order)
{
	if (k->role != (order ? KTLS_CLIENT : KTLS_SERVER))
		return 0;
	if (!is_secret(&k->rx_secret) || !is_secret(&k->tx_secret))
		return 0;
	if (home == KTLS_HOME_RELAYED)
		return 1;
	return is_key(&k->rx) && is_key(&k->tx) && k->rx.version == k->tx.version && k->rx.aead == k->tx.aead;
}

static const char *check_numbers(
	const struct message_established *m, const struct engine_message_limits *limits)
{
	const SSL_CTX *ctx = cfg_set_context(limits->set, m->domain);

	if (!ctx || cfg_context_domain(ctx)->kind != (m->order ? CFG_CLIENT : CFG_SERVER))
		return "a connection has a domain that there is not";
	if (!m->order && m->listener >= limits->listeners)
		return "a connection has a listener that there is not";
	if (m->snapshot.home > KTLS_HOME_RELAYED || m->why >= HOME_WHYS || m->can_rekey > 1 ||
		m->why_error > 0)
		return "a connection's records live nowhere";
	if (!is_address(&m->remote) || !is_address(&m->transport_remote) ||
		!is_address(&m->transport_local) || m->local.any.sa_family != m->remote.any.sa_family)
		return "a connection has an address of no family";
	return are_keys(&m->keys, m->snapshot.home, m->order) ? NULL : "a connection has keys of no suite";
}

static int option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) ? -1 : value;
}

/* The core must get a connected stream: a TCP socket, or the relay's end of a socket pair. */
static const char *check_socket(int fd, unsigned home)
{
	const int domain = option(fd, SO_DOMAIN);

	if (option(fd, SO_TYPE) != SOCK_STREAM || option(fd, SO_ACCEPTCONN) != 0)
		return "a descriptor is no stream socket";
	if (home == KTLS_HOME_RELAYED ? domain != AF_UNIX : option(fd, SO_PROTOCOL) != IPPROTO_TCP)
		return "a descriptor is a socket of another kind";
	return NULL;
}

static const char *check_established(
	struct message_established *m, size_t size, int fd, const struct engine_message_limits *limits)
{
	const size_t head = offsetof(struct message_established, snapshot);
	const char *why;

	if (size < sizeof(*m))
		return "a connection has a wrong size";
	why = check_numbers(m, limits);
	if (!why && snapshot_check(&m->snapshot, size - head))
		why = "a connection has facts that lie outside of it";
	return why || fd < 0 ? why : check_socket(fd, m->snapshot.home);
}

const char *engine_message_check(union engine_message *m, size_t size, unsigned descriptors, int fd,
	const struct engine_message_limits *limits)
{
	if (size < sizeof(m->kind))
		return "it is too short to have a kind";
	if (descriptors > (m->kind == MESSAGE_ESTABLISHED))
		return "it has descriptors that do not belong to it";
	switch (m->kind) {
	case MESSAGE_STOPPED:
		return size == sizeof(m->plain) ? NULL : "it has a wrong size";
	case MESSAGE_LOG:
		return check_log(&m->log, size);
	case MESSAGE_FAILED:
		return check_failed(&m->failed, size);
	case MESSAGE_ESTABLISHED:
		return check_established(&m->established, size, fd, limits);
	default:
		return "there is no such kind";
	}
}
