/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ends by itself one day: the certificates that domains show, and the revocation lists that they use. */
#ifndef CFG_EXPIRY_H
#define CFG_EXPIRY_H

#include <stdint.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum cfg_expiring {
	CFG_EXPIRING_CERTIFICATE,
	CFG_EXPIRING_CA,   /* a CA certificate that is shown with it; in its file, or in ca_list or ca_path */
	CFG_EXPIRING_LIST, /* of revocations: when the next is due */
};

/* A file, with what ends first of that kind in it. */
struct cfg_expiry {
	struct cfg_expiry *next;
	enum cfg_expiring what;
	unsigned first_domain, last_domain; /* of those that have it, by their index */
	unsigned domains;                   /* how many have it */
	int64_t begin, end;                 /* seconds since 1970 */
	char file[];
};

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
