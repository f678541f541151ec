/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring/network_error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *quote(int error)
{
	static _Thread_local char phrase[80];

	snprintf(phrase, sizeof(phrase), "the system says '%s'", strerror(-error));
	return phrase;
}

const char *uring_network_error(int error)
{
	switch (error) {
	case -ECONNRESET:
		return "the peer reset the connection";
	case -EPIPE:
		return "the peer has closed the connection";
	case -ENOTCONN:
		return "there is no connection any more";
	case -ECONNREFUSED:
		return "refused: nobody listens there";
	case -ETIMEDOUT: /* SYN, keepalive or TCP_USER_TIMEOUT */
		return "the peer neither answered nor took anything for too long";
	case -EHOSTUNREACH:
		return "the peer's host cannot be reached";
	case -EHOSTDOWN:
		return "the peer's host is down";
	case -ENETUNREACH:
		return "no route leads to the peer's network";
	case -ENETDOWN:
		return "this machine's network is down";
	case -EADDRNOTAVAIL:
		return "this machine does not have the address to send from, or no port of it is free";
	case -EPERM:
	case -EACCES:
		return "a firewall or a security policy of this machine forbids it";
	case -ENOMEM:
	case -ENOBUFS:
		return "memory is used up";
	default:
		return quote(error);
	}
}
