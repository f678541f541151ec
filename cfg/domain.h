/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TLS domain: how the connections that come in at some address, or that we open to some address, are
 * secured. What SER calls a domain is a profile in Kamailio's words.
 */
#ifndef CFG_DOMAIN_H
#define CFG_DOMAIN_H

#include "cfg/error.h"
#include "cfg/scope.h"
#include "cfg/value.h"
#include "ktls/handshake.h"

#include <stdint.h>

#pragma GCC visibility push(default)

enum cfg_kind {
	CFG_SERVER, /* connections that come in */
	CFG_CLIENT, /* connections that we open */
};

/* What can be set in a domain; cfg/attribute.h has the names. */
enum cfg_attribute_id {
	CFG_METHOD,
	CFG_CERTIFICATE,
	CFG_PRIVATE_KEY,
	CFG_PRIVATE_KEY_PASSWORD,
	CFG_CERTIFICATE2,
	CFG_PRIVATE_KEY2,
	CFG_PRIVATE_KEY_PASSWORD2,
	CFG_CA_LIST,
	CFG_CA_PATH,
	CFG_CRL,
	CFG_VERIFY_CERTIFICATE,
	CFG_REQUIRE_CERTIFICATE,
	CFG_VERIFY_CLIENT,
	CFG_VERIFY_DEPTH,
	CFG_CIPHER_LIST,
	CFG_CIPHERSUITES,
	CFG_SERVER_NAME,
	CFG_SERVER_NAME_MODE,
	CFG_SERVER_ID,
	CFG_VERIFY_NAME,
	CFG_VERIFY_NAME_WILDCARD,
	CFG_KTLS,
	CFG_KTLS_REKEY_REQUIRED,
	CFG_ATTRIBUTES,
};

enum cfg_verify_client {
	CFG_VERIFY_CLIENT_OFF,
	CFG_VERIFY_CLIENT_ON,             /* as require_certificate */
	CFG_VERIFY_CLIENT_OPTIONAL,       /* as verify_certificate */
	CFG_VERIFY_CLIENT_OPTIONAL_NO_CA, /* any certificate or none is taken; the result can be asked for */
};

enum cfg_name_mode {
	CFG_NAME_EXACT,
	CFG_NAME_AND_SUBDOMAINS,
	CFG_NAME_SUBDOMAINS, /* the subdomains without the name itself */
};

/*
 * Strings are for free() or NULL. Files are as the operator wrote them, made absolute by cfg_resolve_path();
 * a private key may also be CFG_KEY_URI and a URI for OSSL_STORE (ossl_store(7)), pkcs11: among them.
 */
struct cfg_domain {
	enum cfg_kind kind;
	int is_default;         /* for what no other domain of that kind is for */
	struct cfg_scope scope; /* where connections come in, or where they go to */
	struct cfg_versions versions;
	char *certificate, *private_key, *private_key_password;    /* PEM chain, leaf first; PEM */
	char *certificate2, *private_key2, *private_key_password2; /* with a key of another type */
	char *ca_list;        /* PEM: trusted for certificates of peers; a server names them in its request */
	char *ca_path;        /* folder of trusted certificates and CRLs, named as openssl-rehash(1) does */
	char *crl;            /* PEM: revocation lists; one of each CA in a chain must be there */
	char *cipher_list;    /* OpenSSL's cipher list for TLS 1.2 */
	char *ciphersuites;   /* OpenSSL's list for TLS 1.3 */
	char *server_name;    /* lower case, no dot at the end */
	int server_name_mode; /* enum cfg_name_mode */
	char *server_id;
	int verify_certificate, require_certificate; /* 0 or 1 */
	int verify_client;                           /* enum cfg_verify_client */
	int verify_depth;
	int verify_name;          /* client: 0: a certificate that verifies may be for any name */
	int verify_name_wildcard; /* client: 1: it may be for *.example.org */
	int ktls;                 /* 0: records stay in user space */
	int ktls_rekey_required;  /* 1: TLS 1.3 goes only to kernels that can change keys */

	unsigned index;     /* in its configuration's list */
	uint32_t set;       /* 1 << CFG_...: what the operator set */
	uint32_t inherited; /* of these: from modparams without an address */
	char *file;         /* that defines the domain, "modparam", "built-in defaults"; or NULL */
	unsigned line;      /* in file; 0: none */
	unsigned lines[CFG_ATTRIBUTES]; /* the same for what is set */
};

#define CFG_KEY_URI    "/uri:"
#define CFG_KEY_ENGINE "/engine:" /* of the stock module: refused, since OpenSSL 3 retires engines */

/* Puts the defaults of its kind into a domain; what is set already stays. Returns 0 or -ENOMEM. */
int cfg_domain_defaults(struct cfg_domain *d, const char *main_config);

/* Frees the strings, wipes the passwords; the struct is empty afterwards. */
void cfg_domain_clear(struct cfg_domain *d);

/*
 * What the three attributes about verification say together: a certificate that is required goes first, then
 * optional_no_ca (as in the stock module), then verification of what is sent.
 */
enum ktls_verify cfg_domain_verify(const struct cfg_domain *d);

enum {
	CFG_DOMAIN_TEXT = 80, /* room for "[client:[<ipv6>]:<port>]" */
};

/* Writes the domain's section as tls.cfg spells it, "[server:default]", to out. Returns out. */
const char *cfg_domain_text(const struct cfg_domain *d, char *out);

/* Its protocol versions and what it asks of a client's certificate, as tls.cfg spells them; static text. */
const char *cfg_domain_method(const struct cfg_domain *d);
const char *cfg_domain_verify_client(const struct cfg_domain *d);

/*
 * Appends "<file>:<line>: [<domain>]: <attribute>: <sentence>"; parts that are not known are left out, and
 * the domain of a value that all inherit. Always returns -1.
 */
int cfg_domain_error(struct cfg_errors *errors, const struct cfg_domain *d, enum cfg_attribute_id attribute,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

#pragma GCC visibility pop

#endif
