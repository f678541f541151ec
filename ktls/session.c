/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/session.h"

#include "ktls/ex_data.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

struct kept_session {
	TAILQ_ENTRY(kept_session) link;
	SSL_SESSION *session;
	time_t verified; /* when there was a full handshake: OpenSSL's time is that of the last resumption */
	char *key;
};

/* What an SSL object is to keep its sessions under. */
struct keeping {
	time_t verified; /* of the session that it is given */
	char key[];
};

struct ktls_sessions {
	TAILQ_HEAD(entries, kept_session) entries; /* the one used last comes first */
	void *by_key; /* a tree of tsearch(3): the network chooses the keys and could make a hash collide */
	unsigned count, max;
};

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int cache_index = -1, keeping_index = -1;

static void make_indexes(void)
{
	cache_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	keeping_index = ktls_ex_data_new_index(free);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct kept_session *)a)->key, ((const struct kept_session *)b)->key);
}

static struct kept_session *find(struct ktls_sessions *cache, const char *key)
{
	const struct kept_session wanted = {.key = (char *)key};
	struct kept_session **found = tfind(&wanted, &cache->by_key, compare);

	return found ? *found : NULL;
}

static void drop(struct ktls_sessions *cache, struct kept_session *e)
{
	tdelete(e, &cache->by_key, compare);
	TAILQ_REMOVE(&cache->entries, e, link);
	cache->count--;
	SSL_SESSION_free(e->session);
	free(e->key);
	free(e);
}

static struct kept_session *add(struct ktls_sessions *cache, const char *key)
{
	struct kept_session *e = calloc(1, sizeof(*e));

	if (e)
		e->key = strdup(key);
	if (!e || !e->key || !tsearch(e, &cache->by_key, compare)) {
		if (e)
			free(e->key);
		free(e);
		return NULL;
	}
	TAILQ_INSERT_HEAD(&cache->entries, e, link);
	if (++cache->count > cache->max)
		drop(cache, TAILQ_LAST(&cache->entries, entries));
	return e;
}

/*
 * The exact clock: time(2) is up to a tick of the kernel behind it, and OpenSSL 3.5 writes the exact one into
 * sessions, which would lie in the future.
 */
static time_t now_exactly(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

static int is_over(const struct kept_session *e)
{
	const SSL_SESSION *session = e->session;
	long hint = (long)SSL_SESSION_get_ticket_lifetime_hint(session);
	long now = (long)now_exactly(), age = now - SSL_SESSION_get_time(session);

	/* 0 means no time at all in RFC 8446 4.6.1, and an unknown time in RFC 5077 3.3. */
	if ((hint || SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION) && age >= hint)
		return 1;
	return age < 0 || age >= SSL_SESSION_get_timeout(session) ||
	       now - e->verified >= SSL_SESSION_get_timeout(session);
}

/* OpenSSL has a new session for us. Returns 1 if we take over its reference. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct ktls_sessions *cache = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), cache_index);
	const struct keeping *keeping = SSL_get_ex_data(ssl, keeping_index);
	struct kept_session *e;

	if (!cache || !keeping || !SSL_SESSION_is_resumable(session))
		return 0;
	e = find(cache, keeping->key);
	if (e) {
		TAILQ_REMOVE(&cache->entries, e, link);
		TAILQ_INSERT_HEAD(&cache->entries, e, link);
		SSL_SESSION_free(e->session);
	} else {
		e = add(cache, keeping->key);
	}
	if (!e)
		return 0;
	e->session = session;
	e->verified = SSL_session_reused(ssl) ? keeping->verified : now_exactly();
	return 1;
}

int ktls_sessions_new(struct ktls_sessions **cache, unsigned max)
{
	struct ktls_sessions *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	TAILQ_INIT(&c->entries);
	c->max = max;
	*cache = c;
	return 0;
}

void ktls_sessions_free(struct ktls_sessions *cache)
{
	if (!cache)
		return;
	while (!TAILQ_EMPTY(&cache->entries))
		drop(cache, TAILQ_FIRST(&cache->entries));
	free(cache);
}

int ktls_sessions_use(SSL_CTX *ctx, struct ktls_sessions *cache)
{
	if (!CRYPTO_THREAD_run_once(&once, make_indexes) || cache_index < 0 || keeping_index < 0 ||
		SSL_CTX_set_ex_data(ctx, cache_index, cache) != 1)
		return -ENOMEM;
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	return 0;
}

/* Returns NULL if memory is short. */
static struct keeping *keep_under(SSL *ssl, const char *key)
{
	const size_t size = strlen(key) + 1;
	struct keeping *keeping = malloc(sizeof(*keeping) + size);

	if (!keeping)
		return NULL;
	keeping->verified = 0;
	memcpy(keeping->key, key, size);
	if (SSL_set_ex_data(ssl, keeping_index, keeping) == 1)
		return keeping;
	free(keeping);
	return NULL;
}

int ktls_sessions_offer(SSL *ssl, const char *key)
{
	struct ktls_sessions *cache =
		cache_index < 0 ? NULL : SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), cache_index);
	struct keeping *keeping;
	struct kept_session *e;
	int given, used_up;

	if (!cache || strlen(key) >= KTLS_SESSION_KEY_MAX || SSL_get_ex_data(ssl, keeping_index))
		return -EINVAL;
	keeping = keep_under(ssl, key);
	if (!keeping)
		return -ENOMEM;
	e = find(cache, key);
	if (!e)
		return 0;
	given = SSL_SESSION_is_resumable(e->session) && !is_over(e) && SSL_set_session(ssl, e->session) == 1;
	keeping->verified = e->verified;
	used_up = !given || SSL_SESSION_get_protocol_version(e->session) == TLS1_3_VERSION;
	if (used_up) {
		drop(cache, e);
	} else {
		TAILQ_REMOVE(&cache->entries, e, link);
		TAILQ_INSERT_HEAD(&cache->entries, e, link);
	}
	return given;
}

unsigned ktls_sessions_count(const struct ktls_sessions *cache)
{
	return cache->count;
}
