/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes in the place of a certificate, a key, CAs, revocation lists or an OCSP response: a context is
 * made, or sentences say why not.
 */
#include "fuzz.h"

#include "cfg/set.h"

#include <ctype.h>
#include <sys/mman.h>
#include <unistd.h>

/* The first byte of the input chooses. %d: the descriptor of a file with the rest. */
static const char *const configs[] = {
	"[server:default]\ncertificate = /proc/self/fd/%d\nprivate_key = /proc/self/fd/%d\n",
	"[server:default]\ncertificate = /proc/self/fd/%d\nprivate_key = /proc/self/fd/%d\nca_list = "
	"/proc/self/fd/%d\n"
	"crl = /proc/self/fd/%d\nverify_certificate = yes\n",
	"[server:default]\ncertificate = /proc/self/fd/%d\nprivate_key = /proc/self/fd/%d\nocsp_file = "
	"/proc/self/fd/%d\n",
	"[server:default]\ncertificate = /proc/self/fd/%d\nprivate_key = /proc/self/fd/%d\n[client:default]\n"
	"ca_list = /proc/self/fd/%d\nverify_certificate = yes\n",
};

static void check_sentences(const struct cfg_errors *list)
{
	for (unsigned i = 0; i < list->count; i++) {
		const char *text = list->list[i].text;

		REQUIRE(memchr(text, '\0', sizeof(list->list[i].text)) && strlen(text) > 10);
		for (; *text; text++)
			REQUIRE(!iscntrl((unsigned char)*text));
	}
}

static int file_of(struct input *in)
{
	int fd = memfd_create("pem", MFD_CLOEXEC);

	REQUIRE(fd >= 0 && write(fd, in->p, in->left) == (ssize_t)in->left);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct cfg_errors errors, warnings;
	const struct cfg_build how = {.kinds = 1 << CFG_SERVER | 1 << CFG_CLIENT};
	struct input in = {data, len};
	const char *format = configs[take(&in) % (sizeof(configs) / sizeof(configs[0]))];
	struct cfg_config *config = cfg_config_new("/etc/ser/ser.cfg");
	struct cfg_set *set;
	char text[400];
	int fd = file_of(&in), size = snprintf(text, sizeof(text), format, fd, fd, fd, fd);

	REQUIRE(config && size < (int)sizeof(text));
	memset(&errors, 0, sizeof(errors));
	memset(&warnings, 0, sizeof(warnings));
	REQUIRE(!cfg_parse_text(config, "tls.cfg", text, (size_t)size, &errors) &&
		!cfg_config_finish(config, &errors, &warnings));
	set = cfg_build_set(config, &how, &errors, &warnings);
	REQUIRE(!set == !!errors.count);
	check_sentences(&errors);
	check_sentences(&warnings);
	cfg_set_unref(set);
	cfg_config_unref(config);
	close(fd);
	return 0;
}
