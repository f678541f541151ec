/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/pem.h"

#include "cfg/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cfg_check_readable(const char *path, struct cfg_error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return cfg_fail(e, "cannot read '%s': %s; name a PEM file that the server's user may read",
			path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		rc = cfg_fail(e, "'%s' is not a file; name a PEM file", path);
	else if (!st.st_size)
		rc = cfg_fail(e, "'%s' is empty; name a PEM file", path);
	close(fd);
	return rc;
}

static int no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	*(int *)arg = 1;
	return -1;
}

/* Returns 0, or -1 with a sentence. *infos may be NULL if OpenSSL cannot make sense of the file. */
static int read_infos(const char *path, STACK_OF(X509_INFO) * *infos, struct cfg_error *e)
{
	int encrypted = 0;
	BIO *file;

	if (cfg_check_readable(path, e))
		return -1;
	ERR_clear_error();
	file = BIO_new_file(path, "r");
	*infos = file ? PEM_X509_INFO_read_bio(file, NULL, no_password, &encrypted) : NULL;
	BIO_free(file);
	if (!encrypted)
		return 0;
	sk_X509_INFO_pop_free(*infos, X509_INFO_free);
	return cfg_fail(e, "'%s' is encrypted; name a PEM file with plain certificates", path);
}

int cfg_check_certificates(const char *path, struct cfg_error *e)
{
	STACK_OF(X509_INFO) * infos;

	if (read_infos(path, &infos, e))
		return -1;
	sk_X509_INFO_pop_free(infos, X509_INFO_free);
	return 0;
}

/* Moves what is useful; takes no references of its own. */
static int sort_infos(struct cfg_pem *pem, STACK_OF(X509_INFO) * infos)
{
	pem->certificates = sk_X509_new_null();
	pem->crls = sk_X509_CRL_new_null();
	if (!pem->certificates || !pem->crls)
		return -1;
	for (int i = 0; i < sk_X509_INFO_num(infos); i++) {
		X509_INFO *info = sk_X509_INFO_value(infos, i);

		if (info->x509 && !sk_X509_push(pem->certificates, info->x509))
			return -1;
		info->x509 = NULL;
		if (info->crl && !sk_X509_CRL_push(pem->crls, info->crl))
			return -1;
		info->crl = NULL;
	}
	return 0;
}

static void free_pem(struct cfg_pem *pem)
{
	sk_X509_pop_free(pem->certificates, X509_free);
	sk_X509_CRL_pop_free(pem->crls, X509_CRL_free);
	free(pem->path);
	free(pem);
}

const struct cfg_pem *cfg_pems_get(struct cfg_pems *pems, const char *path, struct cfg_error *e)
{
	STACK_OF(X509_INFO) * infos;
	struct cfg_pem *pem;
	int rc;

	for (pem = pems->first; pem; pem = pem->next)
		if (!strcmp(pem->path, path))
			return pem;
	if (read_infos(path, &infos, e))
		return NULL;
	if (!infos) {
		cfg_explain_file(path, CFG_WANTED_CERTIFICATE, e);
		return NULL;
	}
	pem = calloc(1, sizeof(*pem));
	rc = pem ? sort_infos(pem, infos) : -1;
	sk_X509_INFO_pop_free(infos, X509_INFO_free);
	if (pem)
		pem->path = strdup(path);
	if (rc || !pem->path) {
		if (pem)
			free_pem(pem);
		cfg_fail(e, "out of memory for '%s'", path);
		return NULL;
	}
	pem->next = pems->first;
	pems->first = pem;
	return pem;
}

void cfg_pems_clear(struct cfg_pems *pems)
{
	while (pems->first) {
		struct cfg_pem *pem = pems->first;

		pems->first = pem->next;
		free_pem(pem);
	}
}
