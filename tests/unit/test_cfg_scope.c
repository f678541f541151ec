/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values for one address: which spellings are taken, which are refused, and which connections are meant. */
#include "support.h"

#include "cfg/scope.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static union address address(const char *ip, uint16_t port)
{
	union address a;

	memset(&a, 0, sizeof(a));
	if (inet_pton(AF_INET, ip, &a.in.sin_addr) == 1) {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(port);
		return a;
	}
	assert_int_equal(inet_pton(AF_INET6, ip, &a.in6.sin6_addr), 1);
	a.in6.sin6_family = AF_INET6;
	a.in6.sin6_port = htons(port);
	return a;
}

static struct cfg_scope parse(const char *text, const char *expected)
{
	struct cfg_scope scope;
	struct cfg_error e = {.text = "nothing"};
	const char *value = NULL;

	memset(&scope, 0xa5, sizeof(scope));
	if (cfg_parse_scope("ktls", text, &scope, &value, &e))
		fail_msg("'%s' is refused: %s", text, e.text);
	assert_non_null(value);
	assert_string_equal(value, expected);
	/* A part of the text, not a copy. */
	assert_true(value >= text && value <= text + strlen(text));
	return scope;
}

static int has(const struct cfg_scope *scope, const char *ip, uint16_t port)
{
	union address a = address(ip, port);

	return cfg_scope_has(scope, &a.any);
}

static void test_everywhere(void **state)
{
	static const char *const texts[] = {"0", "", "maybe", "127.0.0.1:5061", "[::1]:5061", "a:b:c"};

	(void)state;
	for (unsigned i = 0; i < COUNT(texts); i++) {
		struct cfg_scope scope = parse(texts[i], texts[i]);

		assert_int_equal(scope.address.any.sa_family, AF_UNSPEC);
		assert_true(has(&scope, "127.0.0.1", 5061));
		assert_true(has(&scope, "::1", 1));
	}
}

static void test_one_address(void **state)
{
	static const struct {
		const char *text, *value, *ip;
		uint16_t port;
	} good[] = {
		{"127.0.0.1:5061=0", "0", "127.0.0.1", 5061},
		{"255.255.255.255:65535=yes", "yes", "255.255.255.255", 65535},
		{"0.0.0.0:1=0", "0", "0.0.0.0", 1},
		{"[::1]:5061=0", "0", "::1", 5061},
		{"[2001:db8::1]:65535=off", "off", "2001:db8::1", 65535},
		{"[2001:0db8:0000:0000:0000:0000:0000:0001]:5061=0", "0", "2001:db8::1", 5061},
		{"[0000:0000:0000:0000:0000:ffff:192.168.100.200]:5061=0", "0", "::ffff:192.168.100.200",
			5061},
		/* The value is the caller's business. */
		{"127.0.0.1:5061=", "", "127.0.0.1", 5061},
		{"127.0.0.1:5061=a=b", "a=b", "127.0.0.1", 5061},
		{"127.0.0.1:5061=[::1]:1=2", "[::1]:1=2", "127.0.0.1", 5061},
		{"127.0.0.1:5061= 0 ", " 0 ", "127.0.0.1", 5061},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(good); i++) {
		struct cfg_scope scope = parse(good[i].text, good[i].value);

		assert_true(has(&scope, good[i].ip, good[i].port));
		assert_false(has(&scope, good[i].ip, (uint16_t)(good[i].port ^ 1)));
		assert_false(has(&scope, "127.0.0.2", good[i].port));
		assert_false(has(&scope, "::2", good[i].port));
	}
}

/* Bytes of an IPv6 address that look like an IPv4 one, and the other way round. */
static void test_families_stay_apart(void **state)
{
	struct cfg_scope v4 = parse("127.0.0.1:5061=0", "0"), v6 = parse("[::1]:5061=0", "0");
	struct cfg_scope any = parse("0.0.0.0:5061=0", "0"), any6 = parse("[::]:5061=0", "0");

	(void)state;
	assert_false(has(&v4, "::ffff:127.0.0.1", 5061));
	assert_false(has(&v4, "::127.0.0.1", 5061));
	assert_false(has(&v6, "0.0.0.1", 5061));
	/* The wildcard is an address like others. */
	assert_false(has(&any, "::", 5061));
	assert_false(has(&any6, "0.0.0.0", 5061));
	assert_false(has(&any, "127.0.0.1", 5061));
	/* Every byte counts. */
	assert_false(has(&v4, "127.0.1.1", 5061));
	assert_false(has(&v6, "8000::1", 5061));
}

static void assert_refused(const char *text)
{
	struct cfg_scope scope = {.address.any.sa_family = AF_APPLETALK};
	struct cfg_error e = {.text = ""};
	const char *value = "untouched";

	if (cfg_parse_scope("ktls", text, &scope, &value, &e) != -1)
		fail_msg("'%s' is taken", text);
	assert_int_equal(scope.address.any.sa_family, AF_APPLETALK);
	assert_string_equal(value, "untouched");
	assert_true(memchr(e.text, '\0', sizeof(e.text)) != NULL);
	assert_int_equal(strncmp(e.text, "ktls: ", 6), 0);
	assert_non_null(strstr(e.text, strlen(text) < 100 ? text : "aaaa"));
	for (const char *p = e.text; *p; p++)
		assert_false(iscntrl((unsigned char)*p));
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"=",
		"=0",
		":=0",
		":5061=0",
		"127.0.0.1=0",
		"127.0.0.1:=0",
		"127.0.0.1:0=0",
		"127.0.0.1:65536=0",
		"127.0.0.1:99999=0",
		"127.0.0.1:655350=0",
		"127.0.0.1:4294972357=0",
		"127.0.0.1:-1=0",
		"127.0.0.1:sips=0",
		"127.0.0.1:5061x=0",
		"127.0.0.1:5061 =0",
		"127.0.0.1:0x50=0",
		"127.0.0.1::5061=0",
		"127.0.0:5061=0",
		"127.0.0.1.1:5061=0",
		"127.0.0.256:5061=0",
		" 127.0.0.1:5061=0",
		"tls:127.0.0.1:5061=0",
		"localhost:5061=0",
		"*:5061=0",
		"x:5061=0",
		"::1:5061=0",
		"[::1]=0",
		"[::1]:=0",
		"[::1]:0=0",
		"[::1]:65536=0",
		"[::1:5061=0",
		"::1]:5061=0",
		"[]:5061=0",
		"[:5061=0",
		"[127.0.0.1]:5061=0",
		"[::1%lo]:5061=0",
		"[[::1]]:5061=0",
		"[::1] :5061=0",
		"[::1]x:5061=0",
		"[1:2:3:4:5:6:7:8:9]:5061=0",
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++)
		assert_refused(bad[i]);
}

/* Longer than anything that could be right, at every place; also just longer than the buffers inside. */
static void test_long_ones(void **state)
{
	static char text[70000];

	(void)state;
	for (size_t len = 40; len < sizeof(text) - 20; len = len < 60 ? len + 1 : len * 4) {
		memset(text, 'a', len);
		strcpy(text + len, ":5061=0");
		assert_refused(text);
		text[0] = '[';
		text[len - 1] = ']';
		assert_refused(text);
		strcpy(text, "127.0.0.1:");
		memset(text + strlen(text), 'a', len);
		strcpy(text + len, "=0");
		assert_refused(text);
	}
	/* A long value is none of ours. */
	memset(text, 'v', sizeof(text) - 1);
	memcpy(text, "127.0.0.1:5061=", 15);
	parse(text, text + 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everywhere),
		cmocka_unit_test(test_one_address),
		cmocka_unit_test(test_families_stay_apart),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long_ones),
	};

	return cmocka_run_group_tests_name("cfg_scope", tests, NULL, NULL);
}
