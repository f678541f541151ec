/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PROXY headers: what is one, where it ends, what it says. */
#include "support.h"

#include "uring/proxy_header.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(s)   s, sizeof(s) - 1
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define FOUR      "\xc0\x00\x02\x01\xc6\x33\x64\x02\xe3\x9b\x13\xc5" /* 192.0.2.1:58267 to 198.51.100.2:5061 */
#define SIX                                                                                                  \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\xe3\x9b\x13"   \
	"\xc5"
#define LONGEST "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

struct good {
	const char *bytes;
	size_t len;
	int family; /* 0: not proxied */
	const char *source, *destination;
	uint16_t source_port, destination_port;
};

static const struct good goods[] = {
	{TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 58267 5061\r\n"), AF_INET, "192.0.2.1", "198.51.100.2",
		58267, 5061},
	{TEXT("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), AF_INET, "255.255.255.255",
		"255.255.255.255", 65535, 65535},
	{TEXT("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), AF_INET, "0.0.0.0", "0.0.0.0", 0, 0},
	{TEXT("PROXY TCP6 2001:db8::1 2001:db8::2 58267 5061\r\n"), AF_INET6, "2001:db8::1", "2001:db8::2",
		58267, 5061},
	{TEXT("PROXY TCP6 " LONGEST " " LONGEST " 65535 65535\r\n"), AF_INET6, LONGEST, LONGEST, 65535,
		65535},
	{TEXT("PROXY TCP6 2001:DB8::A ::ffff:192.0.2.1 1 2\r\n"), AF_INET6, "2001:db8::a", "::ffff:192.0.2.1",
		1, 2},
	{.bytes = TEXT("PROXY UNKNOWN\r\n")},
	{.bytes = TEXT("PROXY UNKNOWN " LONGEST " " LONGEST " 65535 65535\r\n")}, /* 107 bytes */
	{.bytes = TEXT("PROXY UNKNOWN anything\0at all\r\n")},
	{TEXT(SIGNATURE "\x21\x11\x00\x0c" FOUR), AF_INET, "192.0.2.1", "198.51.100.2", 58267, 5061},
	{TEXT(SIGNATURE "\x21\x21\x00\x24" SIX), AF_INET6, "2001:db8::1", "2001:db8::2", 58267, 5061},
	/* With extensions: one that is well-formed, and bytes that are not. */
	{TEXT(SIGNATURE "\x21\x11\x00\x11" FOUR "\x04\x00\x02\xaa\xbb"), AF_INET, "192.0.2.1", "198.51.100.2",
		58267, 5061},
	{TEXT(SIGNATURE "\x21\x21\x00\x26" SIX "\x01\xff"), AF_INET6, "2001:db8::1", "2001:db8::2", 58267,
		5061},
	/* The family of LOCAL is ignored, and its bytes are skipped. */
	{.bytes = TEXT(SIGNATURE "\x20\x00\x00\x00")},
	{.bytes = TEXT(SIGNATURE "\x20\x11\x00\x0c" FOUR)},
	{.bytes = TEXT(SIGNATURE "\x20\xff\x00\x01?")},
};

/* The parser's answer for exactly these bytes: one read beside them is seen by the sanitizer. */
static ssize_t parse(const char *bytes, size_t len, struct uring_proxy_header *h, const char **why)
{
	uint8_t *copy = malloc(len ? len : 1);
	ssize_t rc;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	*why = NULL;
	rc = uring_proxy_header_parse(copy, len, h, why);
	free(copy);
	return rc;
}

static void check_end(const union uring_address *a, int family, const char *address, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];
	const void *from =
		family == AF_INET ? (const void *)&a->in.sin_addr : (const void *)&a->in6.sin6_addr;

	assert_int_equal(a->any.sa_family, family);
	assert_string_equal(inet_ntop(family, from, text, sizeof(text)), address);
	assert_int_equal(ntohs(family == AF_INET ? a->in.sin_port : a->in6.sin6_port), port);
}

static void check_good(const struct good *g, const struct uring_proxy_header *h)
{
	assert_int_equal(h->proxied, g->family != 0);
	if (!g->family) {
		assert_zero(h, sizeof(*h));
		return;
	}
	check_end(&h->source, g->family, g->source, g->source_port);
	check_end(&h->destination, g->family, g->destination, g->destination_port);
}

static void test_good(void **state)
{
	static const char hello[] = "\x16\x03\x01\x02\x00\r\n";
	struct uring_proxy_header h;
	const char *why;

	(void)state;
	for (unsigned i = 0; i < COUNT(goods); i++) {
		const struct good *g = &goods[i];
		char more[256];

		for (size_t len = 0; len < g->len; len++)
			assert_int_equal(parse(g->bytes, len, &h, &why), 0);
		assert_int_equal(parse(g->bytes, g->len, &h, &why), g->len);
		check_good(g, &h);
		memcpy(more, g->bytes, g->len);
		memcpy(more + g->len, hello, sizeof(hello));
		assert_int_equal(parse(more, g->len + sizeof(hello), &h, &why), g->len);
		check_good(g, &h);
	}
}

#define LINE(s) TEXT("PROXY " s "\r\n")
#define TYPE    "bad PROXY header: neither TCP4 nor TCP6 nor UNKNOWN"
#define ADDRESS "bad PROXY header: an address is not one of its family"
#define PORT    "bad PROXY header: a port is not a number from 0 to 65535"
#define ENDS    "bad PROXY header: CR and LF do not stand together"
#define LONG    "bad PROXY header: the line does not end within 107 bytes"
#define VERSION "bad PROXY header: its version is not 2"
#define COMMAND "bad PROXY header: neither LOCAL nor PROXY"
#define FAMILY  "bad PROXY header: neither TCP over IPv4 nor TCP over IPv6"
#define SHORT   "bad PROXY header: it is too short for its addresses"
#define LARGE   "bad PROXY header: it is longer than 4096 bytes"
#define OTHER   "no PROXY header: the connection begins with something else"

static const struct {
	const char *bytes;
	size_t len;
	const char *why;
} bads[] = {
	{TEXT("\x16"), "no PROXY header: the connection begins with TLS"},
	{TEXT("\x16\x03\x01\x02"), "no PROXY header: the connection begins with TLS"},
	{TEXT("G"), OTHER},
	{TEXT("\0"), OTHER},
	{TEXT("PROXX"), OTHER},
	{TEXT("PROXY\r\n"), OTHER},
	{TEXT("PROXYTCP4"), OTHER},
	{TEXT("proxy "), OTHER},
	{TEXT("\r\n\r\n\r"), OTHER},
	{TEXT("\r\n\r\n\0\r\nQUIT\r"), OTHER},
	{LINE(""), TYPE},
	{LINE(" TCP4 192.0.2.1 198.51.100.2 58267 5061"), TYPE},
	{LINE("TCP5 192.0.2.1 198.51.100.2 58267 5061"), TYPE},
	{LINE("TCP 192.0.2.1 198.51.100.2 58267 5061"), TYPE},
	{LINE("UDP4 192.0.2.1 198.51.100.2 58267 5061"), TYPE},
	{LINE("unknown"), TYPE},
	{LINE("TCP4"), TYPE},
	{LINE("TCP4 "), ADDRESS},
	{LINE("TCP4 192.0.2.1"), ADDRESS},
	{LINE("TCP4  192.0.2.1 198.51.100.2 58267 5061"), ADDRESS},
	{LINE("TCP4 192.0.2.1  198.51.100.2 58267 5061"), ADDRESS},
	{LINE("TCP4 192.0.2 198.51.100.2 58267 5061"), ADDRESS},
	{LINE("TCP4 192.0.2.256 198.51.100.2 58267 5061"), ADDRESS},
	{LINE("TCP4 192.0.2.01 198.51.100.2 58267 5061"), ADDRESS},
	{LINE("TCP4 2001:db8::1 198.51.100.2 58267 5061"), ADDRESS},
	{LINE("TCP4 192.0.2.1\0 198.51.100.2 58267 5061"), ADDRESS},
	{LINE("TCP6 2001:db8::1 198.51.100.2 58267 5061"), ADDRESS},
	{LINE("TCP6 2001:db8::1::2 2001:db8::2 58267 5061"), ADDRESS},
	{LINE("TCP6 2001:db8::1%lo 2001:db8::2 58267 5061"), ADDRESS},
	{LINE("TCP6 0000000000000000000000000000000000000000000000 :: 1 2"), ADDRESS},
	{LINE("TCP4 192.0.2.1 198.51.100.2"), ADDRESS},
	{LINE("TCP4 192.0.2.1 198.51.100.2 "), PORT},
	{LINE("TCP4 192.0.2.1 198.51.100.2 58267"), PORT},
	{LINE("TCP4 192.0.2.1 198.51.100.2 58267 "), PORT},
	{LINE("TCP4 192.0.2.1 198.51.100.2 58267 5061 "), PORT},
	{LINE("TCP4 192.0.2.1 198.51.100.2 58267 5061 1"), PORT},
	{LINE("TCP4 192.0.2.1 198.51.100.2  58267 5061"), PORT},
	{LINE("TCP4 192.0.2.1 198.51.100.2 65536 5061"), PORT},
	{LINE("TCP4 192.0.2.1 198.51.100.2 058267 5061"), PORT},
	{LINE("TCP4 192.0.2.1 198.51.100.2 00 5061"), PORT},
	{LINE("TCP4 192.0.2.1 198.51.100.2 +1 5061"), PORT},
	{LINE("TCP4 192.0.2.1 198.51.100.2 -1 5061"), PORT},
	{LINE("TCP4 192.0.2.1 198.51.100.2 58267 0x1"), PORT},
	{LINE("TCP4 192.0.2.1 198.51.100.2 58267 5061\0"), PORT},
	{TEXT("PROXY UNKNOWN\n"), ENDS},
	{TEXT("PROXY UNKNOWN\rx"), ENDS},
	{TEXT("PROXY UNKNOWN\r\r"), ENDS},
	{TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 58267 5061\n"), ENDS},
	{TEXT("PROXY UNKNOWN " LONGEST " " LONGEST " 65535 65535  "), LONG},
	{TEXT("PROXY UNKNOWN " LONGEST " " LONGEST " 65535 65535 \r"), LONG},
	{TEXT(SIGNATURE "\x11"), VERSION},
	{TEXT(SIGNATURE "\x31"), VERSION},
	{TEXT(SIGNATURE "\x01"), VERSION},
	{TEXT(SIGNATURE "\x22"), COMMAND},
	{TEXT(SIGNATURE "\x2f"), COMMAND},
	{TEXT(SIGNATURE "\x21\x00"), FAMILY}, /* UNSPEC */
	{TEXT(SIGNATURE "\x21\x10"), FAMILY},
	{TEXT(SIGNATURE "\x21\x12"), FAMILY}, /* UDP */
	{TEXT(SIGNATURE "\x21\x22"), FAMILY},
	{TEXT(SIGNATURE "\x21\x31"), FAMILY}, /* AF_UNIX */
	{TEXT(SIGNATURE "\x21\x41"), FAMILY},
	{TEXT(SIGNATURE "\x21\x11\x00\x00"), SHORT},
	{TEXT(SIGNATURE "\x21\x11\x00\x0b"), SHORT},
	{TEXT(SIGNATURE "\x21\x21\x00\x23"), SHORT},
	{TEXT(SIGNATURE "\x21\x11\x0f\xf1"), LARGE},
	{TEXT(SIGNATURE "\x20\x00\xff\xff"), LARGE},
};

/* Refused as soon as it is clear, and whatever follows. */
static void test_bad(void **state)
{
	struct uring_proxy_header h;
	const char *why;

	(void)state;
	for (unsigned i = 0; i < COUNT(bads); i++) {
		size_t len = bads[i].len;
		char more[256] = "";

		if (parse(bads[i].bytes, len, &h, &why) != -EPROTO)
			fail_msg("bad header %u is none for the parser", i);
		assert_string_equal(why, bads[i].why);
		memcpy(more, bads[i].bytes, len);
		memcpy(more + len, "\r\n", 2);
		assert_int_equal(parse(more, len + 2, &h, &why), -EPROTO);
		assert_string_equal(why, bads[i].why);
	}
}

/* As long as a header may be: every byte counts. */
static void test_longest(void **state)
{
	static char bytes[URING_PROXY_HEADER_MAX + 1] = SIGNATURE "\x21\x11\x0f\xf0" FOUR;
	struct uring_proxy_header h;
	const char *why;

	(void)state;
	assert_int_equal(parse(bytes, URING_PROXY_HEADER_MAX - 1, &h, &why), 0);
	assert_int_equal(parse(bytes, URING_PROXY_HEADER_MAX, &h, &why), URING_PROXY_HEADER_MAX);
	assert_int_equal(parse(bytes, URING_PROXY_HEADER_MAX + 1, &h, &why), URING_PROXY_HEADER_MAX);
	check_end(&h.source, AF_INET, "192.0.2.1", 58267);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests_name("proxy_header", tests, NULL, NULL);
}
