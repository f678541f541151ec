/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as the beginning of a connection behind a proxy, as they come in piece by piece. */
#include "uring/proxy_header.h"

#include "fuzz.h"

#include <errno.h>

/* The answer for exactly len bytes, so that the sanitizer sees one that is read beside them. */
static ssize_t parse(const uint8_t *data, size_t len, struct uring_proxy_header *h, const char **why)
{
	uint8_t *copy = malloc(len ? len : 1);
	ssize_t rc;

	REQUIRE(copy);
	memcpy(copy, data, len);
	*why = NULL;
	rc = uring_proxy_header_parse(copy, len, h, why);
	free(copy);
	REQUIRE(rc == -EPROTO || (rc >= 0 && (size_t)rc <= len));
	REQUIRE((rc == -EPROTO) == (*why != NULL));
	return rc;
}

static void check_header(const struct uring_proxy_header *h)
{
	static const struct uring_proxy_header none;
	sa_family_t family = h->source.any.sa_family;

	if (h->proxied)
		REQUIRE((family == AF_INET || family == AF_INET6) && h->destination.any.sa_family == family);
	else
		REQUIRE(!memcmp(h, &none, sizeof(none)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct uring_proxy_header h, first;
	const char *why, *first_why = NULL;
	ssize_t answer = 0, rc;

	for (size_t n = 0; n <= len; n++) {
		rc = parse(data, n, &h, &why);
		if (!rc) {
			REQUIRE(!answer && n < URING_PROXY_HEADER_MAX);
			continue;
		}
		if (!answer) {
			/* Complete with its last byte, not later; only errors may have shown before. */
			REQUIRE(rc < 0 || (size_t)rc == n);
			answer = rc;
			first_why = why;
			first = h;
		}
		REQUIRE(rc == answer);
		REQUIRE(rc > 0 ? !memcmp(&h, &first, sizeof(h)) : !strcmp(why, first_why));
	}
	if (answer > 0)
		check_header(&first);
	return 0;
}
