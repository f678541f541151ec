/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scenario.h"

struct identity scenario_rsa, scenario_ec;

const struct scenario scenarios[SCENARIOS] = {
	{TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", &scenario_rsa, KTLS_AES_128_GCM},
	{TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384", &scenario_rsa, KTLS_AES_256_GCM},
	{TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305", &scenario_rsa, KTLS_CHACHA20_POLY1305},
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", &scenario_ec, KTLS_AES_128_GCM},
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384", &scenario_ec, KTLS_AES_256_GCM},
	{TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", &scenario_ec, KTLS_CHACHA20_POLY1305},
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-CCM", &scenario_ec, KTLS_AES_128_CCM},
	{TLS1_2_VERSION, "AES128-CCM", &scenario_rsa, KTLS_AES_128_CCM}, /* RSA key exchange, as the next */
	{TLS1_2_VERSION, "AES256-GCM-SHA384", &scenario_rsa, KTLS_AES_256_GCM},
	{TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", &scenario_rsa, KTLS_AES_128_GCM},
	{TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", &scenario_rsa, KTLS_AES_256_GCM},
	{TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256", &scenario_rsa, KTLS_CHACHA20_POLY1305},
	{TLS1_3_VERSION, "TLS_AES_128_CCM_SHA256", &scenario_rsa, KTLS_AES_128_CCM},
	{TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", &scenario_ec, KTLS_AES_128_GCM},
	{TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", &scenario_ec, KTLS_AES_256_GCM},
	{TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256", &scenario_ec, KTLS_CHACHA20_POLY1305},
	{TLS1_3_VERSION, "TLS_AES_128_CCM_SHA256", &scenario_ec, KTLS_AES_128_CCM},
};

int scenario_prepare(void **state)
{
	(void)state;
	scenario_rsa = make_identity("RSA", "server", NULL);
	scenario_ec = make_identity("EC", "server", NULL);
	return 0;
}

int scenario_clean_up(void **state)
{
	(void)state;
	free_identity(&scenario_rsa);
	free_identity(&scenario_ec);
	return 0;
}

void scenario_check_key(const struct scenario *s, const struct ktls_key *k, uint64_t seq)
{
	assert_int_equal(k->version, s->version);
	assert_int_equal(k->aead, s->aead);
	assert_int_equal(k->seq, seq);
}
