/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The texts of the key log's parameters: where keys are sent, and of which peers. */
#ifndef SER_SHARED_KEY_LOG_H
#define SER_SHARED_KEY_LOG_H

#include "uring/address.h"

/* Reads "udp:<ip>:<port>" or "udp:[<ipv6>]:<port>". Returns 0 or -EINVAL. */
int key_log_peer(const char *text, union uring_address *peer);

/*
 * Whether a list of addresses and networks ("192.0.2.7, 2001:db8::/32") has the address; NULL only checks
 * the text. Returns 1 or 0, or -EINVAL if the text is not such a list.
 */
int key_log_has(const char *networks, const union uring_address *address);

#endif
