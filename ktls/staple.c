/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/staple.h"

#include "ktls/ex_data.h"
#include "ktls/ocsp.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	REFUSAL_MAX = KTLS_OCSP_WHY + 40,
};

struct staples {
	unsigned count;
	struct ktls_staple *list[KTLS_STAPLES];
};

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int staples_index = -1, refusal_index = -1;

static void free_staple(struct ktls_staple *s)
{
	if (!s)
		return;
	X509_free(s->cert);
	free(s->file);
	free(s);
}

static void free_staples(void *ctx, void *ptr, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	struct staples *all = ptr;

	(void)ctx;
	(void)data;
	(void)index;
	(void)argl;
	(void)argp;
	for (unsigned i = 0; all && i < all->count; i++)
		free_staple(all->list[i]);
	free(all);
}

static void make_indexes(void)
{
	staples_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_staples);
	refusal_index = ktls_ex_data_new_index(free);
}

static int is_ready(void)
{
	return CRYPTO_THREAD_run_once(&once, make_indexes) && staples_index >= 0 && refusal_index >= 0;
}

const struct ktls_staple *ktls_staple_get(const SSL_CTX *ctx, unsigned index)
{
	const struct staples *all = staples_index < 0 ? NULL : SSL_CTX_get_ex_data(ctx, staples_index);

	return all && index < all->count ? all->list[index] : NULL;
}

static const struct ktls_staple *find(const SSL_CTX *ctx, const X509 *cert)
{
	const struct ktls_staple *s = NULL;

	for (unsigned i = 0; cert && (s = ktls_staple_get(ctx, i)); i++)
		if (!X509_cmp(s->cert, cert))
			break;
	return s;
}

/* The client has asked. OpenSSL has chosen the certificate, and owns what it is given. */
static int send_staple(SSL *ssl, void *arg)
{
	const struct ktls_staple *s = find(SSL_get_SSL_CTX(ssl), SSL_get_certificate(ssl));
	uint8_t *copy = s && s->until > time(NULL) ? OPENSSL_memdup(s->der, s->len) : NULL;

	(void)arg;
	if (!copy)
		return SSL_TLSEXT_ERR_NOACK;
	if (SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)s->len) == 1)
		return SSL_TLSEXT_ERR_OK;
	OPENSSL_free(copy);
	return SSL_TLSEXT_ERR_NOACK;
}

static struct staples *staples_of(SSL_CTX *ctx)
{
	struct staples *all = SSL_CTX_get_ex_data(ctx, staples_index);

	if (all)
		return all;
	all = calloc(1, sizeof(*all));
	if (!all || SSL_CTX_set_ex_data(ctx, staples_index, all) == 1)
		return all;
	free(all);
	return NULL;
}

int ktls_staple_add(SSL_CTX *ctx, X509 *cert, const char *file, const uint8_t *der, size_t len, int64_t until)
{
	struct staples *all = is_ready() ? staples_of(ctx) : NULL;
	struct ktls_staple *s = all && all->count < KTLS_STAPLES ? calloc(1, sizeof(*s) + len) : NULL;

	if (!s)
		return -ENOMEM;
	if (X509_up_ref(cert))
		s->cert = cert;
	s->file = strdup(file);
	if (!s->cert || !s->file || !SSL_CTX_set_tlsext_status_cb(ctx, send_staple)) {
		free_staple(s);
		return -ENOMEM;
	}
	s->until = until;
	s->len = len;
	memcpy(s->der, der, len);
	all->list[all->count++] = s;
	return 0;
}

/* An extension that cannot be read counts as well: it is there to demand something. */
int ktls_staple_is_must(const X509 *cert)
{
	int found, is_must = 0;
	TLS_FEATURE *features;

	ERR_set_mark();
	features = X509_get_ext_d2i(cert, NID_tlsfeature, &found, NULL);
	ERR_pop_to_mark();
	if (!features)
		return found != -1;
	for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
		is_must |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == TLSEXT_TYPE_status_request;
	TLS_FEATURE_free(features);
	return is_must;
}

/* For OpenSSL: 0 ends the handshake with the alert bad_certificate_status_response, -1 with internal_error.
 */
static int refuse(SSL *ssl, const char *begin, const char *why)
{
	char *phrase = malloc(REFUSAL_MAX);

	if (!phrase)
		return -1;
	snprintf(phrase, REFUSAL_MAX, "%s%s", begin, why);
	if (SSL_set_ex_data(ssl, refusal_index, phrase) == 1)
		return 0;
	free(phrase);
	return -1;
}

static int check(SSL *ssl, int required)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	X509 *cert = sk_X509_value(chain, 0), *issuer = sk_X509_value(chain, 1);
	struct ktls_ocsp_answer answer;
	const uint8_t *der = NULL;
	long len = SSL_get_tlsext_status_ocsp_resp(ssl, &der);

	if (SSL_session_reused(ssl))
		return 1;
	if (!cert)
		return refuse(ssl, "it was not verified, as its OCSP response should be", "");
	if (!der || len <= 0) {
		if (!required && !ktls_staple_is_must(cert))
			return 1;
		return refuse(ssl, "no OCSP response came with it",
			required ? ", and one is required" : ", which it demands itself (Must-Staple)");
	}
	ktls_ocsp_judge(der, (size_t)len, cert, issuer ? issuer : cert, &answer);
	return answer.verdict == KTLS_OCSP_GOOD ? 1 : refuse(ssl, "its OCSP response ", answer.why);
}

static int check_if_sent(SSL *ssl, void *arg)
{
	(void)arg;
	return check(ssl, 0);
}

static int check_always(SSL *ssl, void *arg)
{
	(void)arg;
	return check(ssl, 1);
}

int ktls_staple_ask(SSL_CTX *ctx, int required)
{
	if (!is_ready() || !SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp) ||
		!SSL_CTX_set_tlsext_status_cb(ctx, (required ? check_always : check_if_sent)))
		return -ENOMEM;
	return 0;
}

const char *ktls_staple_refusal(const SSL *ssl)
{
	const char *phrase = refusal_index < 0 ? NULL : SSL_get_ex_data(ssl, refusal_index);

	return phrase ? phrase : "";
}
