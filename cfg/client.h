/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a client domain says of a single connection, before its handshake. */
#ifndef CFG_CLIENT_H
#define CFG_CLIENT_H

#include "cfg/domain.h"

/*
 * The name of the server that a connection of client domain d goes to: server_name (of the script) where that
 * is given, else the domain's own, except where that stands for its subdomains alone; NULL when there is
 * none.
 */
const char *cfg_client_name(const struct cfg_domain *d, const char *server_name);

/*
 * Sets on an SSL object of the domain's context: that name in the ClientHello (SNI), unless it is an IP
 * address (RFC 6066, section 3); and, where the domain verifies certificates and its verify_name is set, that
 * the certificate must have it (ktls/name.h). A dot at the name's end and the brackets of an IPv6 address are
 * left out. Without a name only the certificate's chain is verified. server_name may be NULL or empty.
 * Returns 0; -EINVAL when the name is neither a host name in ASCII nor an IP address; -ENOMEM.
 */
int cfg_client_prepare(SSL *ssl, const struct cfg_domain *d, const char *server_name);

#endif
