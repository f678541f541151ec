/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that contexts are built from. None of this ever asks at a terminal for a password. */
#ifndef CFG_PEM_H
#define CFG_PEM_H

#include "cfg/error.h"

#include <openssl/x509.h>

/* What OpenSSL says about its last error; never NULL. */
const char *cfg_openssl_reason(void);

/* Says what the operating system has against a file: OpenSSL's own words hide it. 0 or -1. The sentences of
 * this header do not name the attribute. */
int cfg_check_readable(const char *path, struct cfg_error *e);

/* Refuses a file whose certificates are encrypted, for readers of OpenSSL's that would ask. 0 or -1. */
int cfg_check_certificates(const char *path, struct cfg_error *e);

/*
 * A private key: a PEM file, or CFG_KEY_URI and a URI for OSSL_STORE. password may be NULL. EVP_PKEY_free().
 * NULL with a sentence in *e; *bad_password is then 1 when the password is what is wrong.
 */
EVP_PKEY *cfg_load_key(const char *key, const char *password, int *bad_password, struct cfg_error *e);

/* Files with trusted certificates and revocation lists, each read once. Begin with all bytes 0. */
struct cfg_pem {
	char *path;
	STACK_OF(X509) * certificates;
	STACK_OF(X509_CRL) * crls;
	struct cfg_pem *next;
};

struct cfg_pems {
	struct cfg_pem *first;
};

/* Owned by pems. NULL with a sentence in *e. Either list may be empty. */
const struct cfg_pem *cfg_pems_get(struct cfg_pems *pems, const char *path, struct cfg_error *e);
void cfg_pems_clear(struct cfg_pems *pems);

#endif
