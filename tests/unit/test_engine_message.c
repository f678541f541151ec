/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a supervisor believes of what its engine says: every message that it may send, and nothing else. */
#include "addresses.h"
#include "folder.h"
#include "sets.h"

#include "ser/shared/log.h"
#include "ser/supervisor/message_check.h"
#include "uring/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LISTENERS = 3,
	ORDER = 7, /* that the engine has */
	HEAD = offsetof(struct message_established, snapshot),
	FACTS = HEAD + offsetof(struct snapshot, data),
};

/* What a snapshot holds; the texts with their NULs, then certificates of 3, 2 and 4 bytes. */
static const char data[] = "TLSv1.3\0TLS_AES\0about\0sip.example\0x25519\0sip"
			   "abc"
			   "\2\0\0\0de\4\0\0\0fghi";
enum {
	CIPHER = 8,
	DESCRIPTION = 16,
	SERVER_NAME = 22,
	GROUP = 34,
	ALPN = 41,
	PEER = 44,
	CHAIN = 47,
	DATA = sizeof(data) - 1,
	SIZE = FACTS + DATA,
};

static struct cfg_set *set;
static uint32_t server_domain, client_domain;
static int tcp, pair[2];
static union engine_message m;

static int has_order(const struct engine_process *p, uint32_t order)
{
	assert_null(p);
	return order == ORDER;
}

static struct engine_message_limits limits = {
	.listeners = LISTENERS, .on_the_way = 1, .has_order = has_order};

static const char *check(size_t size, int fd)
{
	const int fds[] = {fd, -1};

	return engine_message_check(&m, size, fds, &limits);
}

static const int no_fds[] = {-1, -1};

static const char *check_plain(size_t size)
{
	return engine_message_check(&m, size, no_fds, &limits);
}

/* A socket as engines hand it over. */
static int make_socket(int domain, int type)
{
	int fd = socket(domain, type | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	return fd;
}

static int set_up(void **state)
{
	struct identity id = make_identity("EC", "sip.example", NULL);

	(void)state;
	sets_open_folder();
	folder_add_identity("cert.pem", &id);
	free_identity(&id);
	set = set_of("[server:default]\ncertificate=cert.pem\n[client:default]\n");
	limits.set = set;
	server_domain = cfg_context_domain(cfg_set_server_context(set, NULL))->index;
	client_domain = cfg_context_domain(cfg_set_client_context(set, NULL, NULL, NULL))->index;
	tcp = make_socket(AF_INET, SOCK_STREAM);
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
}

static int clean_up(void **state)
{
	(void)state;
	close(tcp);
	close(pair[0]);
	close(pair[1]);
	cfg_set_unref(set);
	sets_close_folder();
	return 0;
}

static void make_facts(struct snapshot *s, enum ktls_home home)
{
	*s = (struct snapshot){.size = offsetof(struct snapshot, data) + DATA,
		.home = (uint8_t)home,
		.cipher = CIPHER,
		.description = DESCRIPTION,
		.server_name = SERVER_NAME,
		.group = GROUP,
		.alpn = ALPN,
		.alpn_len = 3,
		.peer = PEER,
		.peer_len = 3,
		.chain = CHAIN,
		.chain_certs = 3};
	memcpy(s->data, data, DATA);
}

static void make_keys(struct ktls_session_keys *k)
{
	k->rx = k->tx = (struct ktls_key){.version = TLS1_3_VERSION, .aead = KTLS_AES_256_GCM, .seq = 2};
	k->rx_secret.len = k->tx_secret.len = 48;
}

/* A message that is believed, of a connection that came in. */
static void make_established(enum ktls_home home)
{
	static const enum home_why whys[] = {HOME_WHY_OFF, HOME_WHY_KERNEL, HOME_WHY_NO_AEAD};
	struct message_established *e = &m.established;

	memset(&m, 0, SIZE);
	e->kind = MESSAGE_ESTABLISHED;
	e->listener = LISTENERS - 1;
	e->domain = server_domain;
	e->remote = make_address("2001:db8::1", 5061);
	e->local = make_address("2001:db8::2", 0);
	e->transport_remote = e->transport_local = make_address("192.0.2.1", 5061);
	e->why = (uint8_t)whys[home];
	e->keys.role = KTLS_SERVER;
	if (home != KTLS_HOME_RELAYED)
		make_keys(&e->keys);
	make_facts(&e->snapshot, home);
}

static void test_established(void **state)
{
	(void)state;
	make_established(KTLS_HOME_USER);
	assert_null(check(SIZE, tcp));
	assert_null(check(SIZE, URING_FD_LOST));
	make_established(KTLS_HOME_KERNEL);
	assert_null(check(SIZE, tcp));
	m.established.can_rekey = 1;
	assert_null(check(SIZE, tcp));
	make_established(KTLS_HOME_RELAYED);
	assert_null(check(SIZE, pair[0]));
}

static void test_answer_to_order(void **state)
{
	(void)state;
	make_established(KTLS_HOME_USER);
	m.established.order = ORDER;
	assert_non_null(check(SIZE, tcp));
	m.established.keys.role = KTLS_CLIENT;
	assert_non_null(check(SIZE, tcp));
	m.established.domain = client_domain;
	assert_null(check(SIZE, tcp));
	m.established.listener = LISTENERS; /* nobody reads it */
	assert_null(check(SIZE, tcp));
	m.established.order = ORDER + 1;
	assert_non_null(check(SIZE, tcp));
}

static void test_uncounted(void **state)
{
	(void)state;
	make_established(KTLS_HOME_USER);
	limits.on_the_way = 0;
	assert_non_null(check(SIZE, tcp));
	limits.on_the_way = UINT32_MAX; /* more have arrived than were counted */
	assert_non_null(check(SIZE, tcp));
	limits.on_the_way = 1;
}

/* TLS 1.2 has no secrets, and a kernel that cannot change keys needs none. */
static void test_secrets(void **state)
{
	struct ktls_session_keys *k = &m.established.keys;

	(void)state;
	make_established(KTLS_HOME_USER);
	k->rx_secret.len = k->tx_secret.len = 0;
	assert_null(check(SIZE, tcp));
	k->rx.version = k->tx.version = TLS1_2_VERSION;
	assert_null(check(SIZE, tcp));
	k->rx_secret.len = k->tx_secret.len = 48;
	assert_non_null(check(SIZE, tcp));
	k->rx.version = k->tx.version = TLS1_3_VERSION;
	k->rx.aead = k->tx.aead = KTLS_AES_128_GCM;
	assert_non_null(check(SIZE, tcp));
	k->rx_secret.len = k->tx_secret.len = 32;
	assert_null(check(SIZE, tcp));
}

#define FIELD(name)                                                                                          \
	offsetof(struct message_established, name), sizeof(((struct message_established *)0)->name)
#define FAMILY(name) offsetof(struct message_established, name.any.sa_family), sizeof(sa_family_t)

/* Each of these in a message that is right otherwise. */
static const struct lie {
	const char *name;
	size_t offset, size;
	uint64_t value;
} lies[] = {
	{"order", FIELD(order), 1},
	{"order", FIELD(order), UINT32_MAX},
	{"listener", FIELD(listener), LISTENERS},
	{"listener", FIELD(listener), 0xfffffff0},
	{"domain", FIELD(domain), 1000},
	{"domain", FIELD(domain), UINT32_MAX},
	{"remote", FAMILY(remote), AF_UNSPEC},
	{"remote", FAMILY(remote), AF_UNIX},
	{"remote", FAMILY(remote), AF_INET},
	{"local", FAMILY(local), AF_INET},
	{"transport_remote", FAMILY(transport_remote), AF_UNSPEC},
	{"transport_remote", FAMILY(transport_remote), AF_INET6},
	{"transport_local", FAMILY(transport_local), AF_INET6},
	{"why", FIELD(why), HOME_WHY_KERNEL},
	{"why", FIELD(why), HOME_WHY_NO_AEAD},
	{"why", FIELD(why), HOME_WHYS},
	{"why", FIELD(why), UINT8_MAX},
	{"why_error", FIELD(why_error), 1},
	{"why_error", FIELD(why_error), 0x8000},
	{"can_rekey", FIELD(can_rekey), 2},
	{"role", FIELD(keys.role), KTLS_CLIENT},
	{"role", FIELD(keys.role), UINT32_MAX},
	{"max_fragment", FIELD(keys.max_fragment), 1},
	{"max_fragment", FIELD(keys.max_fragment), 511},
	{"max_fragment", FIELD(keys.max_fragment), UINT16_MAX},
	{"rx version", FIELD(keys.rx.version), 0},
	{"rx version", FIELD(keys.rx.version), TLS1_2_VERSION},
	{"tx version", FIELD(keys.tx.version), TLS1_1_VERSION},
	{"rx aead", FIELD(keys.rx.aead), KTLS_AEADS},
	{"rx aead", FIELD(keys.rx.aead), UINT8_MAX},
	{"tx aead", FIELD(keys.tx.aead), KTLS_AES_128_GCM},
	{"rx seq", FIELD(keys.rx.seq), UINT64_MAX},
	{"tx seq", FIELD(keys.tx.seq), 1001},
	{"rx_secret", FIELD(keys.rx_secret.len), 49},
	{"rx_secret", FIELD(keys.rx_secret.len), 32},
	{"tx_secret", FIELD(keys.tx_secret.len), UINT8_MAX},
	{"tx_secret", FIELD(keys.tx_secret.len), 0},
	{"size", FIELD(snapshot.size), SIZE - HEAD - 1},
	{"size", FIELD(snapshot.size), SIZE - HEAD + 1},
	{"size", FIELD(snapshot.size), UINT32_MAX},
	{"home", FIELD(snapshot.home), KTLS_HOME_KERNEL},
	{"home", FIELD(snapshot.home), KTLS_HOME_RELAYED + 1},
	{"home", FIELD(snapshot.home), UINT8_MAX},
	{"resumed", FIELD(snapshot.resumed), 2},
	{"version", FIELD(snapshot.version), DATA},
	{"version", FIELD(snapshot.version), CHAIN + 11}, /* without a NUL behind it */
	{"cipher", FIELD(snapshot.cipher), UINT16_MAX},
	{"description", FIELD(snapshot.description), DATA},
	{"server_name", FIELD(snapshot.server_name), DATA - 1},
	{"group", FIELD(snapshot.group), UINT16_MAX},
	{"alpn", FIELD(snapshot.alpn), DATA - 2},
	{"alpn", FIELD(snapshot.alpn), UINT16_MAX},
	{"alpn_len", FIELD(snapshot.alpn_len), UINT8_MAX},
	{"peer", FIELD(snapshot.peer), DATA - 2},
	{"peer", FIELD(snapshot.peer), UINT32_MAX},
	{"peer_len", FIELD(snapshot.peer_len), 0},
	{"peer_len", FIELD(snapshot.peer_len), DATA - PEER + 1},
	{"peer_len", FIELD(snapshot.peer_len), UINT32_MAX},
	{"chain", FIELD(snapshot.chain), DATA},
	{"chain", FIELD(snapshot.chain), UINT32_MAX},
	{"chain_certs", FIELD(snapshot.chain_certs), 4},
	{"chain_certs", FIELD(snapshot.chain_certs), UINT8_MAX},
	{"first length", FACTS + CHAIN, 4, UINT32_MAX},
	{"first length", FACTS + CHAIN, 4, 11},
	{"second length", FACTS + CHAIN + 6, 4, 5},
	{"second length", FACTS + CHAIN + 6, 4, UINT32_MAX},
};

static void test_lies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		make_established(KTLS_HOME_USER);
		memcpy(m.bytes + lies[i].offset, &lies[i].value, lies[i].size);
		if (!check(SIZE, tcp))
			fail_msg("%s = %#lx is believed", lies[i].name, (unsigned long)lies[i].value);
	}
}

/* Who does not know the keys need not say any. */
static void test_keys_of_relayed(void **state)
{
	(void)state;
	make_established(KTLS_HOME_RELAYED);
	make_keys(&m.established.keys);
	assert_non_null(check(SIZE, pair[0]));
}

/* A pointer into another process is never followed. */
static void test_own_certificate(void **state)
{
	(void)state;
	make_established(KTLS_HOME_USER);
	m.established.snapshot.own = (const struct snapshot_cert *)1;
	assert_null(check(SIZE, tcp));
	assert_null(m.established.snapshot.own);
}

static void test_sizes(void **state)
{
	(void)state;
	for (size_t size = 0; size < SIZE; size++) {
		make_established(KTLS_HOME_USER);
		assert_non_null(check(size, tcp));
	}
	assert_non_null(check(SIZE + 1, tcp));
	assert_non_null(check(MESSAGE_MAX, tcp));
}

static void refuse_descriptor(int fd, enum ktls_home home)
{
	make_established(home);
	assert_true(fd >= 0);
	assert_non_null(check(SIZE, fd));
	close(fd);
}

static void test_descriptor_kinds(void **state)
{
	int listening = make_socket(AF_INET, SOCK_STREAM), pipe_ends[2];

	(void)state;
	assert_int_equal(listen(listening, 1), 0);
	assert_int_equal(pipe2(pipe_ends, O_NONBLOCK), 0);
	close(pipe_ends[1]);
	refuse_descriptor(listening, KTLS_HOME_USER);
	refuse_descriptor(pipe_ends[0], KTLS_HOME_USER);
	refuse_descriptor(open("/dev/null", O_RDWR | O_NONBLOCK), KTLS_HOME_USER);
	refuse_descriptor(make_socket(AF_INET, SOCK_DGRAM), KTLS_HOME_USER);
	refuse_descriptor(make_socket(AF_UNIX, SOCK_STREAM), KTLS_HOME_USER);
	refuse_descriptor(make_socket(AF_UNIX, SOCK_STREAM), KTLS_HOME_KERNEL);
	refuse_descriptor(make_socket(AF_INET, SOCK_STREAM), KTLS_HOME_RELAYED);
	refuse_descriptor(make_socket(AF_UNIX, SOCK_SEQPACKET), KTLS_HOME_RELAYED);
}

/* These are sockets of the right kind, but somebody in SER would wait for the engine or get its signals. */
static void test_descriptor_modes(void **state)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 1000};
	int fd = make_socket(AF_INET6, SOCK_STREAM);

	(void)state;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	refuse_descriptor(fd, KTLS_HOME_USER);
	fd = make_socket(AF_INET6, SOCK_STREAM);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	refuse_descriptor(fd, KTLS_HOME_KERNEL);
	fd = make_socket(AF_UNIX, SOCK_STREAM);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC), 0);
	refuse_descriptor(fd, KTLS_HOME_RELAYED);
}

static void test_descriptor_counts(void **state)
{
	const int one[] = {tcp, -1}, two[] = {tcp, tcp}, lost[] = {tcp, URING_FD_LOST};
	static const uint32_t others[] = {MESSAGE_STOPPED, MESSAGE_FAILED, MESSAGE_LOG, MESSAGE_KEYS};

	(void)state;
	make_established(KTLS_HOME_USER);
	assert_non_null(engine_message_check(&m, SIZE, no_fds, &limits));
	assert_non_null(engine_message_check(&m, SIZE, two, &limits));
	assert_non_null(engine_message_check(&m, SIZE, lost, &limits));
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		m = (union engine_message){.failed = {.kind = others[i], .order = ORDER}};
		assert_non_null(engine_message_check(&m, sizeof(m.failed), one, &limits));
	}
}

static void test_stopped(void **state)
{
	(void)state;
	m.plain = (struct message_plain){MESSAGE_STOPPED};
	assert_non_null(check_plain(sizeof(m.plain)));
	limits.may_stop = 1;
	assert_null(check_plain(sizeof(m.plain)));
	assert_non_null(check_plain(sizeof(m.plain) + 1));
	for (size_t size = 0; size < sizeof(m.plain); size++)
		assert_non_null(check_plain(size));
	limits.may_stop = 0;
}

static void test_failed(void **state)
{
	(void)state;
	m.failed =
		(struct message_failed){.kind = MESSAGE_FAILED, .order = ORDER, .reason = "a\nb\x7f\xc3\xa4"};
	assert_null(check_plain(sizeof(m.failed)));
	assert_string_equal(m.failed.reason, "a?b?\xc3\xa4");
	assert_non_null(check_plain(sizeof(m.failed) - 1));
	assert_non_null(check_plain(sizeof(m.failed) + 1));
	m.failed.order = 0;
	assert_non_null(check_plain(sizeof(m.failed)));
	m.failed.order = ORDER;
	m.failed.why = URING_CLIENT_FAILURES;
	assert_non_null(check_plain(sizeof(m.failed)));
	m.failed.why = -1;
	assert_non_null(check_plain(sizeof(m.failed)));
	m.failed.why = URING_CLIENT_LOCAL;
	memset(m.failed.reason, 'a', sizeof(m.failed.reason));
	assert_non_null(check_plain(sizeof(m.failed)));
}

static size_t make_line(int level, const char *text)
{
	m.log = (struct message_log){.kind = MESSAGE_LOG,
		.level = level,
		.line = 7,
		.file = "ser/engine/log.c",
		.function = "say"};
	strcpy(m.log.text, text);
	return offsetof(struct message_log, text) + strlen(text) + 1;
}

static void test_log(void **state)
{
	size_t size;

	(void)state;
	for (int level = LOG_LEVEL_CRITICAL; level <= LOG_LEVEL_DEBUG; level++)
		assert_null(check_plain(make_line(level, "a line")));
	assert_non_null(check_plain(make_line(LOG_LEVEL_CRITICAL - 1, "a line")));
	assert_non_null(check_plain(make_line(LOG_LEVEL_DEBUG + 1, "a line")));
	assert_null(check_plain(make_line(0, "a\r\nb\t\x1b[1m")));
	assert_string_equal(m.log.text, "a??b??[1m");
	size = make_line(0, "a line");
	assert_non_null(check_plain(size - 1));
	assert_non_null(check_plain(size + 1));
	m.log.line = -1;
	assert_non_null(check_plain(size));
	m.log.line = 0;
	assert_null(check_plain(size));
	m.log.file[0] = '"';
	assert_non_null(check_plain(size));
	m.log.file[0] = 's';
	memset(m.log.function, 'a', sizeof(m.log.function));
	assert_non_null(check_plain(size));
	m.log.function[sizeof(m.log.function) - 1] = '\0';
	assert_null(check_plain(size));
	assert_non_null(check_plain(offsetof(struct message_log, text)));
	memset(m.log.text, 'a', sizeof(m.log.text));
	assert_non_null(check_plain(sizeof(m.log)));
	m.log.text[sizeof(m.log.text) - 1] = '\0';
	assert_null(check_plain(sizeof(m.log)));
	assert_non_null(check_plain(sizeof(m.log) + 1));
}

static size_t make_keys_of(const char *text)
{
	m.keys = (struct message_keys){.kind = MESSAGE_KEYS};
	strcpy(m.keys.text, text);
	return offsetof(struct message_keys, text) + strlen(text) + 1;
}

#define BY     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define SECRET "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"

static void test_key_log(void **state)
{
	static const char good[] = "CLIENT_TRAFFIC_SECRET_0 " BY " " SECRET "\nCLIENT_RANDOM " BY
				   " " SECRET SECRET "\nRSA 0123456789abcdef " SECRET "\n";
	static const char *const bad[] = {"", "\n", "CLIENT_RANDOM " BY " " SECRET,
		"CLIENT_RANDOM " BY " " SECRET "\r\n", "CLIENT_RANDOM " BY "\t" SECRET "\n",
		"CLIENT_RANDOM " BY " " SECRET " \n", "CLIENT_RANDOM " BY " " SECRET "\n\n",
		"client_random " BY " " SECRET "\n", "CLIENT_RANDOM 0123456789abcde " SECRET "\n",
		"CLIENT_RANDOM " BY " 00\n", BY " " SECRET "\n", " " BY " " SECRET "\n",
		"CLIENT_RANDOM \x1b[1m\n", "CLIENT_RANDOM " BY " " SECRET "\nCLIENT_RANDOM \xc3\xa4\n"};
	const size_t size = make_keys_of(good);

	(void)state;
	assert_non_null(check_plain(size));
	limits.logs_keys = 1;
	assert_null(check_plain(size));
	assert_string_equal(m.keys.text, good);
	assert_non_null(check_plain(size - 1));
	assert_non_null(check_plain(size + 1));
	assert_non_null(check_plain(offsetof(struct message_keys, text)));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(check_plain(make_keys_of(bad[i])));
	memset(m.keys.text, 'a', sizeof(m.keys.text));
	memcpy(m.keys.text, "A " BY " ", sizeof("A " BY " ") - 1);
	m.keys.text[sizeof(m.keys.text) - 1] = '\n';
	assert_non_null(check_plain(sizeof(m.keys)));
	memcpy(&m.keys.text[sizeof(m.keys.text) - 2], "\n", 2);
	assert_null(check_plain(sizeof(m.keys)));
	assert_non_null(check_plain(sizeof(m.keys) + 1));
	limits.logs_keys = 0;
}

static void test_kinds(void **state)
{
	static const uint32_t kinds[] = {0, MESSAGE_RETIRE, MESSAGE_LOOK, MESSAGE_ORDER, MESSAGE_TICKETS,
		MESSAGE_KEYS + 1, UINT32_MAX};

	(void)state;
	limits.may_stop = 1;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		memset(&m, 0, sizeof(m));
		m.kind = kinds[i];
		assert_non_null(check_plain(sizeof(m.plain)));
		assert_non_null(check_plain(sizeof(m)));
	}
	limits.may_stop = 0;
}

static void test_clean(void **state)
{
	char text[4] = {'a', '\n', 'b', 'c'}, none[1] = {'x'};

	(void)state;
	engine_message_clean(text, sizeof(text));
	assert_string_equal(text, "a?b");
	engine_message_clean(none, sizeof(none));
	assert_string_equal(none, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_established),
		cmocka_unit_test(test_answer_to_order),
		cmocka_unit_test(test_uncounted),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_keys_of_relayed),
		cmocka_unit_test(test_own_certificate),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_descriptor_kinds),
		cmocka_unit_test(test_descriptor_modes),
		cmocka_unit_test(test_descriptor_counts),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_key_log),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_clean),
	};

	return cmocka_run_group_tests_name("engine_message", tests, set_up, clean_up);
}
