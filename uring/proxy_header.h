/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PROXY protocol's header, versions 1 and 2, as a proxy or load balancer sends it in front of a
 * connection's own first byte. Rules are from "The PROXY protocol" by HAProxy (doc/proxy-protocol.txt in
 * its source), named by section.
 *
 * Threads and processes: no state.
 */
#ifndef URING_PROXY_HEADER_H
#define URING_PROXY_HEADER_H

#include "uring/address.h"

#include <stdint.h>
#include <sys/types.h>

#pragma GCC visibility push(default)

enum {
	URING_PROXY_LINE_MAX = 107, /* bytes of a version 1 header with its CRLF (section 2.1) */
	/*
	 * Bytes of a version 2 header. Section 2 has senders keep to 536, the field has room for 65551; this
	 * leaves room for large extensions (TLVs) and bounds what a stranger can make us hold.
	 */
	URING_PROXY_HEADER_MAX = 4096,
};

struct uring_proxy_header {
	/*
	 * 0: the header says nothing of the connection's ends, which are then those of the TCP connection:
	 * LOCAL (2.2: a proxy's own health check) and UNKNOWN (2.1). The addresses are zero.
	 */
	int proxied;
	union uring_address source, destination; /* of one family */
};

/*
 * Looks for the header in the first len bytes of a connection, which may go on behind it.
 *
 * Returns the header's length, at most len, with *header filled; 0 when the header goes on behind these
 * bytes: all of them belong to it then, and some are still missing; -EPROTO when they are not the beginning
 * of a header that is accepted, with *why a phrase (static text). No further bytes change an answer but 0.
 * len may be 0; URING_PROXY_HEADER_MAX bytes always are enough for an answer.
 *
 * Accepted: version 1 with TCP4, TCP6 and UNKNOWN, version 2 with LOCAL, and with PROXY for TCP over IPv4
 * and IPv6. Version 2's other families and transports are refused, as section 2.2 leaves open, and as
 * Kamailio's core does (tcpconn_read_haproxy() in tcp_main.c). Other than the core's reader, this one
 * refuses a connection without header (section 2 forbids to guess; the core's documentation promises it),
 * refuses what follows the last port in a version 1 line, takes the port 0, and checks that version 2's
 * addresses fit into its length. Extensions (TLVs) are skipped, a checksum among them (2.2.3) too.
 */
ssize_t uring_proxy_header_parse(
	const uint8_t *bytes, size_t len, struct uring_proxy_header *header, const char **why);

#pragma GCC visibility pop

#endif
