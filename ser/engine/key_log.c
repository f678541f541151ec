/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An engine's part in the key log: whose keys it has, and how they get to the supervisor, which may write. */
#include "ser/shared/key_log.h"

#include "ser/engine/private.h"
#include "ser/shared/log.h"
#include "ser/shared/shortage.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

struct pending_keys {
	struct uring_passing passing; /* the first member */
	struct message_keys message;
};

/* Without its keys the connection goes on. */
static void miss(int error)
{
	static struct log_limit limit;

	ser_log_limited(&limit, LOG_LEVEL_ERROR, "the key log lacks the keys of a connection: %s",
		shortage_text(error));
}

void engine_log_keys(const struct engine *e, const union uring_address *remote, struct ktls_handshake *h)
{
	const char *networks = e->params->keylog_networks;
	int rc;

	if (!params_keylog(e->params) || (networks && key_log_has(networks, remote) <= 0))
		return;
	rc = ktls_handshake_log_keys(h);
	if (rc)
		miss(rc);
}

static void passed(struct uring_passing *passing, int rc)
{
	if (rc)
		miss(rc);
	OPENSSL_clear_free(passing, sizeof(struct pending_keys));
}

void engine_pass_keys(struct engine *e, const struct ktls_handshake *h)
{
	const char *text = ktls_handshake_key_log(h);
	const size_t size = strlen(text) + 1;
	struct pending_keys *p;

	if (!*text)
		return;
	p = OPENSSL_zalloc(sizeof(*p));
	if (!p) {
		miss(-ENOMEM);
		return;
	}
	p->message.kind = MESSAGE_KEYS;
	memcpy(p->message.text, text, size);
	p->passing = (struct uring_passing){.data = &p->message,
		.len = offsetof(struct message_keys, text) + size,
		.fd = URING_NO_FD,
		.done = passed};
	uring_pass(&e->handovers, &p->passing);
}
