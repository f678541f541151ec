/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/kept.h"

#include "ktls/pack.h"
#include "ser/shared/messages.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static_assert(sizeof(struct keeper_header) % 8 == 0, "a record behind it is aligned as the message is");
static_assert(offsetof(struct snapshot, own) == 8 && offsetof(struct snapshot, version) == 26 &&
		      offsetof(struct snapshot, data) == 52,
	"a snapshot is copied as it is: raise KEEPER_VERSION");

enum {
	SNAPSHOT_AT = 8, /* in a record, so that it is aligned */
	ERRNO_MAX = 4095,
};

/* An address of another family, such as none, is 0. */
static void pack_address(struct ktls_pack *p, union uring_address *a)
{
	const int is_4 = a->any.sa_family == AF_INET, is_6 = a->any.sa_family == AF_INET6;
	uint8_t version = is_4 ? 4 : is_6 ? 6 : 0, host[16] = {0};
	uint32_t scope = is_6 ? a->in6.sin6_scope_id : 0;
	uint16_t port = is_4 ? ntohs(a->in.sin_port) : is_6 ? ntohs(a->in6.sin6_port) : 0;

	if (is_4)
		memcpy(host, &a->in.sin_addr, sizeof(a->in.sin_addr));
	if (is_6)
		memcpy(host, &a->in6.sin6_addr, sizeof(a->in6.sin6_addr));
	ktls_pack_u8(p, &version);
	ktls_pack_bytes(p, host, sizeof(host));
	ktls_pack_u16(p, &port);
	ktls_pack_u32(p, &scope);
	if (!p->reading)
		return;
	memset(a, 0, sizeof(*a));
	if (version == 4) {
		a->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
		memcpy(&a->in.sin_addr, host, sizeof(a->in.sin_addr));
	} else if (version == 6) {
		a->in6 = (struct sockaddr_in6){
			.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = scope};
		memcpy(&a->in6.sin6_addr, host, sizeof(a->in6.sin6_addr));
	}
}

/* A text of at most max characters, with its NUL. */
static void pack_text(struct ktls_pack *p, const char **text, size_t max)
{
	const uint8_t *block = (const uint8_t *)*text;
	size_t len = p->reading ? 0 : strlen(*text) + 1;

	ktls_pack_block(p, &block, &len);
	if (!p->reading)
		return;
	*text = (const char *)block;
	if (!len || len > max + 1 || memchr(block, '\0', len) != block + len - 1)
		p->failed = 1;
}

static void pack_aliases(struct ktls_pack *p, struct kept *k)
{
	uint8_t count = (uint8_t)k->aliases;

	ktls_pack_u8(p, &count);
	if (count > KEPT_ALIASES_MAX)
		p->failed = 1;
	for (unsigned i = 0; i < count && !p->failed; i++)
		ktls_pack_u16(p, &k->alias[i]);
	k->aliases = count;
}

static void pack_snapshot(struct ktls_pack *p, const struct snapshot **s)
{
	const uint8_t *block = (const uint8_t *)*s;
	size_t len = p->reading ? 0 : (*s)->size;

	ktls_pack_block(p, &block, &len);
	*s = (const struct snapshot *)block;
	if (p->reading && (!len || snapshot_check((struct snapshot *)block, len)))
		p->failed = 1;
}

/* All fields, in their order. */
static void pack_kept(struct ktls_pack *p, struct kept *k)
{
	uint8_t outbound = (uint8_t)k->outbound;
	uint16_t why_error = (uint16_t)-k->why_error;

	ktls_pack_u32(p, &k->since);
	pack_snapshot(p, &k->snapshot); /* at SNAPSHOT_AT, behind its length */
	ktls_pack_u8(p, &outbound);
	ktls_pack_u8(p, &k->why);
	ktls_pack_u16(p, &why_error);
	pack_address(p, &k->remote);
	pack_address(p, &k->local);
	pack_address(p, &k->transport_remote);
	pack_address(p, &k->transport_local);
	pack_address(p, &k->listener);
	pack_text(p, &k->domain, KEPT_NAME_MAX);
	pack_text(p, &k->server_id, CHOICE_SERVER_ID_MAX);
	pack_text(p, &k->server_name, CHOICE_SERVER_NAME_MAX);
	pack_aliases(p, k);
	ktls_pack_block(p, &k->own, &k->own_len);
	ktls_pack_block(p, &k->stream, &k->stream_len);
	ktls_pack_block(p, &k->unread, &k->unread_len);
	k->outbound = outbound;
	k->why_error = (int16_t)-why_error;
}

ssize_t kept_encode(const struct kept *k, uint8_t *out, size_t cap)
{
	struct ktls_pack p = {.at = out, .left = cap};
	struct kept copy = *k;

	pack_kept(&p, &copy);
	if (p.failed)
		return -ENOSPC;
	memset(out + SNAPSHOT_AT + offsetof(struct snapshot, own), 0, sizeof(k->snapshot->own));
	return (ssize_t)(cap - p.left);
}

static int are_ends(const union uring_address *remote, const union uring_address *local)
{
	return remote->any.sa_family && local->any.sa_family == remote->any.sa_family;
}

/* The records of a relayed connection live in a process that has ended. */
static int is_home(const struct kept *k)
{
	if (k->snapshot->home == KTLS_HOME_KERNEL)
		return k->why == HOME_WHY_KERNEL;
	return k->snapshot->home == KTLS_HOME_USER && k->why > HOME_WHY_KERNEL && k->why < HOME_WHY_NO_AEAD;
}

int kept_decode(struct kept *k, uint8_t *in, size_t len)
{
	struct ktls_pack p = {.at = in, .left = len, .reading = 1};

	memset(k, 0, sizeof(*k));
	pack_kept(&p, k);
	if (p.failed || p.left || !k->stream_len || !is_home(k))
		return -EINVAL;
	if (k->outbound > 1 || k->why_error > 0 || k->why_error < -ERRNO_MAX)
		return -EINVAL;
	if (!are_ends(&k->remote, &k->local) || !are_ends(&k->transport_remote, &k->transport_local))
		return -EINVAL;
	return k->outbound || k->listener.any.sa_family ? 0 : -EINVAL;
}
