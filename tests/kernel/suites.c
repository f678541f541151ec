/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel_suites [FILE]: what this kernel takes, each with a connection that works.
 *
 * For each version, AEAD and role: handshakes over loopback TCP between ours and OpenSSL, with an RSA and an
 * ECDSA certificate, full and resumed; then text both ways, key changes and the end, with the record keys in
 * the home that the probe says. Writes one line for each version, AEAD and role that worked, its fields
 * separated by tabs: kernel release, version, AEAD, role, home (kernel or user), why, whether the peer may
 * change its key (yes, no, or - where the version has no such thing).
 * EXPECT_KTLS=1 in the environment: AES-GCM must be in the kernel, and the kernel's counters must agree
 * exactly.
 */
#include "kernel/suites.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

static const struct kind kinds[] = {
	{"RSA certificate, full handshake", 0, 0},
	{"RSA certificate, resumed", 0, 1},
	{"ECDSA certificate, full handshake", 1, 0},
	{"ECDSA certificate, resumed", 1, 1},
};

struct ktls_kernel_caps caps;
struct identity identities[2]; /* RSA, ECDSA */
static const char *table_name;
static FILE *table;

int is_in_kernel(const struct row *r)
{
	return !ktls_kernel_supports(&caps, r->version, r->aead);
}

static int follows_key_updates(const struct row *r)
{
	return r->version == TLS1_3_VERSION && (!is_in_kernel(r) || !caps.rekey);
}

static void check_case(struct row *r, const struct kind *k)
{
	struct counts before = count(), after;
	int kernel = is_in_kernel(r), rekeys = kernel && follows_key_updates(r);
	int ends = kernel && r->version == TLS1_3_VERSION && caps.rekey;
	SSL_SESSION *session = NULL;
	struct talk t = {.row = r};

	r->now = k->name;
	make_contexts(&t, k);
	if (k->resumed)
		session = earlier_session(&t);
	begin(&t, k, session);
	say_all(&t);
	if (follows_key_updates(r))
		change_keys(&t);
	say_goodbye(&t);
	close_talk(&t);
	if (ends) {
		if (session && r->version == TLS1_3_VERSION) {
			SSL_SESSION_free(session); /* a ticket is good for one connection */
			session = earlier_session(&t);
		}
		begin(&t, k, session);
		end_at_key_update(&t, k->resumed);
		close_talk(&t);
	}
	SSL_SESSION_free(session);
	SSL_CTX_free(t.ours);
	SSL_CTX_free(t.theirs);
	after = count();
	assert_counted(before.tx, after.tx, kernel + ends);
	assert_counted(before.rx, after.rx, kernel + ends);
	assert_counted(before.tx_rekeys, after.tx_rekeys, rekeys ? UPDATES_MAX / 2 + 1 : 0);
	assert_counted(before.rx_rekeys, after.rx_rekeys, rekeys ? UPDATES_MAX : 0);
	assert_counted(before.bad, after.bad, 0);
	r->now = NULL;
}

/* Which of the steps into the kernel was refused, and how. */
static void explain(const struct row *r, char *text, size_t len)
{
	const struct ktls_kernel_suite *s =
		r->version == TLS1_3_VERSION ? &caps.tls13[r->aead] : &caps.tls12[r->aead];

	if (caps.ulp)
		snprintf(text, len, "TCP_ULP: %s", strerror(-caps.ulp));
	else if (s->tx)
		snprintf(text, len, "TLS_TX: %s", strerror(-s->tx));
	else if (s->rx)
		snprintf(text, len, "TLS_RX: %s", strerror(-s->rx));
	else
		snprintf(text, len, "-");
}

static void write_row(const struct row *r)
{
	struct utsname kernel;
	char why[128];

	assert_int_equal(uname(&kernel), 0);
	explain(r, why, sizeof(why));
	fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", kernel.release,
		r->version == TLS1_3_VERSION ? "1.3" : "1.2", ktls_aead_info(r->aead)->name,
		r->role == KTLS_SERVER ? "server" : "client", is_in_kernel(r) ? "kernel" : "user", why,
		r->version != TLS1_3_VERSION ? "-"
		: follows_key_updates(r)     ? "yes"
					     : "no");
	fflush(table);
}

static void test_row(void **state)
{
	struct row *r = *state;

	if (is_promised() && (r->aead == KTLS_AES_128_GCM || r->aead == KTLS_AES_256_GCM))
		assert_true(is_in_kernel(r));
	for (unsigned i = 0; i < COUNT(kinds); i++)
		check_case(r, &kinds[i]);
	write_row(r);
}

static int name_case(void **state)
{
	const struct row *r = *state;

	if (r->now)
		fprintf(stderr, "%s: %s: failed\n", r->name, r->now);
	return 0;
}

static int prepare(void **state)
{
	(void)state;
	identities[0] = make_identity("RSA", "localhost", NULL);
	identities[1] = make_identity("EC", "localhost", NULL);
	table = table_name ? fopen(table_name, "w") : stdout;
	return !table || ktls_kernel_probe(&caps);
}

static int clean_up(void **state)
{
	(void)state;
	free_identity(&identities[0]);
	free_identity(&identities[1]);
	return table_name && table ? fclose(table) : 0;
}

int main(int argc, char **argv)
{
	static const uint16_t versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	static struct row rows[COUNT(versions) * KTLS_AEADS * 2];
	struct CMUnitTest kernel_suites[COUNT(rows)];
	unsigned count_rows = 0;

	if (argc > 2) {
		fprintf(stderr, "usage: kernel_suites [FILE]\n");
		return 2;
	}
	table_name = argv[1];
	for (unsigned v = 0; v < COUNT(versions); v++)
		for (int aead = 0; aead < KTLS_AEADS; aead++)
			for (int role = KTLS_SERVER; role <= KTLS_CLIENT; role++) {
				struct row *r = &rows[count_rows];

				*r = (struct row){.version = versions[v],
					.aead = aead,
					.role = role,
					.now = "not begun"};
				snprintf(r->name, sizeof(r->name), "TLS 1.%d, %s, %s", v ? 3 : 2,
					ktls_aead_info(aead)->name,
					role == KTLS_SERVER ? "server" : "client");
				kernel_suites[count_rows++] =
					(struct CMUnitTest){r->name, test_row, NULL, name_case, r};
			}
	return cmocka_run_group_tests_name("kernel_suites", kernel_suites, prepare, clean_up) != 0;
}