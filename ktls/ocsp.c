/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509_vfy.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum {
	TIME_TEXT = 32,
};

static void say(struct ktls_ocsp_answer *a, enum ktls_ocsp_verdict verdict, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct ktls_ocsp_answer *a, enum ktls_ocsp_verdict verdict, const char *format, ...)
{
	va_list args;

	a->verdict = verdict;
	va_start(args, format);
	vsnprintf(a->why, sizeof(a->why), format, args);
	va_end(args);
}

static int seconds_of(const ASN1_GENERALIZEDTIME *t, int64_t *seconds)
{
	struct tm tm;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1) /* without a time it would take the clock's */
		return -1;
	*seconds = timegm(&tm);
	return 0;
}

static const char *write_time(int64_t seconds, char text[TIME_TEXT])
{
	const time_t t = seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(text, TIME_TEXT, "%Y-%m-%d %H:%M:%S UTC", &tm))
		text[0] = '\0';
	return text;
}

/* Returns 1 if they are the same; with whichever digest the responder took. */
static int is_id_of(const OCSP_CERTID *id, const X509 *cert, const X509 *issuer)
{
	ASN1_OBJECT *digest;
	const EVP_MD *md;
	OCSP_CERTID *ours;
	int same;

	OCSP_id_get0_info(NULL, &digest, NULL, NULL, (OCSP_CERTID *)id);
	md = EVP_get_digestbyobj(digest);
	ours = md ? OCSP_cert_to_id(md, cert, issuer) : NULL;
	same = ours && !OCSP_id_cmp(ours, id);
	OCSP_CERTID_free(ours);
	return same;
}

static OCSP_SINGLERESP *find_single(OCSP_BASICRESP *basic, const X509 *cert, const X509 *issuer)
{
	for (int i = 0; i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);

		if (is_id_of(OCSP_SINGLERESP_get0_id(single), cert, issuer))
			return single;
	}
	return NULL;
}

/* The issuer is trusted already, so nothing above it is looked for. Returns 1 if the signature is good. */
static int is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
	X509_STORE *trusted = X509_STORE_new();
	STACK_OF(X509) *signers = sk_X509_new_null();
	int rc = 0;

	if (trusted && signers && X509_STORE_add_cert(trusted, issuer) == 1 &&
		sk_X509_push(signers, issuer) > 0)
		rc = OCSP_basic_verify(basic, signers, trusted, OCSP_PARTIAL_CHAIN);
	sk_X509_free(signers);
	X509_STORE_free(trusted);
	return rc == 1;
}

static void judge_times(
	const ASN1_GENERALIZEDTIME *from, const ASN1_GENERALIZEDTIME *until, struct ktls_ocsp_answer *a)
{
	int64_t now = time(NULL), begin;
	char text[TIME_TEXT];

	if (seconds_of(from, &begin))
		say(a, KTLS_OCSP_UNREADABLE, "does not say from when it is valid (thisUpdate)");
	else if (begin > now + KTLS_OCSP_EARLY)
		say(a, KTLS_OCSP_TOO_EARLY, "is not valid yet, only from %s", write_time(begin, text));
	else if (seconds_of(until, &a->until))
		say(a, KTLS_OCSP_STALE, "does not say how long it holds (nextUpdate)");
	else if (a->until <= now)
		say(a, KTLS_OCSP_STALE, "has been stale since %s (nextUpdate)", write_time(a->until, text));
	else
		a->verdict = KTLS_OCSP_GOOD;
}

static void judge_single(OCSP_SINGLERESP *single, struct ktls_ocsp_answer *a)
{
	ASN1_GENERALIZEDTIME *revoked, *from, *until;
	int64_t when = 0;
	char text[TIME_TEXT];

	switch (OCSP_single_get0_status(single, NULL, &revoked, &from, &until)) {
	case V_OCSP_CERTSTATUS_GOOD:
		judge_times(from, until, a);
		break;
	case V_OCSP_CERTSTATUS_REVOKED:
		seconds_of(revoked, &when);
		say(a, KTLS_OCSP_REVOKED, "says that the certificate was revoked on %s",
			write_time(when, text));
		break;
	default:
		say(a, KTLS_OCSP_UNKNOWN, "says that its responder does not know the certificate");
	}
}

static void judge_basic(OCSP_BASICRESP *basic, X509 *cert, X509 *issuer, struct ktls_ocsp_answer *a)
{
	OCSP_SINGLERESP *single = find_single(basic, cert, issuer);

	if (!single)
		say(a, KTLS_OCSP_FOREIGN, "is for another certificate");
	else if (!is_signed(basic, issuer))
		say(a, KTLS_OCSP_UNSIGNED,
			"is not signed by the certificate's issuer or by a responder that the issuer "
			"entitled");
	else
		judge_single(single, a);
}

static void judge(const uint8_t *der, size_t len, X509 *cert, X509 *issuer, struct ktls_ocsp_answer *a)
{
	const unsigned char *p = der;
	OCSP_RESPONSE *response = len <= KTLS_OCSP_MAX ? d2i_OCSP_RESPONSE(NULL, &p, (long)len) : NULL;
	OCSP_BASICRESP *basic = NULL;
	int status = response ? OCSP_response_status(response) : 0;

	if (len > KTLS_OCSP_MAX)
		say(a, KTLS_OCSP_UNREADABLE, "has more than %d bytes", KTLS_OCSP_MAX);
	else if (!response || p != der + len)
		say(a, KTLS_OCSP_UNREADABLE, "is no OCSP response in DER");
	else if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		say(a, KTLS_OCSP_NO_STATUS, "has no status, but the responder's excuse '%s'",
			OCSP_response_status_str(status));
	else if (!(basic = OCSP_response_get1_basic(response)))
		say(a, KTLS_OCSP_UNREADABLE, "is an OCSP response of a kind that nobody knows");
	else
		judge_basic(basic, cert, issuer, a);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
}

void ktls_ocsp_judge(
	const uint8_t *der, size_t len, X509 *cert, X509 *issuer, struct ktls_ocsp_answer *answer)
{
	*answer = (struct ktls_ocsp_answer){.verdict = KTLS_OCSP_UNREADABLE};
	/* What it finds odd must not look like an error of a handshake around it. */
	ERR_set_mark();
	judge(der, len, cert, issuer, answer);
	ERR_pop_to_mark();
}
