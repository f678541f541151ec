/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * OCSP responses: any bytes, and ones that are signed properly but say something odd. Only the response that
 * is right in everything is good.
 */
#include "fuzz.h"

#include "ktls/ocsp.h"

#include <ctype.h>
#include <openssl/ec.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <time.h>

enum {
	MINUTE = 60,
	TIMES = 16, /* from that many minutes ago to as many from now */
};

struct party {
	EVP_PKEY *key;
	X509 *cert;
};

static struct party issuer, stranger, leaf;

static struct party make(const char *name, long serial, const struct party *by)
{
	struct party p = {.key = EVP_EC_gen("P-256"), .cert = X509_new()};
	const struct party *signer = by ? by : &p;

	REQUIRE(p.key && p.cert);
	REQUIRE(X509_NAME_add_entry_by_txt(X509_get_subject_name(p.cert), "CN", MBSTRING_ASC,
			(const unsigned char *)name, -1, -1, 0) == 1);
	REQUIRE(X509_set_version(p.cert, X509_VERSION_3) == 1 &&
		ASN1_INTEGER_set(X509_get_serialNumber(p.cert), serial) == 1);
	REQUIRE(X509_gmtime_adj(X509_getm_notBefore(p.cert), -3600) &&
		X509_gmtime_adj(X509_getm_notAfter(p.cert), 86400));
	REQUIRE(X509_set_issuer_name(p.cert, X509_get_subject_name(signer->cert)) == 1 &&
		X509_set_pubkey(p.cert, p.key) == 1);
	REQUIRE(X509_sign(p.cert, signer->key, EVP_sha256()) > 0);
	return p;
}

static void check(const uint8_t *der, size_t len, int may_be_good)
{
	struct ktls_ocsp_answer answer;
	/* A copy of exactly that length, so that the sanitizer sees every byte read behind it. */
	uint8_t *copy = malloc(len ? len : 1);

	REQUIRE(copy);
	memcpy(copy, der, len);
	memset(&answer, 0xa5, sizeof(answer));
	ktls_ocsp_judge(copy, len, leaf.cert, issuer.cert, &answer);
	free(copy);
	if (answer.verdict == KTLS_OCSP_GOOD) {
		REQUIRE(may_be_good && answer.until > (int64_t)time(NULL) - MINUTE);
		return;
	}
	REQUIRE(answer.verdict <= KTLS_OCSP_UNKNOWN);
	REQUIRE(memchr(answer.why, '\0', sizeof(answer.why)) && *answer.why);
	for (const char *c = answer.why; *c; c++)
		REQUIRE(!iscntrl((unsigned char)*c));
}

static ASN1_GENERALIZEDTIME *minutes(uint8_t choice, time_t now)
{
	return ASN1_GENERALIZEDTIME_set(NULL, now + ((time_t)(choice % (2 * TIMES)) - TIMES) * MINUTE);
}

/* One that says what the input chooses. It may be good only if it is honest and in force, give or take a
 * minute. */
static void sign_and_check(struct input *in)
{
	const struct party *signer = take(in) & 1 ? &issuer : &stranger;
	const X509 *about = take(in) & 1 ? leaf.cert : stranger.cert;
	uint8_t begin = take(in), end = take(in), bits = take(in);
	int status = take(in) % 3, is_right;
	time_t now = time(NULL);
	ASN1_GENERALIZEDTIME *this_update = minutes(begin, now),
			     *next_update = bits & 1 ? NULL : minutes(end, now);
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(bits & 2 ? EVP_sha1() : EVP_sha256(), about, issuer.cert);
	OCSP_RESPONSE *response;
	unsigned char *der = NULL;
	int len;

	REQUIRE(basic && id && this_update);
	REQUIRE(OCSP_basic_add1_status(
		basic, id, status, OCSP_REVOKED_STATUS_NOSTATUS, this_update, this_update, next_update));
	REQUIRE(OCSP_basic_sign(basic, signer->cert, signer->key, EVP_sha256(), NULL,
			bits & 4 ? OCSP_NOCERTS : 0) == 1);
	response = OCSP_response_create(
		bits & 8 ? OCSP_RESPONSE_STATUS_TRYLATER : OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	len = response ? i2d_OCSP_RESPONSE(response, &der) : -1;
	REQUIRE(len > 0);
	is_right = signer == &issuer && about == leaf.cert && status == V_OCSP_CERTSTATUS_GOOD &&
		   next_update && begin % (2 * TIMES) <= TIMES + KTLS_OCSP_EARLY / MINUTE + 1 &&
		   end % (2 * TIMES) >= TIMES - 1;
	check(der, (size_t)len, is_right && !(bits & 8));
	/* Further bytes break it somewhere. */
	if (in->left >= 3) {
		size_t at = ((size_t)take(in) << 8 | take(in)) % (size_t)len;

		der[at] ^= (unsigned char)(take(in) | 1);
		check(der, (size_t)len, is_right); /* the response's own status is not signed */
	}
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_GENERALIZEDTIME_free(this_update);
	ASN1_GENERALIZEDTIME_free(next_update);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = {data, len};

	if (!issuer.key) {
		issuer = make("issuer", 1, NULL);
		stranger = make("stranger", 2, NULL);
		leaf = make("leaf", 3, &issuer);
	}
	if (take(&in) & 1)
		sign_and_check(&in);
	else
		check(in.p, in.left, 0);
	return 0;
}
