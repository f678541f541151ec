/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the PEM files that contexts are built from. Nothing here ever asks for a password at a terminal. */
#ifndef CFG_PEM_H
#define CFG_PEM_H

#include "cfg/error.h"

#include <openssl/x509.h>

/*
 * Says why the operating system cannot read a file, because OpenSSL's own text hides it. Returns 0 or -1.
 * Sentences from this header do not name the attribute.
 */
int cfg_check_readable(const char *path, struct cfg_error *e);

/*
 * Refuses a file with encrypted certificates, for OpenSSL's readers, which would ask for the password.
 * Returns 0 or -1.
 */
int cfg_check_certificates(const char *path, struct cfg_error *e);

/*
 * Reads a private key from a PEM file, or from CFG_KEY_URI and a URI for OSSL_STORE. password may be NULL.
 * Free the result with EVP_PKEY_free(). Returns NULL with a sentence in *e on error; *bad_password is then 1
 * if the password is wrong.
 */
EVP_PKEY *cfg_load_key(const char *key, const char *password, int *bad_password, struct cfg_error *e);

/* Files with trusted certificates and revocation lists, each read once. Start with all bytes 0. */
struct cfg_pem {
	char *path;
	STACK_OF(X509) * certificates;
	STACK_OF(X509_CRL) * crls;
	struct cfg_pem *next;
};

struct cfg_pems {
	struct cfg_pem *first;
};

/*
 * The contents of a file, owned by pems; either list may be empty. Returns NULL with a sentence in *e on
 * error.
 */
const struct cfg_pem *cfg_pems_get(struct cfg_pems *pems, const char *path, struct cfg_error *e);
void cfg_pems_clear(struct cfg_pems *pems);

#endif
