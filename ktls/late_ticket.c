/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/late_ticket.h"

#include "ktls/cipher.h"
#include "ktls/clock.h"
#include "ktls/record.h"
#include "ktls/stream.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/queue.h>

enum {
	MESSAGE_HEADER_LEN = 4, /* type and length: RFC 8446 4 */
	NEW_SESSION_TICKET = 4,
};

struct kept_ssl {
	TAILQ_ENTRY(kept_ssl) link;
	uint64_t id;
	SSL *ssl;
	struct ktls_key rx; /* OpenSSL still reads with it, whatever the connection uses by now */
	int64_t end;        /* ktls_clock_ms() */
	unsigned taken;
};

struct ktls_late {
	TAILQ_HEAD(, kept_ssl) all; /* the oldest is in front */
	unsigned count, max;
	int64_t ms; /* how long each is kept */
};

static void drop(struct ktls_late *late, struct kept_ssl *k)
{
	TAILQ_REMOVE(&late->all, k, link);
	late->count--;
	/* Without a proper end OpenSSL would mark the session as bad. */
	SSL_set_shutdown(k->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(k->ssl);
	ktls_key_wipe(&k->rx);
	ktls_cipher_keys_gone(); /* tickets were sealed with the key */
	free(k);
}

static struct kept_ssl *find(struct ktls_late *late, uint64_t id)
{
	struct kept_ssl *k;

	TAILQ_FOREACH(k, &late->all, link)
	{
		if (k->id == id)
			return k;
	}
	return NULL;
}

int ktls_late_new(struct ktls_late **late, unsigned max, unsigned seconds)
{
	struct ktls_late *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	TAILQ_INIT(&l->all);
	l->max = max;
	l->ms = (int64_t)seconds * 1000;
	*late = l;
	return 0;
}

void ktls_late_free(struct ktls_late *late)
{
	if (!late)
		return;
	while (!TAILQ_EMPTY(&late->all))
		drop(late, TAILQ_FIRST(&late->all));
	free(late);
}

int ktls_late_keep(
	struct ktls_late *late, uint64_t id, struct ktls_handshake *h, const struct ktls_session_keys *keys)
{
	struct kept_ssl *k;

	ktls_late_expire(late);
	if (keys->role != KTLS_CLIENT || keys->rx.version != TLS1_3_VERSION)
		return -EINVAL;
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	if (late->count == late->max)
		drop(late, TAILQ_FIRST(&late->all));
	k->id = id;
	k->rx = keys->rx;
	k->end = ktls_clock_ms() + late->ms;
	k->ssl = ktls_handshake_take_ssl(h);
	TAILQ_INSERT_TAIL(&late->all, k, link);
	late->count++;
	return 0;
}

/* Length of the message at p, or -EINVAL if it is not a whole NewSessionTicket. */
static ssize_t message_length(const uint8_t *p, size_t len)
{
	size_t body;

	if (len < MESSAGE_HEADER_LEN || p[0] != NEW_SESSION_TICKET)
		return -EINVAL;
	body = (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	return body <= len - MESSAGE_HEADER_LEN ? (ssize_t)(MESSAGE_HEADER_LEN + body) : -EINVAL;
}

static int put(struct kept_ssl *k, const uint8_t *message, size_t len)
{
	uint8_t record[KTLS_TICKETS_MAX + KTLS_MAX_EXPANSION + 1];
	ssize_t n = ktls_record_seal(&k->rx, KTLS_HANDSHAKE, message, len, record, sizeof(record));
	char byte;
	int rc;

	if (n < 0)
		return (int)n;
	ERR_clear_error();
	rc = BIO_write(SSL_get_rbio(k->ssl), record, (int)n) == n ? SSL_read(k->ssl, &byte, 1) : 0;
	rc = rc < 0 && SSL_get_error(k->ssl, rc) == SSL_ERROR_WANT_READ ? 0 : -EPROTO;
	ERR_clear_error();
	return rc;
}

static int take_all(struct kept_ssl *k, const uint8_t *messages, size_t len)
{
	int tickets = 0;

	while (len) {
		ssize_t n = message_length(messages, len);
		int rc = n < 0 ? (int)n : put(k, messages, (size_t)n);

		if (rc)
			return rc;
		messages += n;
		len -= (size_t)n;
		tickets++;
		if (++k->taken == KTLS_LATE_TICKETS_EACH)
			break;
	}
	return tickets;
}

int ktls_late_take(struct ktls_late *late, uint64_t id, const uint8_t *messages, size_t len)
{
	struct kept_ssl *k;
	int rc;

	ktls_late_expire(late);
	k = find(late, id);
	if (!k)
		return -ENOENT;
	rc = len && len <= KTLS_TICKETS_MAX ? take_all(k, messages, len) : -EINVAL;
	if (rc < 0 || k->taken == KTLS_LATE_TICKETS_EACH)
		drop(late, k);
	return rc;
}

void ktls_late_expire(struct ktls_late *late)
{
	struct kept_ssl *k;
	int64_t now = ktls_clock_ms();

	while ((k = TAILQ_FIRST(&late->all)) && k->end <= now)
		drop(late, k);
}

unsigned ktls_late_count(const struct ktls_late *late)
{
	return late->count;
}
