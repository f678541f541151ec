/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a file of which OpenSSL makes nothing, in words for whoever has to mend it. */
#ifndef CFG_EXPLAIN_H
#define CFG_EXPLAIN_H

#include "cfg/error.h"

/* OpenSSL's text for its last error; never NULL. */
const char *cfg_openssl_reason(void);

enum cfg_wanted {
	CFG_WANTED_CERTIFICATE,
	CFG_WANTED_KEY,
	CFG_WANTED_LIST, /* of revocations */
};

/*
 * Looks at a file that can be read, for what was wanted of it in vain. OpenSSL's last error must still be
 * there. Always returns -1.
 */
int cfg_explain_file(const char *path, enum cfg_wanted wanted, struct cfg_error *e);

/* The same for a certificate that OpenSSL read and then refused; NULL if it gives no such reason. */
const char *cfg_explain_refusal(void);

#endif
