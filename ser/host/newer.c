/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/host/newer.h"

#include "ser/shared/log.h"

int host_refuse_settings(void)
{
	if (&ksr_tcp_main_threads && ksr_tcp_main_threads) {
		ser_log(LOG_LEVEL_ERROR,
			"tcp_main_threads is %d, but connections over TLS need a single thread in tcp_main: "
			"take the "
			"setting away",
			ksr_tcp_main_threads);
		return -1;
	}
	if (&tls_connection_match_domain && tls_connection_match_domain) {
		ser_log(LOG_LEVEL_ERROR, "tls_connection_match_domain is set, but the module does not choose "
					 "connections by their "
					 "domain: take the setting away");
		return -1;
	}
	return 0;
}

int host_reads_proxy_headers(void)
{
	return ksr_tcp_accept_haproxy ||
	       (&ksr_tcp_accept_protocols && ksr_tcp_accept_protocols & HOST_ACCEPT_HAPROXY);
}

int host_is_beyond_limit(union host_sockaddr *from, unsigned most)
{
	return tcp_connection_limit_srcip && &ksr_tcp_accept_iplimit && ksr_tcp_accept_iplimit > 0 &&
	       most >= (unsigned)ksr_tcp_accept_iplimit &&
	       tcp_connection_limit_srcip(from, ksr_tcp_accept_iplimit);
}

void host_mark_accepted(struct host_tcp_connection *c)
{
#ifdef FACT_AT_host_tcp_connection_initstate
	c->initstate = HOST_CONN_ACCEPT;
#else
	(void)c;
#endif
}
