/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/sni.h"

#include <string.h>

static size_t get_be16(const unsigned char *p)
{
	return (size_t)p[0] << 8 | p[1];
}

int cfg_sni_parse(const unsigned char *extension, size_t len, char *out)
{
	size_t name_len;

	/* A list with its length. Its only entry has a type, and a name with its length. */
	if (len < 5 || get_be16(extension) != len - 2 || extension[2] != TLSEXT_NAMETYPE_host_name)
		return -1;
	name_len = get_be16(extension + 3);
	if (name_len != len - 5 || !name_len || name_len > CFG_SNI_MAX ||
		memchr(extension + 5, '\0', name_len))
		return -1;
	memcpy(out, extension + 5, name_len);
	out[name_len] = '\0';
	return 0;
}

int cfg_sni_read(SSL *ssl, char *out)
{
	const unsigned char *extension;
	size_t len;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &len) != 1)
		return -1;
	return cfg_sni_parse(extension, len, out);
}
