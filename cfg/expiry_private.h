/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Collects what expires while contexts are built. */
#ifndef CFG_EXPIRY_PRIVATE_H
#define CFG_EXPIRY_PRIVATE_H

#include "cfg/expiry.h"

#include <openssl/asn1.h>

/* Files that expire, each once. Start with all bytes 0. */
struct cfg_expiries {
	struct cfg_expiry *first, *last;
	void *by_file; /* tsearch(3) */
	int is_short;  /* of memory: something is missing */
};

/*
 * Notes what a domain has; those with a smaller index come first. What has no end (NULL), or none that can be
 * read, is left out.
 */
void cfg_expiries_add(struct cfg_expiries *all, unsigned domain, enum cfg_expiring what, const char *file,
	const ASN1_TIME *begin, const ASN1_TIME *end);

void cfg_expiries_clear(struct cfg_expiries *all);

#endif
