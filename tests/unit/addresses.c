/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "addresses.h"

#include <arpa/inet.h>
#include <string.h>

union uring_address make_address(const char *ip, uint16_t port)
{
	union uring_address a;

	memset(&a, 0, sizeof(a));
	if (inet_pton(AF_INET, ip, &a.in.sin_addr) == 1) {
		a.any.sa_family = AF_INET;
		a.in.sin_port = htons(port);
	} else {
		assert_int_equal(inet_pton(AF_INET6, ip, &a.in6.sin6_addr), 1);
		a.any.sa_family = AF_INET6;
		a.in6.sin6_port = htons(port);
	}
	return a;
}

union uring_address numbered_address(unsigned number)
{
	union uring_address a = make_address(number % 2 ? "10.0.0.0" : "2001:db8::", 5061);

	if (number % 2)
		a.in.sin_addr.s_addr = htonl(0x0a000000 + number);
	else
		memcpy(&a.in6.sin6_addr.s6_addr[4], &number, sizeof(number));
	return a;
}
