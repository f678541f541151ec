/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/set.h"

#include "cfg/context_private.h"
#include "cfg/lookup.h"
#include "cfg/sni.h"
#include "ktls/ex_data.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct cfg_set {
	struct cfg_config *config;
	struct cfg_expiries expiries;
	int refs;
	SSL_CTX *contexts[]; /* at the domain's index; NULL for kinds that were not requested */
};

/* What is attached to an SSL object; its reference keeps the set alive. */
struct note {
	struct cfg_set *set;
	struct cfg_scope local;
	const struct cfg_domain *chosen; /* chosen by the ClientHello */
};

static int set_index = -1, note_index = -1;

static void free_note(void *data)
{
	struct note *note = data;

	cfg_set_unref(note->set);
	free(note);
}

static void make_indexes(void)
{
	set_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	note_index = ktls_ex_data_new_index(free_note);
}

/*
 * SSL_set_SSL_CTX() and what that leaves out. Suites and CA names need nothing, because an SSL object without
 * its own lists uses its context's.
 */
static int move_to(SSL *ssl, SSL_CTX *ctx)
{
	uint64_t old_options = SSL_CTX_get_options(SSL_get_SSL_CTX(ssl));

	if (SSL_set_SSL_CTX(ssl, ctx) != ctx)
		return -1;
	SSL_clear_options(ssl, old_options);
	SSL_set_options(ssl, SSL_CTX_get_options(ctx));
	SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx), SSL_CTX_get_verify_callback(ctx));
	SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(ctx));
	if (SSL_set_min_proto_version(ssl, SSL_CTX_get_min_proto_version(ctx)) != 1 ||
		SSL_set_max_proto_version(ssl, SSL_CTX_get_max_proto_version(ctx)) != 1)
		return -1;
	return 0;
}

static int choose_domain(SSL *ssl, int *alert, void *arg)
{
	struct note *note = SSL_get_ex_data(ssl, note_index);
	char name[CFG_SNI_MAX + 1];
	const struct cfg_domain *d;
	const struct sockaddr *local;

	(void)arg;
	*alert = SSL_AD_INTERNAL_ERROR;
	if (!note)
		return SSL_CLIENT_HELLO_ERROR;
	local = note->local.address.any.sa_family == AF_UNSPEC ? NULL : &note->local.address.any;
	d = cfg_find_server(note->set->config, local, cfg_sni_read(ssl, name) ? NULL : name);
	if (note->chosen) {
		/* A second ClientHello after a HelloRetryRequest must not name another server. */
		*alert = SSL_AD_ILLEGAL_PARAMETER;
		return note->chosen == d ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
	}
	note->chosen = d;
	return move_to(ssl, note->set->contexts[d->index]) ? SSL_CLIENT_HELLO_ERROR
							   : SSL_CLIENT_HELLO_SUCCESS;
}

/* Without it a resumed TLS 1.2 connection would not know its name. The domain is chosen above. */
static int accept_name(SSL *ssl, int *alert, void *arg)
{
	(void)alert;
	(void)arg;
	return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static int add_context(struct cfg_set *set, const struct cfg_domain *d, const struct cfg_build *how,
	struct cfg_pems *pems, struct cfg_errors *errors, struct cfg_errors *warnings)
{
	SSL_CTX *ctx = cfg_make_context(d, pems, &set->expiries, errors, warnings);
	char domain[CFG_DOMAIN_TEXT];
	struct cfg_error e;

	set->contexts[d->index] = ctx;
	if (!ctx)
		return -1;
	if (SSL_CTX_set_ex_data(ctx, set_index, set) != 1)
		return cfg_add_error(errors, "out of memory while a TLS context was made");
	if (d->kind == CFG_SERVER) {
		SSL_CTX_set_client_hello_cb(ctx, choose_domain, NULL);
		SSL_CTX_set_tlsext_servername_callback(ctx, accept_name);
	}
	if (how->built && how->built(ctx, d, how->arg, &e))
		return cfg_add_error(errors, "%s: %s", cfg_domain_text(d, domain), e.text);
	return 0;
}

struct cfg_set *cfg_build_set(struct cfg_config *config, const struct cfg_build *how,
	struct cfg_errors *errors, struct cfg_errors *warnings)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct cfg_set *set = calloc(1, sizeof(*set) + config->count * sizeof(SSL_CTX *));
	struct cfg_pems pems = {0};
	int rc = 0;

	pthread_once(&once, make_indexes);
	if (!set || set_index < 0 || note_index < 0) {
		free(set);
		cfg_add_error(errors, "out of memory while the TLS contexts were made");
		return NULL;
	}
	set->refs = 1;
	set->config = cfg_config_ref(config);
	for (unsigned i = 0; i < config->count; i++)
		if (how->kinds >> config->domains[i]->kind & 1 &&
			add_context(set, config->domains[i], how, &pems, errors, warnings))
			rc = -1;
	if (set->expiries.is_short)
		rc = cfg_add_error(errors, "out of memory while the TLS contexts were made");
	cfg_pems_clear(&pems);
	if (!rc)
		return set;
	cfg_set_unref(set);
	return NULL;
}

struct cfg_set *cfg_set_ref(struct cfg_set *set)
{
	__atomic_add_fetch(&set->refs, 1, __ATOMIC_RELAXED);
	return set;
}

void cfg_set_unref(struct cfg_set *set)
{
	if (!set || __atomic_sub_fetch(&set->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (unsigned i = 0; i < set->config->count; i++)
		SSL_CTX_free(set->contexts[i]);
	cfg_expiries_clear(&set->expiries);
	cfg_config_unref(set->config);
	free(set);
}

const struct cfg_expiry *cfg_set_expiries(const struct cfg_set *set)
{
	return set->expiries.first;
}

const struct cfg_config *cfg_set_config(const struct cfg_set *set)
{
	return set->config;
}

int cfg_set_after_fork(const struct cfg_set *set, struct cfg_error *e)
{
	const struct cfg_config *c = set->config;

	for (unsigned i = 0; i < c->count; i++)
		if (set->contexts[i] && cfg_open_keys_again(set->contexts[i], c->domains[i], e))
			return -1;
	return 0;
}

static int is_uri(const char *key)
{
	return key && !strncmp(key, CFG_KEY_URI, strlen(CFG_KEY_URI));
}

int cfg_set_needs_provider(const struct cfg_set *set)
{
	const struct cfg_config *c = set->config;

	for (unsigned i = 0; i < c->count; i++)
		if (is_uri(c->domains[i]->private_key) || is_uri(c->domains[i]->private_key2))
			return 1;
	return 0;
}

SSL_CTX *cfg_set_server_context(const struct cfg_set *set, const struct sockaddr *local)
{
	return set->contexts[cfg_find_server(set->config, local, NULL)->index];
}

SSL_CTX *cfg_set_client_context(const struct cfg_set *set, const char *server_id,
	const struct sockaddr *remote, const char *server_name)
{
	return set->contexts[cfg_find_client(set->config, server_id, remote, server_name)->index];
}

unsigned cfg_set_count(const struct cfg_set *set)
{
	return set->config->count;
}

SSL_CTX *cfg_set_context(const struct cfg_set *set, unsigned domain)
{
	return domain < set->config->count ? set->contexts[domain] : NULL;
}

int cfg_ssl_attach(SSL *ssl, const struct sockaddr *local)
{
	SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);
	struct cfg_set *set = set_index < 0 ? NULL : SSL_CTX_get_ex_data(ctx, set_index);
	struct note *note;

	if (!set || SSL_get_ex_data(ssl, note_index) ||
		(local && local->sa_family != AF_INET && local->sa_family != AF_INET6))
		return -EINVAL;
	note = calloc(1, sizeof(*note));
	if (!note || SSL_set_ex_data(ssl, note_index, note) != 1) {
		free(note);
		return -ENOMEM;
	}
	note->set = cfg_set_ref(set);
	note->local = cfg_context_domain(ctx)->scope;
	if (local)
		memcpy(&note->local.address, local,
			local->sa_family == AF_INET ? sizeof(struct sockaddr_in)
						    : sizeof(struct sockaddr_in6));
	return 0;
}
