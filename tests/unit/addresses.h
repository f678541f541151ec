/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses for tests that count or compare them. */
#ifndef UNIT_ADDRESSES_H
#define UNIT_ADDRESSES_H

#include "support.h"

#include "uring/address.h"

/* Of an IPv4 or IPv6 address as inet_pton() takes it. */
union uring_address make_address(const char *ip, uint16_t port);

/* Another host for each number, by turns of IPv4 and of IPv6. */
union uring_address numbered_address(unsigned number);

#endif
