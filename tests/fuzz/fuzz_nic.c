/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a kernel may say about a socket and in /proc/net/tls_stat. The input is both. */
#include "fuzz.h"

#include "ktls/nic.h"

#include <linux/netlink.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);
	uint64_t cookie = 0;
	int rc;

	/* The cookie that the input has itself, where it lies in an answer. */
	if (len >= 68)
		memcpy(&cookie, data + 60, sizeof(cookie));
	rc = ktls_nic_read(data, len, cookie);
	REQUIRE(rc >= -4095 && rc <= (KTLS_NIC_TX | KTLS_NIC_RX));
	REQUIRE(rc < 0 || len > sizeof(struct nlmsghdr));
	REQUIRE(text);
	memcpy(text, data, len);
	text[len] = '\0';
	rc = ktls_nic_was_used(text);
	REQUIRE(rc == 0 || rc == 1);
	free(text);
	return 0;
}
