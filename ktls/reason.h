/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why OpenSSL ended a handshake, in words. */
#ifndef KTLS_REASON_H
#define KTLS_REASON_H

/*
 * A phrase for an error of OpenSSL's queue. What few will ever see is quoted; such a phrase is valid until
 * this thread asks again.
 */
const char *ktls_reason(unsigned long error);

#endif
