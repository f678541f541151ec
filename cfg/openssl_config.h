/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OpenSSL's own configuration, openssl.cnf (config(5)): what it is called, and whether it leaves us anything.
 */
#ifndef CFG_OPENSSL_CONFIG_H
#define CFG_OPENSSL_CONFIG_H

#include "cfg/error.h"

/* The file's name, also from the environment; never NULL. */
const char *cfg_openssl_config(void);

/* Whether it says for all programs (system_default) with which groups keys are exchanged. Read once. */
int cfg_openssl_says_groups(void);

/*
 * Whether OpenSSL can do what TLS needs. It cannot if its configuration loads some providers but not the one
 * with the algorithms. Returns 0, or -1 with a sentence in *e.
 */
int cfg_check_openssl(struct cfg_error *e);

#endif
