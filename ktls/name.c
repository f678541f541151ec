/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/name.h"

#include "ktls/ex_data.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOST_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

enum {
	SHOWN = 3,      /* identities that a phrase names */
	SHOWN_LEN = 64, /* bytes of each */
};

/* What the peer of a connection has to prove. */
struct demand {
	char name[KTLS_NAME_MAX + 1];
	int wildcards;
	char refusal[KTLS_NAME_REFUSAL_MAX];
};

/* The identities of a certificate, for people. */
struct identities {
	unsigned count;
	size_t len;
	char text[SHOWN * (SHOWN_LEN + 2) + 1];
};

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int demand_index = -1;

int ktls_name_kind(const char *name)
{
	struct in6_addr address;
	size_t len = strlen(name);

	if (inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1)
		return 1;
	if (!len || len > KTLS_NAME_MAX || strspn(name, HOST_CHARACTERS) < len || name[0] == '.' ||
		name[len - 1] == '.' || strstr(name, ".."))
		return -EINVAL;
	return 0;
}

static void show(struct identities *all, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	if (all->count++ >= SHOWN)
		return;
	if (all->len)
		all->len += (size_t)sprintf(all->text + all->len, ", ");
	for (size_t i = 0; i < len && i < SHOWN_LEN; i++)
		all->text[all->len++] = p[i] > ' ' && p[i] < 0x7f ? (char)p[i] : '?';
	all->text[all->len] = '\0';
}

static void show_address(struct identities *all, const ASN1_OCTET_STRING *address)
{
	int len = ASN1_STRING_length(address);
	char text[INET6_ADDRSTRLEN];

	if ((len == 4 || len == 16) &&
		inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text, sizeof(text)))
		show(all, text, strlen(text));
}

static void show_common_names(struct identities *all, const X509 *cert)
{
	const X509_NAME *subject = X509_get_subject_name(cert);

	for (int i = -1; (i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0;) {
		const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i));

		show(all, ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
	}
}

/*
 * The host of a URI that is just "sip:" and a host, or NULL. With anything else in it, it is not a domain's
 * identity.
 */
static const char *sip_host(const ASN1_IA5STRING *uri, size_t *len)
{
	const char *p = (const char *)ASN1_STRING_get0_data(uri);

	*len = (size_t)ASN1_STRING_length(uri);
	if (*len <= 4 || strncasecmp(p, "sip:", 4))
		return NULL;
	*len -= 4;
	for (size_t i = 4; i < *len + 4; i++)
		if (!p[i] || !strchr(HOST_CHARACTERS, p[i]))
			return NULL;
	return p + 4;
}

/* Returns 1 if one of them is the name. */
static int compare_uris(const GENERAL_NAMES *names, const char *name, struct identities *all)
{
	int found = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);
		const char *host;
		size_t len;

		if (one->type != GEN_URI || !(host = sip_host(one->d.uniformResourceIdentifier, &len)))
			continue;
		show(all, host, len);
		found |= len == strlen(name) && !strncasecmp(host, name, len);
	}
	return found;
}

static void show_all(const GENERAL_NAMES *names, int type, struct identities *all)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);

		if (one->type != type)
			continue;
		if (type == GEN_IPADD)
			show_address(all, one->d.iPAddress);
		else
			show(all, ASN1_STRING_get0_data(one->d.dNSName),
				(size_t)ASN1_STRING_length(one->d.dNSName));
	}
}

/* DNS names, or common names if there is nothing else. */
static int compare_dns(
	X509 *cert, const GENERAL_NAMES *names, const char *name, int wildcards, struct identities *all)
{
	unsigned flags = wildcards ? X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS : X509_CHECK_FLAG_NO_WILDCARDS;

	if (names) {
		flags |= X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
		show_all(names, GEN_DNS, all);
	} else {
		show_common_names(all, cert);
	}
	return X509_check_host(cert, name, 0, flags, NULL);
}

static int refuse(const struct identities *all, int is_address, const char *name, char *why)
{
	char more[32] = "";

	if (all->count > SHOWN)
		snprintf(more, sizeof(more), " and %u more", all->count - SHOWN);
	if (all->count)
		snprintf(why, KTLS_NAME_REFUSAL_MAX, "it is for %s%s, not for %.100s", all->text, more, name);
	else
		snprintf(why, KTLS_NAME_REFUSAL_MAX, "it names no %s, so not %.100s",
			is_address ? "IP address" : "domain", name);
	return -ENOENT;
}

/* As ktls_name_check(), for a name of that kind. */
static int compare(X509 *cert, const char *name, int is_address, int wildcards, char *why)
{
	struct identities all = {0};
	int times, rc;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &times, NULL);

	if (!names && times != -1) { /* there are several, or it is malformed */
		snprintf(why, KTLS_NAME_REFUSAL_MAX, "its subjectAltName cannot be read");
		return -ENOENT;
	}
	if (is_address) {
		show_all(names, GEN_IPADD, &all);
		rc = X509_check_ip_asc(cert, name, 0);
	} else {
		rc = compare_uris(names, name, &all);
		if (!all.count)
			rc = compare_dns(cert, names, name, wildcards, &all);
	}
	GENERAL_NAMES_free(names);
	if (rc == 1)
		return 0;
	if (!rc)
		return refuse(&all, is_address, name, why);
	snprintf(why, KTLS_NAME_REFUSAL_MAX, "its names cannot be read");
	return -ENOENT;
}

int ktls_name_check(X509 *cert, const char *name, int wildcards, char why[KTLS_NAME_REFUSAL_MAX])
{
	int is_address = ktls_name_kind(name), rc;

	why[0] = '\0';
	if (is_address < 0)
		return is_address;
	/*
	 * If it finds something odd in a certificate, this must not look like an error of the surrounding
	 * handshake.
	 */
	ERR_set_mark();
	rc = compare(cert, name, is_address, wildcards, why);
	ERR_pop_to_mark();
	return rc;
}

static void make_index(void)
{
	demand_index = ktls_ex_data_new_index(free);
}

/* OpenSSL calls it for each certificate of a chain that it found valid, the peer's own last. */
static int check_peer(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct demand *d = SSL_get_ex_data(ssl, demand_index);
	int rc;

	if (ok != 1 || X509_STORE_CTX_get_error_depth(store))
		return ok;
	rc = d ? ktls_name_check(X509_STORE_CTX_get_current_cert(store), d->name, d->wildcards, d->refusal)
	       : -EINVAL;
	if (rc)
		X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
	return !rc;
}

int ktls_name_require(SSL *ssl, const char *name, int wildcards)
{
	struct demand *d;

	if (!CRYPTO_THREAD_run_once(&once, make_index) || demand_index < 0)
		return -ENOMEM;
	if (ktls_name_kind(name) < 0 || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE ||
		SSL_get_verify_callback(ssl))
		return -EINVAL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	strcpy(d->name, name);
	d->wildcards = wildcards;
	if (SSL_set_ex_data(ssl, demand_index, d) != 1) {
		free(d);
		return -ENOMEM;
	}
	SSL_set_verify(ssl, SSL_get_verify_mode(ssl), check_peer);
	return 0;
}

const char *ktls_name_refusal(const SSL *ssl)
{
	const struct demand *d = demand_index < 0 ? NULL : SSL_get_ex_data(ssl, demand_index);

	return d ? d->refusal : "";
}
