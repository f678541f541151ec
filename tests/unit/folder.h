/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One folder of files for a test program, gone when it ends. */
#ifndef UNIT_FOLDER_H
#define UNIT_FOLDER_H

#include "support.h"

void folder_open(void);

/* Removes the folder and what was added to it. */
void folder_close(void);

/* Where a file of the folder is, or would be; for free(). */
char *folder_path(const char *name);

/* Each appends to the file, which comes into being if it is not there. */
void folder_add_text(const char *name, const char *text);
void folder_add_bytes(const char *name, const void *bytes, size_t len);
void folder_add_cert(const char *name, X509 *cert);
void folder_add_identity(const char *name, const struct identity *id);      /* both in one file */
void folder_add_key(const char *name, EVP_PKEY *key, const char *password); /* NULL: not encrypted */
/* Encrypted in the old form, whose block has headers (RFC 1421). */
void folder_add_old_key(const char *name, EVP_PKEY *key, const char *password);
void folder_add_encrypted_cert(const char *name, X509 *cert, const char *password);

/* A list of the issuer's that revokes one certificate, or none for NULL; it expires in so many seconds. */
void folder_add_crl(const char *name, const struct identity *issuer, const X509 *revoked, long expires);

void folder_add_folder(const char *name);

#endif
