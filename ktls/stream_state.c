/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/stream_state.h"

#include "ktls/clock.h"
#include "ktls/pack.h"
#include "ktls/stream_private.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

enum {
	STATE_VERSION = 1, /* to be raised with every change of the fields below */
};

/* What the stash holds. */
struct held {
	const uint8_t *plain, *cipher;
	size_t plain_len, cipher_len;
};

static void pack_bounds(struct ktls_pack *p, struct ktls_bounds *b)
{
	uint64_t period = (uint64_t)b->update_period;

	ktls_pack_u8(p, &b->idle_records);
	ktls_pack_u8(p, &b->key_updates);
	ktls_pack_u64(p, &period);
	b->update_period = (int64_t)period;
}

static void pack_post(struct ktls_pack *p, struct ktls_post *post)
{
	ktls_pack_bytes(p, post->header, sizeof(post->header));
	ktls_pack_u8(p, &post->have);
	ktls_pack_u32(p, &post->left);
}

static void pack_key(struct ktls_pack *p, struct ktls_key *k, struct ktls_secret *secret)
{
	ktls_pack_u16(p, &k->version);
	ktls_pack_u8(p, &k->aead);
	ktls_pack_bytes(p, k->key, sizeof(k->key));
	ktls_pack_bytes(p, k->iv, sizeof(k->iv));
	ktls_pack_u64(p, &k->seq);
	ktls_pack_u8(p, &secret->len);
	ktls_pack_bytes(p, secret->bytes, sizeof(secret->bytes));
}

/* All fields, in their order. */
static void pack_stream(struct ktls_pack *p, struct ktls_stream *s, struct held *held)
{
	ktls_pack_u8(p, &s->home);
	ktls_pack_u8(p, &s->role);
	ktls_pack_u16(p, &s->version);
	ktls_pack_u8(p, &s->can_rekey);
	ktls_pack_u8(p, &s->quiet);
	ktls_pack_u8(p, &s->owes);
	ktls_pack_u8(p, &s->uncounted_reads);
	ktls_pack_u16(p, &s->max_fragment);
	pack_bounds(p, &s->bounds);
	pack_post(p, &s->post);
	pack_key(p, &s->rx, &s->rx_secret);
	pack_key(p, &s->tx, &s->tx_secret);
	ktls_pack_block(p, &held->plain, &held->plain_len);
	ktls_pack_block(p, &held->cipher, &held->cipher_len);
}

ssize_t ktls_stream_save(const struct ktls_stream *s, uint8_t *out, size_t cap)
{
	struct ktls_pack p = {.at = out, .left = cap};
	uint16_t version = STATE_VERSION;
	struct ktls_stream copy = *s;
	struct held held = {0};

	if (s->home == KTLS_HOME_RELAYED)
		return -ENOTSUP;
	if (s->stash)
		held = (struct held){.plain = s->stash->bytes + s->stash->plain_off,
			.plain_len = s->stash->plain_len,
			.cipher = s->stash->bytes + s->stash->cipher_off,
			.cipher_len = s->stash->cipher_len};
	ktls_pack_u16(&p, &version);
	pack_stream(&p, &copy, &held);
	OPENSSL_cleanse(&copy, sizeof(copy));
	if (!p.failed)
		return (ssize_t)(cap - p.left);
	OPENSSL_cleanse(out, cap);
	return -ENOSPC;
}

static int is_fragment(uint16_t len)
{
	return !len || len == 512 || len == 1024 || len == 2048 || len == 4096;
}

/* In the middle of a message there is more of it to come, but no more than its header says. */
static int is_post(const struct ktls_post *p)
{
	uint32_t len = (uint32_t)p->header[1] << 16 | (uint32_t)p->header[2] << 8 | p->header[3];

	if (p->have < sizeof(p->header))
		return !p->left;
	return p->have == sizeof(p->header) && p->left && p->left <= len;
}

/* Whether the stream itself derives the next keys. */
static int changes_keys(const struct ktls_stream *s)
{
	return s->version == TLS1_3_VERSION && (s->home == KTLS_HOME_USER || s->can_rekey);
}

static int is_debt(const struct ktls_stream *s)
{
	uint8_t possible = 0;

	if (changes_keys(s))
		possible = KTLS_OWES_KEY_UPDATE;
	else if (s->version == TLS1_2_VERSION)
		possible = KTLS_OWES_NO_RENEGOTIATION;
	return !(s->owes & ~possible);
}

static int are_keys(const struct ktls_stream *s)
{
	uint8_t len = !changes_keys(s) ? 0 : s->rx.aead == KTLS_AES_256_GCM ? 48 : 32;

	return s->rx.version == s->version && s->tx.version == s->version && s->rx.aead < KTLS_AEADS &&
	       s->tx.aead == s->rx.aead && s->rx_secret.len == len && s->tx_secret.len == len;
}

static int are_home_and_stash(const struct ktls_stream *s, const struct held *held)
{
	if (s->home == KTLS_HOME_KERNEL)
		return s->quiet <= 1 && s->uncounted_reads < KTLS_UNCOUNTED_READS && !held->plain_len &&
		       !held->cipher_len;
	return s->home == KTLS_HOME_USER && !s->quiet && !s->uncounted_reads &&
	       held->plain_len <= KTLS_STREAM_CHUNK &&
	       held->cipher_len <= KTLS_STREAM_CHUNK - held->plain_len;
}

static int is_stream(const struct ktls_stream *s, const struct held *held)
{
	return s->role <= KTLS_CLIENT && (s->version == TLS1_2_VERSION || s->version == TLS1_3_VERSION) &&
	       s->can_rekey <= 1 && is_fragment(s->max_fragment) &&
	       s->bounds.idle_records <= KTLS_IDLE_RECORDS_MAX &&
	       s->bounds.key_updates <= KTLS_KEY_UPDATES_MAX && is_post(&s->post) && is_debt(s) &&
	       are_keys(s) && are_home_and_stash(s, held);
}

/* Another time namespace has another clock: there the period begins now. */
static void restart_clock(struct ktls_bounds *b)
{
	int64_t now = ktls_clock_ms() / 1000;

	if (b->update_period < 0 || b->update_period > now)
		b->update_period = now;
}

static int restore(struct ktls_stream *s, struct ktls_pack *p, const struct ktls_allocator *mem)
{
	struct held held = {0};
	uint16_t version;

	ktls_pack_u16(p, &version);
	if (p->failed)
		return -EINVAL;
	if (version != STATE_VERSION)
		return -EPROTONOSUPPORT;
	pack_stream(p, s, &held);
	if (p->failed || p->left || !is_stream(s, &held))
		return -EINVAL;
	restart_clock(&s->bounds);
	return stream_keep(s, held.plain, held.plain_len, held.cipher, held.cipher_len, mem);
}

int ktls_stream_restore(
	struct ktls_stream *s, const uint8_t *in, size_t len, const struct ktls_allocator *mem)
{
	struct ktls_pack p = {.at = (uint8_t *)in, .left = len, .reading = 1};
	int rc;

	memset(s, 0, sizeof(*s));
	rc = restore(s, &p, mem);
	if (rc)
		OPENSSL_cleanse(s, sizeof(*s));
	return rc;
}
