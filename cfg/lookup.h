/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which domain a connection belongs to. The order in which domains were defined does not matter, except where
 * noted.
 *
 * Server, by the listening address and the name in the ClientHello (RFC 6066, SNI):
 *   1. of the domains with that IP address and port, the one with the best name (see below), else the one
 *      without a name; else, if the client sent no name, the one defined last (as in the stock module);
 *   2. the same among the domains with that IP address and every port (port 0);
 *   3. of the domains for any address, the one with the best name, else the one without a name;
 *   4. the default.
 * Client:
 *   1. the domain with that server_id, in upper or lower case; of several, one with that remote address, else
 *      the one defined last;
 *   2. of the domains with that remote IP address and port, the one with the best name, else the one without
 *      a name, else the one defined last; one without a server_id goes before one with it;
 *   3. the same among the domains with that IP address and port 0;
 *   4. of the domains for any address, the one with the best name, else the one with neither name nor id;
 *   5. the default.
 * (The stock module compares a client domain's address with our own; its manual and we use the peer's.)
 *
 * Best name: an equal name is better than a subdomain, a longer name better than a shorter one, and with the
 * same name the mode that matches less is better. Upper and lower case are the same; a final dot does not
 * count.
 */
#ifndef CFG_LOOKUP_H
#define CFG_LOOKUP_H

#include "cfg/config.h"

/* Never NULL for a finished configuration. local is AF_INET or AF_INET6 or NULL; server_name may be NULL. */
const struct cfg_domain *cfg_find_server(
	const struct cfg_config *config, const struct sockaddr *local, const char *server_name);

/* Each of the three may be NULL. An id that no domain has counts as none. */
const struct cfg_domain *cfg_find_client(const struct cfg_config *config, const char *server_id,
	const struct sockaddr *remote, const char *server_name);

#endif
