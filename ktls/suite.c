/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/suite.h"

#include <errno.h>
#include <openssl/obj_mac.h>
#include <string.h>

static const struct ktls_aead_info infos[KTLS_AEADS] = {
	[KTLS_AES_128_GCM] = {"AES-128-GCM", "AES-128-GCM", 16, 4},
	[KTLS_AES_256_GCM] = {"AES-256-GCM", "AES-256-GCM", 32, 4},
	[KTLS_CHACHA20_POLY1305] = {"CHACHA20-POLY1305", "ChaCha20-Poly1305", 32, 12},
	[KTLS_AES_128_CCM] = {"AES-128-CCM", "AES-128-CCM", 16, 4},
};

const struct ktls_aead_info *ktls_aead_info(enum ktls_aead aead)
{
	return &infos[aead];
}

/* CCM_8: OpenSSL's names tell it from CCM, its identifiers do not. */
static int has_short_tag(const SSL_CIPHER *cipher)
{
	const char *name = SSL_CIPHER_get_name(cipher);

	return strstr(name, "CCM8") || strstr(name, "CCM_8");
}

int ktls_aead_of_cipher(const SSL_CIPHER *cipher, enum ktls_aead *aead)
{
	switch (SSL_CIPHER_get_cipher_nid(cipher)) {
	case NID_aes_128_gcm:
		*aead = KTLS_AES_128_GCM;
		return 0;
	case NID_aes_256_gcm:
		*aead = KTLS_AES_256_GCM;
		return 0;
	case NID_chacha20_poly1305:
		*aead = KTLS_CHACHA20_POLY1305;
		return 0;
	case NID_aes_128_ccm:
		if (has_short_tag(cipher))
			return -EOPNOTSUPP;
		*aead = KTLS_AES_128_CCM;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}
