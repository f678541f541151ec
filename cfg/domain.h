/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TLS domain: the TLS settings of connections that come in at some address, or that we open to some
 * address. What SER calls a domain Kamailio calls a profile.
 */
#ifndef CFG_DOMAIN_H
#define CFG_DOMAIN_H

#include "cfg/error.h"
#include "cfg/scope.h"
#include "cfg/value.h"
#include "ktls/handshake.h"

#include <stdint.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

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
	CFG_OCSP_FILE,
	CFG_OCSP_FILE2,
	CFG_CA_LIST,
	CFG_CA_PATH,
	CFG_CRL,
	CFG_VERIFY_CERTIFICATE,
	CFG_REQUIRE_CERTIFICATE,
	CFG_VERIFY_CLIENT,
	CFG_VERIFY_DEPTH,
	CFG_CIPHER_LIST,
	CFG_CIPHERSUITES,
	CFG_ALPN,
	CFG_SERVER_NAME,
	CFG_SERVER_NAME_MODE,
	CFG_SERVER_ID,
	CFG_VERIFY_NAME,
	CFG_VERIFY_NAME_WILDCARD,
	CFG_VERIFY_OCSP,
	CFG_REQUIRE_OCSP,
	CFG_KTLS,
	CFG_KTLS_REKEY_REQUIRED,
	CFG_ATTRIBUTES,
};

enum cfg_verify_client {
	CFG_VERIFY_CLIENT_OFF,
	CFG_VERIFY_CLIENT_ON,             /* same as require_certificate */
	CFG_VERIFY_CLIENT_OPTIONAL,       /* same as verify_certificate */
	CFG_VERIFY_CLIENT_OPTIONAL_NO_CA, /* accept any certificate or none; scripts see the result */
};

enum cfg_name_mode {
	CFG_NAME_EXACT,
	CFG_NAME_AND_SUBDOMAINS,
	CFG_NAME_SUBDOMAINS, /* only subdomains, not the name itself */
};

/*
 * Strings come from malloc() or are NULL. File names are what the operator wrote, made absolute by
 * cfg_resolve_path(). A private key may also be CFG_KEY_URI and a URI for OSSL_STORE (ossl_store(7)), such as
 * pkcs11:.
 */
struct cfg_domain {
	enum cfg_kind kind;
	int is_default;         /* for connections that no other domain of that kind matches */
	struct cfg_scope scope; /* where connections come in, or where they go to */
	struct cfg_versions versions;
	char *certificate, *private_key, *private_key_password;    /* PEM chain, leaf first; PEM */
	char *certificate2, *private_key2, *private_key_password2; /* with a key of another type */
	char *ocsp_file, *ocsp_file2; /* server: OCSP responses for them in DER */
	char *ca_list;      /* PEM: CAs trusted for peers' certificates; a server names them in its request */
	char *ca_path;      /* folder of trusted certificates and CRLs, named as openssl-rehash(1) does */
	char *crl;          /* PEM: revocation lists; each CA of a chain must have one */
	char *cipher_list;  /* OpenSSL's cipher list for TLS 1.2 */
	char *ciphersuites; /* OpenSSL's list for TLS 1.3 */
	char *alpn;         /* names with commas between them, the preferred one first (cfg/alpn.h) */
	char *server_name;  /* lower case, no final dot */
	int server_name_mode; /* enum cfg_name_mode */
	char *server_id;
	int verify_certificate, require_certificate; /* 0 or 1 */
	int verify_client;                           /* enum cfg_verify_client */
	int verify_depth;
	int verify_name;          /* client: 0: a certificate may be for any name */
	int verify_name_wildcard; /* client: 1: a certificate may be for *.example.org */
	int verify_ocsp;          /* client: 1: ask for an OCSP response, which must be good if it comes */
	int require_ocsp;         /* client: 1: ask for one, which must come and be good */
	int ktls;                 /* 0: records stay in user space */
	int ktls_rekey_required;  /* 1: TLS 1.3 records go only to kernels that can change keys */

	unsigned index;     /* in its configuration's list */
	uint32_t set;       /* 1 << CFG_...: what the operator set */
	uint32_t inherited; /* of these, what comes from modparams without an address */
	char *file;         /* which defines the domain; or "modparam", "built-in defaults"; or NULL */
	unsigned line;      /* in file; 0: none */
	unsigned lines[CFG_ATTRIBUTES]; /* the same for each attribute that is set */
};

#define CFG_KEY_URI    "/uri:"
#define CFG_KEY_ENGINE "/engine:" /* the stock module's; refused, because OpenSSL 3 retires engines */

/* Fills in the defaults for a domain of its kind; values already set stay. Returns 0 or -ENOMEM. */
int cfg_domain_defaults(struct cfg_domain *d, const char *main_config);

/* Frees the strings and wipes the passwords; the struct is empty afterwards. */
void cfg_domain_clear(struct cfg_domain *d);

/*
 * What the three attributes about verification mean together: a required certificate comes first, then
 * optional_no_ca (as in the stock module), then verification of a certificate that is sent.
 */
enum ktls_verify cfg_domain_verify(const struct cfg_domain *d);

enum {
	CFG_VERIFY_DEPTH_DEFAULT = 9, /* as in the stock module */
};

enum {
	CFG_DOMAIN_TEXT = 80, /* room for "[client:[<ipv6>]:<port>]" */
};

/* Writes the domain's section as in tls.cfg, "[server:default]", to out. Returns out. */
const char *cfg_domain_text(const struct cfg_domain *d, char *out);

/* Its protocol versions and what it asks of a client's certificate, as tls.cfg spells them; static text. */
const char *cfg_domain_method(const struct cfg_domain *d);
const char *cfg_domain_verify_client(const struct cfg_domain *d);

/* Appends "<file>:<line>: [<domain>]: <sentence>". Unknown parts are left out. Always returns -1. */
int cfg_section_error(struct cfg_errors *errors, const struct cfg_domain *d, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Appends "<file>:<line>: [<domain>]: <attribute>: <sentence>". Unknown parts are left out, and so is the
 * domain if all inherit the value. Always returns -1.
 */
int cfg_domain_error(struct cfg_errors *errors, const struct cfg_domain *d, enum cfg_attribute_id attribute,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
