/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads private keys, from a file or from where a URI points; never asks at a terminal. */
#include "cfg/domain.h"
#include "cfg/explain.h"
#include "cfg/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <string.h>

enum {
	OBJECTS_MAX = 64, /* how many objects of one URI are searched for a key */
};

struct password_request {
	const char *password; /* NULL: there is none */
	int asked;
};

/* Answers or refuses. It never asks at a terminal, because a server has none. */
static int give_password(char *buf, int size, int writing, void *arg)
{
	struct password_request *r = arg;
	size_t len = r->password ? strlen(r->password) : 0;

	(void)writing;
	r->asked = 1;
	if (!r->password || len > (size_t)size)
		return -1;
	memcpy(buf, r->password, len);
	return (int)len;
}

static EVP_PKEY *load_from_file(const char *path, struct password_request *r)
{
	BIO *file = BIO_new_file(path, "r");
	EVP_PKEY *key = NULL;

	if (file)
		key = PEM_read_bio_PrivateKey(file, NULL, give_password, r);
	BIO_free(file);
	return key;
}

static int no_answer(UI *ui, UI_STRING *question)
{
	(void)ui;
	(void)question;
	return 0;
}

/*
 * For a PIN that a provider asks for by itself when a key is used. It gives no answer; an empty one would
 * count as a failed attempt with some tokens.
 */
static void forbid_questions(void)
{
	static UI_METHOD *nobody;

	if (nobody)
		return;
	nobody = UI_create_method("nobody");
	if (nobody && !UI_method_set_reader(nobody, no_answer))
		UI_set_default_method(nobody);
}

static EVP_PKEY *load_from_store(const char *uri, struct password_request *r)
{
	UI_METHOD *ui;
	OSSL_STORE_CTX *store;
	EVP_PKEY *key = NULL;

	forbid_questions();
	ui = UI_UTIL_wrap_read_pem_callback(give_password, 0);
	store = ui ? OSSL_STORE_open(uri, ui, r, NULL, NULL) : NULL;
	if (store)
		OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
	for (int i = 0; store && !key && i < OBJECTS_MAX && !OSSL_STORE_eof(store); i++) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	OSSL_STORE_close(store);
	UI_destroy_method(ui);
	return key;
}

EVP_PKEY *cfg_load_key(const char *key, const char *password, int *bad_password, struct cfg_error *e)
{
	const char *uri = strncmp(key, CFG_KEY_URI, strlen(CFG_KEY_URI)) ? NULL : key + strlen(CFG_KEY_URI);
	struct password_request r = {.password = password};
	int len = (int)strcspn(key, uri ? "?" : ""); /* a PIN may follow it */
	EVP_PKEY *found;

	*bad_password = 0;
	if (!uri && cfg_check_readable(key, e))
		return NULL;
	ERR_clear_error();
	found = uri ? load_from_store(uri, &r) : load_from_file(key, &r);
	if (!found && r.asked && !password) {
		cfg_fail(e,
			"'%.*s' is encrypted; set its password (a token's PIN) beside it, or name a PEM "
			"file with a plain key",
			len, key);
	} else if (!found && r.asked) {
		*bad_password = 1;
		cfg_fail(e, "does not open '%.*s'", len, key);
	} else if (!found && uri) {
		cfg_fail(e,
			"'%.*s' leads to no private key: %s; check name and PIN, and that OpenSSL's "
			"configuration "
			"(config(5)) loads the provider of the URI's scheme",
			len, key, cfg_openssl_reason());
	} else if (!found) {
		cfg_explain_file(key, CFG_WANTED_KEY, e);
	}
	ERR_clear_error();
	return found;
}
