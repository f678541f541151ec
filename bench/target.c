/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int option_number(const char *name, const char *text, int low, int high)
{
	char *end;

	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < low || value > high)
		errx(EXIT_USAGE, "%s must be a number from %d to %d, not '%s'.", name, low, high, text);
	return (int)value;
}

static bool is_loopback(const struct sockaddr_storage *to)
{
	if (to->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)to)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)to)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool set_address(struct options *o, const char *host, bool bracketed, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&o->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&o->to;

	if (bracketed && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		o->to_length = sizeof(*v6);
		return true;
	}
	if (!bracketed && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		o->to_length = sizeof(*v4);
		return true;
	}
	return false;
}

void target_parse(struct options *o, const char *text)
{
	char host[INET6_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	bool bracketed = text[0] == '[';
	const char *start = text + bracketed;
	const char *end = bracketed ? strchr(text, ']') : colon;

	if (!colon || !end || (bracketed && colon != end + 1) || (size_t)(end - start) >= sizeof(host))
		errx(EXIT_USAGE, "--to must read like 127.0.0.1:5061 or [::1]:5061, not '%s'.", text);
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	int port = option_number("the port of --to", colon + 1, 1, 65535);
	if (!set_address(o, host, bracketed, (uint16_t)port))
		errx(EXIT_USAGE,
			"--to must hold a numeric IPv4 address or an IPv6 address in brackets, not '%s'.",
			text);
	if (!is_loopback(&o->to))
		errx(EXIT_USAGE, "--to must be a loopback address (127.0.0.0/8 or ::1), '%s' is not.", text);
	snprintf(o->to_text, sizeof(o->to_text), bracketed ? "[%s]:%d" : "%s:%d", host, port);
}
