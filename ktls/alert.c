/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/alert.h"

#include <errno.h>

const char *ktls_alert_name(uint8_t description)
{
	static const struct {
		uint8_t description;
		const char *name;
	} names[] = {
		{0, "close_notify"},
		{10, "unexpected_message"},
		{20, "bad_record_mac"},
		{21, "decryption_failed"},
		{22, "record_overflow"},
		{30, "decompression_failure"},
		{40, "handshake_failure"},
		{41, "no_certificate"},
		{42, "bad_certificate"},
		{43, "unsupported_certificate"},
		{44, "certificate_revoked"},
		{45, "certificate_expired"},
		{46, "certificate_unknown"},
		{47, "illegal_parameter"},
		{48, "unknown_ca"},
		{49, "access_denied"},
		{50, "decode_error"},
		{51, "decrypt_error"},
		{60, "export_restriction"},
		{70, "protocol_version"},
		{71, "insufficient_security"},
		{80, "internal_error"},
		{86, "inappropriate_fallback"},
		{90, "user_canceled"},
		{100, "no_renegotiation"},
		{109, "missing_extension"},
		{110, "unsupported_extension"},
		{112, "unrecognized_name"},
		{113, "bad_certificate_status_response"},
		{115, "unknown_psk_identity"},
		{116, "certificate_required"},
		{120, "no_application_protocol"},
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].description == description)
			return names[i].name;
	return "unknown alert";
}

enum ktls_alert ktls_alert_for_error(int error)
{
	switch (error) {
	case -EBADMSG:
		return KTLS_BAD_RECORD_MAC;
	case -EMSGSIZE:
		return KTLS_RECORD_OVERFLOW;
	case -EPROTO:
	case -EINVAL:
		return KTLS_UNEXPECTED_MESSAGE;
	default:
		return KTLS_INTERNAL_ERROR;
	}
}

enum ktls_alert_level ktls_alert_level(uint8_t description)
{
	switch (description) {
	case KTLS_CLOSE_NOTIFY:
	case KTLS_USER_CANCELED:
	case KTLS_NO_RENEGOTIATION:
		return KTLS_ALERT_WARNING;
	default:
		return KTLS_ALERT_FATAL;
	}
}
