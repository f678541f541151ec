/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/store.h"

#include "ktls/clock.h"
#include "ser/shared/kept.h"
#include "uring/close.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct ktls_allocator heap = {malloc, free};

void store_init(struct store *store, unsigned max, unsigned seconds)
{
	*store = (struct store){.max = max, .lifetime_ms = (int64_t)seconds * 1000};
	TAILQ_INIT(&store->all);
}

int store_add(struct store *store, const uint8_t *message, size_t len, int fd)
{
	struct stored *s;

	if (store->count >= store->max)
		return -ENOSPC;
	s = malloc(sizeof(*s) + len);
	if (!s)
		return -ENOMEM;
	s->fd = fd;
	s->since = ktls_clock_ms();
	s->len = len;
	memcpy(s->message, message, len);
	TAILQ_INSERT_TAIL(&store->all, s, link);
	store->count++;
	return 0;
}

struct stored *store_first(struct store *store)
{
	return TAILQ_FIRST(&store->all);
}

static void drop(struct store *store, struct stored *s)
{
	TAILQ_REMOVE(&store->all, s, link);
	store->count--;
	OPENSSL_cleanse(s->message, s->len);
	free(s);
}

void store_forget(struct store *store, struct stored *s)
{
	close(s->fd);
	drop(store, s);
}

void store_end(struct store *store, struct stored *s)
{
	store_say_goodbye(s->message, s->len, s->fd);
	drop(store, s);
}

unsigned store_end_due(struct store *store, int64_t now)
{
	struct stored *s;
	unsigned ended = 0;

	for (; (s = store_first(store)) && now - s->since >= store->lifetime_ms; ended++)
		store_end(store, s);
	return ended;
}

unsigned store_end_all(struct store *store)
{
	return store_end_due(store, INT64_MAX);
}

int store_wait_ms(const struct store *store, int64_t now)
{
	const struct stored *s = TAILQ_FIRST(&store->all);
	int64_t left;

	if (!s)
		return -1;
	left = s->since + store->lifetime_ms - now;
	return left <= 0 ? 0 : left < INT_MAX ? (int)left : INT_MAX;
}

/* SER gives nothing away of which a part is still to be sent, so an alert may follow. */
static void send_close_notify(uint8_t *record, size_t len, int fd)
{
	struct ktls_stream stream;
	struct kept k;

	if (kept_decode(&k, record, len) || ktls_stream_restore(&stream, k.stream, k.stream_len, &heap))
		return;
	ktls_stream_send_alert(&stream, fd, KTLS_CLOSE_NOTIFY);
	ktls_stream_wipe(&stream, &heap);
}

void store_say_goodbye(uint8_t *message, size_t len, int fd)
{
	const size_t head = sizeof(struct keeper_header);

	send_close_notify(message + head, len - head, fd);
	uring_close_politely(fd);
}
