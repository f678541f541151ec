/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prepares a connection that we open, before its handshake, as its client domain says. */
#ifndef CFG_CLIENT_H
#define CFG_CLIENT_H

#include "cfg/domain.h"

/*
 * The name of the server that a connection of client domain d goes to: server_name (the script's) if there is
 * one, else the domain's own name, unless that stands only for its subdomains. NULL if there is none.
 */
const char *cfg_client_name(const struct cfg_domain *d, const char *server_name);

/*
 * Sets that name in the ClientHello (SNI) of an SSL object from the domain's context, unless it is an IP
 * address (RFC 6066, section 3). If the domain verifies certificates and verify_name is on, the certificate
 * must also be for that name (ktls/name.h). A final dot and the brackets of an IPv6 address are left out.
 * Without a name only the certificate's chain is verified. server_name may be NULL or empty. Returns 0;
 * -EINVAL if the name is neither a host name in ASCII nor an IP address; -ENOMEM.
 */
int cfg_client_prepare(SSL *ssl, const struct cfg_domain *d, const char *server_name);

#endif
