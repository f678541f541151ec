/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes a context from a domain: the protocol is here, key_exchange.c, identity.c, trust.c and stapling.c
 * have the rest. */
#include "cfg/alpn.h"
#include "cfg/context_private.h"
#include "cfg/explain.h"
#include "cfg/openssl_config.h"
#include "cfg/set.h"

#include <openssl/err.h>
#include <pthread.h>

enum {
	/* Bytes of a peer's certificates, which are kept with its connection: chains of post-quantum
	 * signatures fit. */
	PEER_CERTIFICATES_MAX = 32 * 1024,
};

static int domain_index = -1;

static void make_index(void)
{
	domain_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

const struct cfg_domain *cfg_context_domain(const SSL_CTX *ctx)
{
	return domain_index < 0 ? NULL : SSL_CTX_get_ex_data(ctx, domain_index);
}

static int set_basics(struct cfg_builder *b)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const struct cfg_domain *d = b->domain;

	pthread_once(&once, make_index);
	if (!b->ctx || ktls_context_prepare(b->ctx, cfg_domain_verify(d)) || domain_index < 0 ||
		SSL_CTX_set_ex_data(b->ctx, domain_index, (void *)d) != 1)
		return cfg_add_error(b->errors, "out of memory while a TLS context was made");
	SSL_CTX_set_max_cert_list(b->ctx, PEER_CERTIFICATES_MAX);
	SSL_CTX_set_mode(b->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	return 0;
}

/* A new context has what openssl.cnf says for all programs, 0 where it says nothing. */
static void set_versions(struct cfg_builder *b)
{
	const struct cfg_versions *v = &b->domain->versions;
	int min = v->min, max = v->max, system_min = (int)SSL_CTX_get_min_proto_version(b->ctx),
	    system_max = (int)SSL_CTX_get_max_proto_version(b->ctx);

	if (v->open & CFG_OPEN_MIN && system_min > min)
		min = system_min;
	if (v->open & CFG_OPEN_MAX && system_max && system_max < max)
		max = system_max;
	if (min > max)
		cfg_domain_error(b->errors, b->domain, CFG_METHOD,
			"no version is left: '%s' limits all programs to older ones (MaxProtocol); raise "
			"that, or "
			"set a method without +",
			cfg_openssl_config());
	else if (SSL_CTX_set_min_proto_version(b->ctx, min) != 1 ||
		 SSL_CTX_set_max_proto_version(b->ctx, max) != 1)
		cfg_domain_error(b->errors, b->domain, CFG_METHOD,
			"this OpenSSL was built without the protocol versions that are asked for (%s)",
			cfg_openssl_reason());
}

static void set_alpn(struct cfg_builder *b)
{
	const struct cfg_domain *d = b->domain;

	if (d->alpn && d->kind == CFG_SERVER)
		cfg_alpn_choose(b->ctx, d->alpn);
	else if (d->alpn && cfg_alpn_offer(b->ctx, d->alpn))
		cfg_add_error(b->errors, "out of memory while a TLS context was made");
}

static void set_protocol(struct cfg_builder *b)
{
	const struct cfg_domain *d = b->domain;

	set_versions(b);
	/* This must come first, because the other call merges what it finds here. */
	if (d->ciphersuites && SSL_CTX_set_ciphersuites(b->ctx, d->ciphersuites) != 1)
		cfg_domain_error(b->errors, d, CFG_CIPHERSUITES,
			"'%s' names a suite that OpenSSL does not know for TLS 1.3 (%s); see "
			"openssl-ciphers(1)",
			d->ciphersuites, cfg_openssl_reason());
	if (d->cipher_list && SSL_CTX_set_cipher_list(b->ctx, d->cipher_list) != 1)
		cfg_domain_error(b->errors, d, CFG_CIPHER_LIST,
			"'%s' names no suite that OpenSSL knows for TLS 1.2 (%s); see openssl-ciphers(1)",
			d->cipher_list, cfg_openssl_reason());
	set_alpn(b);
	ERR_clear_error();
}

SSL_CTX *cfg_make_context(const struct cfg_domain *d, struct cfg_pems *pems, struct cfg_expiries *expiries,
	struct cfg_errors *errors, struct cfg_errors *warnings)
{
	unsigned before = cfg_errors_added(errors);
	struct cfg_builder b = {.domain = d,
		.ctx = SSL_CTX_new(d->kind == CFG_SERVER ? TLS_server_method() : TLS_client_method()),
		.pems = pems,
		.expiries = expiries,
		.errors = errors,
		.warnings = warnings};

	if (!set_basics(&b)) {
		ERR_clear_error();
		set_protocol(&b); /* first, because @SECLEVEL decides which certificates are accepted */
		cfg_build_groups(&b);
		if (d->kind == CFG_SERVER)
			cfg_build_field(&b);
		cfg_build_identities(&b);
		cfg_build_trust(&b);
		cfg_build_chains(&b);
		if (cfg_errors_added(errors) == before)
			cfg_build_staples(&b);
	}
	ERR_clear_error();
	if (cfg_errors_added(errors) == before)
		return b.ctx;
	SSL_CTX_free(b.ctx);
	return NULL;
}
