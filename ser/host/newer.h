/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings of the core that newer releases have and older ones have not. */
#ifndef SER_HOST_NEWER_H
#define SER_HOST_NEWER_H

#include "ser/host/layout.h"

/* Logs one of the settings that the module cannot follow, and returns -1, if there is one. */
int host_refuse_settings(void);

/* tcp_accept_haproxy or, from 6.1.1 on, tcp_accept_protocols: connections begin with a PROXY header. */
int host_reads_proxy_headers(void);

/*
 * tcp_accept_iplimit, from 5.8 on: the core counts connections that are marked as accepted, all of them, with
 * its table locked. It is only asked to where there may be so many: most is what this address has at most.
 */
int host_is_beyond_limit(union host_sockaddr *from, unsigned most);
void host_mark_accepted(struct host_tcp_connection *c);

#endif
