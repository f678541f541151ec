/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring/proxy_header.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

enum {
	TLS_HANDSHAKE = 22,
	SIGNATURE_LEN = 12,
	HEAD_LEN = 16, /* of version 2: signature, version and command, family and transport, length */
	V4_LEN = 2 * 4 + 2 * 2,
	V6_LEN = 2 * 16 + 2 * 2,
};

enum {
	LOCAL = 0x20, /* version 2 in the upper half */
	PROXY = 0x21,
	TCP4 = 0x11,
	TCP6 = 0x21,
};

static const uint8_t signature[SIGNATURE_LEN] = "\r\n\r\n\0\r\nQUIT\n";
static const char prefix[] = "PROXY ";

/* The rest of a version 1 line, without its CRLF. */
struct line_rest {
	const char *p, *end;
};

static ssize_t refuse(const char **why, const char *phrase)
{
	*why = phrase;
	return -EPROTO;
}

/* Whether len bytes match a constant, as far as they go. */
static int begins(const uint8_t *bytes, size_t len, const void *constant, size_t constant_len)
{
	return !memcmp(bytes, constant, len < constant_len ? len : constant_len);
}

static int starts_with(const struct line_rest *t, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(t->end - t->p) >= len && !memcmp(t->p, word, len);
}

/* Takes the next field and the space after it; for the last field, takes all that is left. */
static int take_field(struct line_rest *t, int last, char *field, size_t cap)
{
	const char *end = last ? t->end : memchr(t->p, ' ', (size_t)(t->end - t->p));
	size_t len = end ? (size_t)(end - t->p) : 0;

	if (!len || len >= cap || memchr(t->p, 0, len))
		return -EPROTO;
	memcpy(field, t->p, len);
	field[len] = 0;
	t->p = last ? end : end + 1;
	return 0;
}

static int take_address(struct line_rest *t, int family, union uring_address *a)
{
	char field[INET6_ADDRSTRLEN];
	void *to = family == AF_INET ? (void *)&a->in.sin_addr : (void *)&a->in6.sin6_addr;

	a->any.sa_family = (sa_family_t)family;
	return !take_field(t, 0, field, sizeof(field)) && inet_pton(family, field, to) == 1 ? 0 : -EPROTO;
}

/* The port is at the same offset in both families' addresses. */
static int take_port(struct line_rest *t, int last, union uring_address *a)
{
	char field[sizeof("65535")];
	unsigned port = 0;

	if (take_field(t, last, field, sizeof(field)) || (field[0] == '0' && field[1]))
		return -EPROTO;
	for (const char *p = field; *p; p++) {
		if (*p < '0' || *p > '9')
			return -EPROTO;
		port = port * 10 + (unsigned)(*p - '0');
	}
	if (port > UINT16_MAX)
		return -EPROTO;
	a->in.sin_port = htons((uint16_t)port);
	return 0;
}

static int parse_fields(struct line_rest t, struct uring_proxy_header *h, const char **why)
{
	int family = starts_with(&t, "TCP4 ") ? AF_INET : AF_INET6;

	if (starts_with(&t, "UNKNOWN"))
		return 0;
	if (family == AF_INET6 && !starts_with(&t, "TCP6 "))
		return (int)refuse(why, "bad PROXY header: neither TCP4 nor TCP6 nor UNKNOWN");
	t.p += strlen("TCP4 ");
	if (take_address(&t, family, &h->source) || take_address(&t, family, &h->destination))
		return (int)refuse(why, "bad PROXY header: an address is not one of its family");
	if (take_port(&t, 0, &h->source) || take_port(&t, 1, &h->destination))
		return (int)refuse(why, "bad PROXY header: a port is not a number from 0 to 65535");
	h->proxied = 1;
	return 0;
}

static ssize_t parse_line(const uint8_t *bytes, size_t len, struct uring_proxy_header *h, const char **why)
{
	size_t seen = len < URING_PROXY_LINE_MAX ? len : URING_PROXY_LINE_MAX;
	const uint8_t *cr = memchr(bytes, '\r', seen), *lf = memchr(bytes, '\n', seen);
	const char *text = (const char *)bytes;

	if ((lf && (!cr || cr + 1 != lf)) || (cr && !lf && cr + 1 < bytes + seen))
		return refuse(why, "bad PROXY header: CR and LF do not stand together");
	if (!lf && seen == URING_PROXY_LINE_MAX)
		return refuse(why, "bad PROXY header: the line does not end within 107 bytes");
	if (!lf)
		return 0;
	if (parse_fields((struct line_rest){text + strlen(prefix), (const char *)cr}, h, why))
		return -EPROTO;
	return lf + 1 - bytes;
}

static void read_addresses(const uint8_t *p, int family, struct uring_proxy_header *h)
{
	union uring_address *const ends[] = {&h->source, &h->destination};
	size_t len = family == AF_INET ? 4 : 16;

	for (size_t i = 0; i < 2; i++) {
		union uring_address *a = ends[i];
		void *to = family == AF_INET ? (void *)&a->in.sin_addr : (void *)&a->in6.sin6_addr;

		a->any.sa_family = (sa_family_t)family;
		memcpy(to, p + i * len, len);
		memcpy(&a->in.sin_port, p + 2 * len + i * 2, 2);
	}
	h->proxied = 1;
}

static ssize_t parse_binary(const uint8_t *bytes, size_t len, struct uring_proxy_header *h, const char **why)
{
	size_t rest, needed;

	if (len > 12 && bytes[12] != LOCAL && bytes[12] != PROXY)
		return refuse(why, bytes[12] >> 4 == 2 ? "bad PROXY header: neither LOCAL nor PROXY"
						       : "bad PROXY header: its version is not 2");
	if (len > 13 && bytes[12] == PROXY && bytes[13] != TCP4 && bytes[13] != TCP6)
		return refuse(why, "bad PROXY header: neither TCP over IPv4 nor TCP over IPv6");
	if (len < HEAD_LEN)
		return 0;
	rest = (size_t)bytes[14] << 8 | bytes[15];
	needed = bytes[12] == LOCAL ? 0 : bytes[13] == TCP4 ? V4_LEN : V6_LEN;
	if (rest < needed)
		return refuse(why, "bad PROXY header: it is too short for its addresses");
	if (rest > URING_PROXY_HEADER_MAX - HEAD_LEN)
		return refuse(why, "bad PROXY header: it is longer than 4096 bytes");
	if (len < HEAD_LEN + rest)
		return 0;
	if (needed)
		read_addresses(bytes + HEAD_LEN, bytes[13] == TCP4 ? AF_INET : AF_INET6, h);
	return (ssize_t)(HEAD_LEN + rest);
}

ssize_t uring_proxy_header_parse(
	const uint8_t *bytes, size_t len, struct uring_proxy_header *header, const char **why)
{
	memset(header, 0, sizeof(*header));
	if (!len)
		return 0;
	if (begins(bytes, len, prefix, strlen(prefix)))
		return parse_line(bytes, len, header, why);
	if (begins(bytes, len, signature, sizeof(signature)))
		return parse_binary(bytes, len, header, why);
	return refuse(why, bytes[0] == TLS_HANDSHAKE
				   ? "no PROXY header: the connection begins with TLS"
				   : "no PROXY header: the connection begins with something else");
}
