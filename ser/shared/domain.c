/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/domain.h"

#include "ser/shared/services.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int ctx_index = -1;
static pid_t maker; /* forked children inherit contexts, but hold no references */

static void free_reference(void *parent, void *p, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
	(void)parent;
	(void)ad;
	(void)index;
	(void)argl;
	(void)argp;
	if (maker == getpid())
		domain_put(p);
}

static void make_index(void)
{
	ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_reference);
}

static size_t round_up(size_t n)
{
	return (n + _Alignof(struct snapshot_cert) - 1) & ~(_Alignof(struct snapshot_cert) - 1);
}

static struct snapshot_cert *own_of(struct domain *d)
{
	return (struct snapshot_cert *)(d->data + d->own);
}

/* The certificate's bytes are the caller's to fill in. */
static struct domain *make(const char *name, size_t cert_len)
{
	size_t name_len = round_up(strlen(name) + 1);
	struct domain *d =
		services.memory.alloc(sizeof(*d) + name_len + sizeof(struct snapshot_cert) + cert_len);

	if (!d)
		return NULL;
	*d = (struct domain){.refcnt = 1, .own = cert_len ? (uint32_t)name_len : 0};
	strcpy(d->data, name);
	if (cert_len)
		own_of(d)->len = (uint32_t)cert_len;
	return d;
}

static struct domain *make_for(const char *name, X509 *cert)
{
	int len = cert ? i2d_X509(cert, NULL) : 0;
	struct domain *d = len < 0 ? NULL : make(name, (size_t)len);
	unsigned char *der;

	if (d && len) {
		der = own_of(d)->der;
		i2d_X509(cert, &der);
	}
	return d;
}

struct domain *domain_as_it_was(struct domain *now, const uint8_t *der, size_t len)
{
	const struct snapshot_cert *own = domain_own(now);
	struct domain *d;

	if (own ? own->len == len && !memcmp(own->der, der, len) : !len)
		return domain_get(now);
	d = make(domain_name(now), len);
	if (d && len)
		memcpy(own_of(d)->der, der, len);
	return d;
}

const char *domain_write_name(const struct cfg_domain *d, char name[DOMAIN_NAME_MAX])
{
	char text[CFG_DOMAIN_TEXT];

	snprintf(name, DOMAIN_NAME_MAX, "%s%s%s", cfg_domain_text(d, text), d->server_name ? " " : "",
		d->server_name ? d->server_name : "");
	return name;
}

int domain_attach(SSL_CTX *ctx, const struct cfg_domain *d, struct cfg_error *e)
{
	char name[DOMAIN_NAME_MAX];
	struct domain *domain;

	if (!CRYPTO_THREAD_run_once(&once, make_index) || ctx_index < 0)
		return cfg_fail(e, "out of memory");
	maker = getpid();
	domain = make_for(domain_write_name(d, name), SSL_CTX_get0_certificate(ctx));
	if (!domain)
		return cfg_fail(e, "shared memory is used up: raise it with kamailio -m");
	if (SSL_CTX_set_ex_data(ctx, ctx_index, domain) == 1)
		return 0;
	domain_put(domain);
	return cfg_fail(e, "out of memory");
}

struct domain *domain_of(const SSL_CTX *ctx)
{
	return ctx_index < 0 ? NULL : SSL_CTX_get_ex_data(ctx, ctx_index);
}

const struct snapshot_cert *domain_own(const struct domain *domain)
{
	return domain->own ? (const struct snapshot_cert *)(domain->data + domain->own) : NULL;
}

struct domain *domain_get(struct domain *domain)
{
	__atomic_add_fetch(&domain->refcnt, 1, __ATOMIC_RELAXED);
	return domain;
}

void domain_put(struct domain *domain)
{
	if (domain && !__atomic_sub_fetch(&domain->refcnt, 1, __ATOMIC_ACQ_REL))
		services.memory.release(domain);
}

const char *domain_name(const struct domain *domain)
{
	return domain->data;
}
