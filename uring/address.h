/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef URING_ADDRESS_H
#define URING_ADDRESS_H

#include <netinet/in.h>

/* An end of a TCP connection: any.sa_family is AF_INET or AF_INET6. */
union uring_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

#endif
