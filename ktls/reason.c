/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/reason.h"

#include "ktls/alert.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>

static _Thread_local char phrase[128];

static const char *quote(unsigned long error)
{
	const char *words = error ? ERR_reason_error_string(error) : NULL;

	if (!words)
		return "OpenSSL gives no reason";
	snprintf(phrase, sizeof(phrase), "OpenSSL says '%s'", words);
	return phrase;
}

static const char *explain_tls(unsigned long error)
{
	int reason = ERR_GET_REASON(error), alert = reason - SSL_AD_REASON_OFFSET;

	switch (reason) {
	case SSL_R_NO_SHARED_CIPHER:
		return "the peer and we have no cipher suite in common";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
		return "the peer and we have no version of TLS in common";
	case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
		return "the peer takes no signature that our key can make, or that our certificate bears";
	case SSL_R_NO_SUITABLE_KEY_SHARE:
		return "the peer and we have no group for the exchange of keys in common";
	case SSL_R_NO_APPLICATION_PROTOCOL:
		return "the peer offers no application protocol that is ours (ALPN)";
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return "the peer sent no certificate, and one is required";
	case SSL_R_WRONG_VERSION_NUMBER:
		return "the peer sent a record of another version of TLS";
	case SSL_R_EXCESSIVE_MESSAGE_SIZE:
		return "the peer sent more bytes of certificates than we take, or another message that is "
		       "too long";
	default:
		break;
	}
	if (alert <= 0 || alert > UINT8_MAX)
		return quote(error);
	snprintf(phrase, sizeof(phrase), "the peer refused with the alert %s",
		ktls_alert_name((uint8_t)alert));
	return phrase;
}

const char *ktls_reason(unsigned long error)
{
	if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
		return "memory is used up";
	return ERR_GET_LIB(error) == ERR_LIB_SSL ? explain_tls(error) : quote(error);
}
