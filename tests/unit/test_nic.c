/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who works on the records of a connection, as the kernel tells it. What a card works on is made up here, for
 * there is none; EXPECT_KTLS=1 in the environment makes it a failure if this machine's kernel cannot be asked
 * about a connection of its own.
 */
#include "pair.h"

#include "ktls/nic.h"
#include "ktls/sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tls.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COOKIE UINT64_C(0x1122334455667788)

/* An answer, put together in the kernel's order. */
struct answer {
	uint8_t bytes[512];
	size_t len;
};

static void add(struct answer *a, const void *data, size_t len)
{
	memcpy(a->bytes + a->len, data, len);
	a->len += NLMSG_ALIGN(len);
	assert_true(a->len <= sizeof(a->bytes));
}

/* An attribute's head. Returns where it is, for enclose(). */
static size_t begin(struct answer *a, uint16_t type)
{
	const struct nlattr head = {.nla_len = sizeof(head), .nla_type = type};
	size_t at = a->len;

	add(a, &head, sizeof(head));
	return at;
}

/* It has all that was added behind it, of which the last part may be shorter than it takes. */
static void enclose(struct answer *a, size_t at, size_t unused)
{
	uint16_t len = (uint16_t)(a->len - at - unused);

	memcpy(a->bytes + at, &len, sizeof(len));
}

static void add_number(struct answer *a, uint16_t type, uint16_t number)
{
	size_t at = begin(a, type);

	add(a, &number, sizeof(number));
	enclose(a, at, 2);
}

static void finish(struct answer *a)
{
	uint32_t len = (uint32_t)a->len;

	memcpy(a->bytes, &len, sizeof(len));
}

/* Up to the first attribute. */
static struct answer begin_answer(uint16_t type)
{
	const struct nlmsghdr head = {.nlmsg_type = type, .nlmsg_seq = (uint32_t)COOKIE};
	const uint64_t cookie = COOKIE;
	struct inet_diag_msg msg = {.idiag_family = AF_INET, .idiag_state = 1};
	struct answer a = {.len = 0};

	memcpy(msg.id.idiag_cookie, &cookie, sizeof(cookie));
	add(&a, &head, sizeof(head));
	add(&a, &msg, sizeof(msg));
	return a;
}

static struct answer answer_about(uint16_t tx, uint16_t rx)
{
	struct answer a = begin_answer(SOCK_DIAG_BY_FAMILY);
	size_t other = begin(&a, INET_DIAG_SHUTDOWN), ulp, name, tls;

	add(&a, "", 1);
	enclose(&a, other, 3);
	ulp = begin(&a, INET_DIAG_ULP_INFO | NLA_F_NESTED);
	name = begin(&a, INET_ULP_INFO_NAME);
	add(&a, "tls", 4);
	enclose(&a, name, 0);
	tls = begin(&a, INET_ULP_INFO_TLS);
	add_number(&a, TLS_INFO_VERSION, TLS_1_2_VERSION);
	add_number(&a, TLS_INFO_TXCONF, tx);
	add_number(&a, TLS_INFO_RXCONF, rx);
	enclose(&a, tls, 0);
	enclose(&a, ulp, 0);
	finish(&a);
	return a;
}

/* In memory that ends where it does, so that a checker of memory sees who reads on. */
static int read_exactly(const struct answer *a, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, a->bytes, len);
	rc = ktls_nic_read(copy, len, COOKIE);
	free(copy);
	return rc;
}

static void test_directions(void **state)
{
	static const struct {
		uint16_t tx, rx;
		int expected;
	} cases[] = {
		{TLS_CONF_SW, TLS_CONF_SW, 0},
		{TLS_CONF_BASE, TLS_CONF_BASE, 0},
		{TLS_CONF_HW, TLS_CONF_SW, KTLS_NIC_TX},
		{TLS_CONF_SW, TLS_CONF_HW, KTLS_NIC_RX},
		{TLS_CONF_HW, TLS_CONF_HW, KTLS_NIC_TX | KTLS_NIC_RX},
		{0, 0xffff, 0},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct answer a = answer_about(cases[i].tx, cases[i].rx);

		assert_int_equal(read_exactly(&a, a.len), cases[i].expected);
	}
}

/* The message says how long it is, or only the kernel does. */
static void test_cut(void **state)
{
	struct answer a = answer_about(TLS_CONF_HW, TLS_CONF_HW);

	(void)state;
	for (uint32_t len = 0; len < a.len; len++) {
		struct answer cut = a;

		assert_int_equal(read_exactly(&cut, len), -EBADMSG);
		memcpy(cut.bytes, &len, sizeof(len));
		assert_true(read_exactly(&cut, a.len) == -EBADMSG || read_exactly(&cut, a.len) == -ENODATA);
		if (len >= sizeof(struct nlmsghdr))
			assert_true(read_exactly(&cut, len) < 0);
	}
}

/* Any two bytes may be an attribute's length. */
static void test_wrong_lengths(void **state)
{
	static const uint16_t lengths[] = {0, 1, 3, 5, 7, 0x7fff, 0xffff};
	const size_t first = sizeof(struct nlmsghdr) + sizeof(struct inet_diag_msg);
	const struct answer a = answer_about(TLS_CONF_HW, TLS_CONF_HW);

	(void)state;
	for (size_t at = first; at < a.len; at += 4)
		for (unsigned i = 0; i < COUNT(lengths); i++) {
			struct answer wrong = a;
			int rc;

			memcpy(wrong.bytes + at, &lengths[i], sizeof(lengths[i]));
			rc = read_exactly(&wrong, a.len);
			assert_true(rc == -EBADMSG || rc == -ENODATA ||
				    (rc >= 0 && rc <= (KTLS_NIC_TX | KTLS_NIC_RX)));
			if (at == first && (lengths[i] < 4 || lengths[i] > a.len - first))
				assert_int_equal(rc, -EBADMSG);
		}
}

static void test_untold(void **state)
{
	struct answer a = begin_answer(SOCK_DIAG_BY_FAMILY);
	size_t ulp, name;

	(void)state;
	finish(&a);
	assert_int_equal(read_exactly(&a, a.len), -ENODATA);
	ulp = begin(&a, INET_DIAG_ULP_INFO);
	name = begin(&a, INET_ULP_INFO_NAME);
	add(&a, "mptcp", 6);
	enclose(&a, name, 2);
	enclose(&a, ulp, 0);
	finish(&a);
	assert_int_equal(read_exactly(&a, a.len), -ENODATA);
}

static void test_not_ours(void **state)
{
	struct answer a = answer_about(TLS_CONF_HW, TLS_CONF_HW);

	(void)state;
	assert_int_equal(ktls_nic_read(a.bytes, a.len, COOKIE + 1), -ESTALE);
	/* The number of the question is a part of the cookie only. */
	assert_int_equal(ktls_nic_read(a.bytes, a.len, COOKIE ^ UINT64_C(1) << 40), -ESTALE);
	a = begin_answer(SOCK_DIAG_BY_FAMILY + 1);
	finish(&a);
	assert_int_equal(read_exactly(&a, a.len), -EBADMSG);
}

static struct answer refusal(int error)
{
	const struct nlmsghdr head = {.nlmsg_type = NLMSG_ERROR, .nlmsg_seq = (uint32_t)COOKIE};
	struct answer a = {.len = 0};

	add(&a, &head, sizeof(head));
	add(&a, &error, sizeof(error));
	finish(&a);
	return a;
}

static void test_refusals(void **state)
{
	static const int errors[] = {-ENOENT, -EPERM, -4095}, none[] = {0, 1, -4096, INT32_MIN};
	struct answer a = refusal(-ENOENT);

	(void)state;
	for (unsigned i = 0; i < COUNT(errors); i++) {
		a = refusal(errors[i]);
		assert_int_equal(read_exactly(&a, a.len), errors[i]);
	}
	for (unsigned i = 0; i < COUNT(none); i++) {
		a = refusal(none[i]);
		assert_int_equal(read_exactly(&a, a.len), -EBADMSG);
	}
	a.bytes[0] = sizeof(struct nlmsghdr);
	assert_int_equal(read_exactly(&a, a.len), -EBADMSG);
}

static void test_count(void **state)
{
	static const struct {
		const char *text;
		int used;
	} cases[] = {
		{"", 0},
		{"TlsCurrTxSw \t1\nTlsTxSw \t2\nTlsTxDevice \t0\nTlsRxDevice \t0\n", 0},
		{"TlsTxSw \t2\nTlsTxDevice \t1\nTlsRxDevice \t0\n", 1},
		{"TlsTxSw \t2\nTlsTxDevice \t0\nTlsRxDevice \t12", 1},
		{"TlsRxDeviceResync \t5\nTlsCurrTxDevice \t1\n", 0},
		{"TlsTxDevice", 0},
		{"TlsTxDevice \t", 0},
		{"TlsTxDevice \tmany\n\nTlsRxDevice 1\n", 1},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++)
		assert_int_equal(ktls_nic_was_used(cases[i].text), cases[i].used);
}

/* A kernel made of paper, for a real connection: its answers to one question, a failure as a length. */
static struct {
	struct answer answers[3];
	ssize_t rc[3];
	unsigned given;
	int send_errno;
} paper;

static ssize_t paper_send(int fd, const void *buf, size_t len, int flags)
{
	(void)fd;
	(void)buf;
	(void)flags;
	errno = paper.send_errno;
	return paper.send_errno ? -1 : (ssize_t)len;
}

/* Whoever is asked about, the answers are about that. */
static ssize_t paper_recv(int fd, void *buf, size_t len, int flags)
{
	const struct answer *a = &paper.answers[paper.given];
	ssize_t rc = paper.rc[paper.given++];

	(void)fd;
	(void)flags;
	assert_true(paper.given <= COUNT(paper.answers) && a->len <= len);
	memcpy(buf, a->bytes, a->len);
	errno = (int)-rc;
	return rc < 0 ? -1 : (ssize_t)a->len;
}

static void address_to(struct answer *a, int fd)
{
	const size_t at = sizeof(struct nlmsghdr) + offsetof(struct inet_diag_msg, id.idiag_cookie);
	uint64_t cookie;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	memcpy(a->bytes + offsetof(struct nlmsghdr, nlmsg_seq), &cookie, 4);
	if (a->len > at + sizeof(cookie))
		memcpy(a->bytes + at, &cookie, sizeof(cookie));
}

static int ask_paper(int fd)
{
	const struct ktls_sys real = ktls_sys;
	int rc;

	paper.given = 0;
	ktls_sys.send = paper_send;
	ktls_sys.recv = paper_recv;
	rc = ktls_nic_ask(-1, fd);
	ktls_sys = real;
	return rc;
}

static void test_asking(void **state)
{
	const struct linger now = {.l_onoff = 1};
	struct answer none = refusal(-ENOENT), other = answer_about(TLS_CONF_SW, TLS_CONF_SW),
		      card = answer_about(TLS_CONF_HW, TLS_CONF_SW);
	struct pair p;

	(void)state;
	pair_open(&p, TLS1_2_VERSION, KTLS_AES_128_GCM);
	address_to(&card, p.b);
	address_to(&none, p.b);
	memset(&paper, 0, sizeof(paper));
	paper.answers[0] = other; /* an answer that nobody waited for */
	paper.answers[1] = card;
	assert_int_equal(ask_paper(p.b), KTLS_NIC_TX);
	assert_int_equal(paper.given, 2);
	paper.rc[1] = -EAGAIN;
	assert_int_equal(ask_paper(p.b), -EAGAIN);
	paper.send_errno = EPERM;
	assert_int_equal(ask_paper(p.b), -EPERM);
	paper.send_errno = 0;
	paper.answers[0] = none;
	assert_int_equal(ask_paper(p.b), -EPROTONOSUPPORT);
	assert_int_equal(setsockopt(p.a, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(p.a);
	assert_int_equal(ask_paper(p.b), -ENOENT);
	close(p.b);
}

/* The end of a connection over loopback to address; the other is in *peer. */
static int connection(const char *address, int *peer)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	socklen_t len = sizeof(a);
	int off = 0, listener = socket(AF_INET6, SOCK_STREAM, 0), fd;

	assert_int_equal(setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	assert_int_equal(inet_pton(AF_INET6, address, &a.sin6_addr), 1);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	*peer = socket(AF_INET6, SOCK_STREAM, 0);
	assert_int_equal(setsockopt(*peer, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	assert_int_equal(connect(*peer, (struct sockaddr *)&a, len), 0);
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	close(listener);
	return fd;
}

static int is_promised(void)
{
	const char *expect = getenv("EXPECT_KTLS");

	return expect && !strcmp(expect, "1");
}

static int family_of(int fd)
{
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&local, &len), 0);
	return local.ss_family;
}

/*
 * A socket without keys has no such thing; one that has is this kernel's own work. Linux 5.10 forgets that it
 * is one for IPv6.
 */
static void check_real(int questions, int fd)
{
	const struct ktls_key k = make_key(TLS1_2_VERSION, KTLS_AES_128_GCM, 1);
	int family = family_of(fd);

	assert_int_equal(ktls_nic_ask(questions, fd), -ENODATA);
	if (!is_promised())
		return;
	assert_int_equal(ktls_kernel_install(fd, &k, &k, 0), 0);
	assert_int_equal(ktls_nic_ask(questions, fd), family_of(fd) == family ? 0 : -ENODATA);
}

static void test_real(void **state)
{
	static const char *const addresses[] = {"::ffff:127.0.0.1", "::1"};
	int questions = ktls_nic_open(), peer, fd, rc;
	struct pair p;

	(void)state;
	pair_open(&p, TLS1_2_VERSION, KTLS_AES_128_GCM);
	rc = questions < 0 ? questions : ktls_nic_ask(questions, p.b);
	if (rc != -ENODATA && !is_promised()) {
		print_message("this kernel cannot be asked: %s\n", strerror(-rc));
		pair_close(&p);
		skip();
	}
	check_real(questions, p.b);
	close(p.a);
	close(p.b);
	for (unsigned i = 0; i < COUNT(addresses); i++) {
		fd = connection(addresses[i], &peer);
		check_real(questions, fd);
		close(fd);
		close(peer);
	}
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(ktls_nic_ask(questions, fd), -ENOENT);
	close(fd);
	close(questions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directions),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_wrong_lengths),
		cmocka_unit_test(test_untold),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_asking),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
