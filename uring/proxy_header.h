/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PROXY protocol's header, versions 1 and 2, which a proxy or load balancer sends before a connection's
 * own first byte. Section numbers are those of "The PROXY protocol" by HAProxy (doc/proxy-protocol.txt in its
 * source).
 *
 * Threads and processes: no state.
 */
#ifndef URING_PROXY_HEADER_H
#define URING_PROXY_HEADER_H

#include "uring/address.h"

#include <stdint.h>
#include <sys/types.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum {
	URING_PROXY_LINE_MAX = 107, /* bytes of a version 1 header with its CRLF (section 2.1) */
	/*
	 * Bytes of a version 2 header. Section 2 limits senders to 536; the length field allows 65551. This
	 * leaves room for large extensions (TLVs) and limits what a stranger can make us store.
	 */
	URING_PROXY_HEADER_MAX = 4096,
};

struct uring_proxy_header {
	/*
	 * 0: the header does not name the connection's ends, so they are those of the TCP connection: LOCAL
	 * (2.2: a proxy's own health check) and UNKNOWN (2.1). The addresses are zero.
	 */
	int proxied;
	union uring_address source, destination; /* both of one family */
};

/*
 * Looks for the header in the first len bytes of a connection; more may follow it.
 *
 * Returns the header's length, at most len, with *header filled; 0 if the header is not complete, in which
 * case all these bytes belong to it; -EPROTO with a phrase in *why (static text) if the bytes do not begin an
 * accepted header. Only 0 can change with further bytes. len may be 0; URING_PROXY_HEADER_MAX bytes are
 * always enough for an answer.
 *
 * Accepted: version 1 with TCP4, TCP6 and UNKNOWN; version 2 with LOCAL, and with PROXY for TCP over IPv4 and
 * IPv6. Version 2's other families and transports are refused, which section 2.2 allows and Kamailio's core
 * does as well (tcpconn_read_haproxy() in tcp_main.c). Unlike the core's reader, this one refuses a
 * connection without a header (section 2 forbids guessing, and the core's documentation promises it), refuses
 * anything after the last port in a version 1 line, accepts port 0, and checks that version 2's addresses fit
 * into its length. Extensions (TLVs) are skipped, including a checksum (2.2.3).
 */
ssize_t uring_proxy_header_parse(
	const uint8_t *bytes, size_t len, struct uring_proxy_header *header, const char **why);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
