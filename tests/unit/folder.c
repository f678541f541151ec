/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[512];

void folder_open(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/ktls-unit-XXXXXX", tmp ? tmp : P_tmpdir);
	assert_non_null(mkdtemp(folder));
}

void folder_close(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			assert_int_equal(unlinkat(dirfd(dir), entry->d_name,
						 entry->d_type == DT_DIR ? AT_REMOVEDIR : 0),
				0);
	closedir(dir);
	assert_int_equal(rmdir(folder), 0);
}

char *folder_path(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

static FILE *open_file(const char *name)
{
	char *path = folder_path(name);
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	free(path);
	return f;
}

void folder_add_text(const char *name, const char *text)
{
	FILE *f = open_file(name);

	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

void folder_add_bytes(const char *name, const void *bytes, size_t len)
{
	FILE *f = open_file(name);

	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

void folder_add_cert(const char *name, X509 *cert)
{
	FILE *f = open_file(name);

	assert_int_equal(PEM_write_X509(f, cert), 1);
	assert_int_equal(fclose(f), 0);
}

void folder_add_key(const char *name, EVP_PKEY *key, const char *password)
{
	FILE *f = open_file(name);

	assert_int_equal(PEM_write_PKCS8PrivateKey(f, key, password ? EVP_aes_256_cbc() : NULL, password,
				 password ? (int)strlen(password) : 0, NULL, NULL),
		1);
	assert_int_equal(fclose(f), 0);
}

void folder_add_identity(const char *name, const struct identity *id)
{
	folder_add_cert(name, id->cert);
	folder_add_key(name, id->key, NULL);
}

void folder_add_old_key(const char *name, EVP_PKEY *key, const char *password)
{
	FILE *f = open_file(name);
	BIO *out = BIO_new_fp(f, BIO_NOCLOSE);

	assert_int_equal(PEM_write_bio_PrivateKey_traditional(out, key, EVP_aes_256_cbc(),
				 (const unsigned char *)password, (int)strlen(password), NULL, NULL),
		1);
	BIO_free(out);
	assert_int_equal(fclose(f), 0);
}

void folder_add_encrypted_cert(const char *name, X509 *cert, const char *password)
{
	FILE *f = open_file(name);

	assert_int_equal(PEM_ASN1_write((i2d_of_void *)i2d_X509, PEM_STRING_X509, f, cert, EVP_aes_256_cbc(),
				 (const unsigned char *)password, (int)strlen(password), NULL, NULL),
		1);
	assert_int_equal(fclose(f), 0);
}

void folder_add_crl(const char *name, const struct identity *issuer, const X509 *revoked, long expires)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *begin = X509_gmtime_adj(NULL, -3600), *end = X509_gmtime_adj(NULL, expires);
	FILE *f = open_file(name);

	assert_true(crl && begin && end);
	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->cert));
	X509_CRL_set1_lastUpdate(crl, begin);
	X509_CRL_set1_nextUpdate(crl, end);
	if (revoked) {
		X509_REVOKED *entry = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(entry, (ASN1_INTEGER *)X509_get0_serialNumber(revoked));
		X509_REVOKED_set_revocationDate(entry, begin);
		assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
	}
	assert_true(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509_CRL(f, crl), 1);
	assert_int_equal(fclose(f), 0);
	ASN1_TIME_free(begin);
	ASN1_TIME_free(end);
	X509_CRL_free(crl);
}

void folder_add_folder(const char *name)
{
	char *path = folder_path(name);

	assert_int_equal(mkdir(path, 0700), 0);
	free(path);
}
