/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decides where a connection's records live, and why. */
#include "cfg/set.h"
#include "ser/engine/private.h"
#include "ser/shared/log.h"

#include <errno.h>
#include <string.h>

static struct engine_home user(enum home_why why, int error)
{
	return (struct engine_home){KTLS_HOME_USER, why, error};
}

int engine_choose_home(struct engine *e, const SSL *ssl, int fd, const struct ktls_session_keys *keys,
	struct engine_home *home)
{
	static struct log_limit refused, ended;
	const struct cfg_domain *d = cfg_context_domain(SSL_get_SSL_CTX(ssl));
	int rc = ktls_kernel_supports(e->caps, keys->tx.version, keys->tx.aead);

	if (!d->ktls) {
		*home = user(HOME_WHY_OFF, 0);
		return 0;
	}
	if (rc) {
		*home = user(HOME_WHY_NOT_TAKEN, rc);
		return 0;
	}
	if (d->ktls_rekey_required && e->caps->rekey && keys->tx.version == TLS1_3_VERSION) {
		*home = user(HOME_WHY_NO_REKEY, e->caps->rekey);
		return 0;
	}
	if (keys->max_fragment && e->caps->max_fragment) {
		*home = user(HOME_WHY_FRAGMENTS, e->caps->max_fragment);
		return 0;
	}
	rc = ktls_kernel_install(fd, &keys->tx, &keys->rx, keys->max_fragment);
	if (!rc) {
		*home = (struct engine_home){KTLS_HOME_KERNEL, HOME_WHY_KERNEL, 0};
		return 0;
	}
	if (rc > 0)
		return -ENOTRECOVERABLE;
	/* -ENOTCONN: the peer has ended its side already. */
	ser_log_limited(rc == -ENOTCONN ? &ended : &refused,
		rc == -ENOTCONN ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
		"records of a connection stay in user space: the kernel refused them: %s (%s)",
		ktls_kernel_refusal(rc), strerror(-rc));
	*home = user(HOME_WHY_REFUSED, rc);
	return 0;
}
