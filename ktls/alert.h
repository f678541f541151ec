/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS alerts (RFC 8446 section 6, RFC 5246 7.2). */
#ifndef KTLS_ALERT_H
#define KTLS_ALERT_H

#include <stdint.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum ktls_alert_level {
	KTLS_ALERT_WARNING = 1,
	KTLS_ALERT_FATAL = 2,
};

enum ktls_alert {
	KTLS_CLOSE_NOTIFY = 0,
	KTLS_UNEXPECTED_MESSAGE = 10,
	KTLS_BAD_RECORD_MAC = 20,
	KTLS_RECORD_OVERFLOW = 22,
	KTLS_ILLEGAL_PARAMETER = 47,
	KTLS_DECODE_ERROR = 50,
	KTLS_INTERNAL_ERROR = 80,
	KTLS_USER_CANCELED = 90,
	KTLS_NO_RENEGOTIATION = 100,
};

/* The RFCs' name of an alert description, or "unknown alert" if they have none. Never NULL. */
const char *ktls_alert_name(uint8_t description);

/* The level that an alert is sent with: a warning if the RFCs call it one. */
enum ktls_alert_level ktls_alert_level(uint8_t description);

/* The fatal alert that answers an error of the record functions (a negative errno), RFC 8446 5.1 and 6.2. */
enum ktls_alert ktls_alert_for_error(int error);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
