/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers from a certificate's DER, for answer.c; answer.h says what may go wrong and how long an answer is.
 */
#ifndef SELECT_CERTIFICATE_H
#define SELECT_CERTIFICATE_H

#include "select/answer.h"

/* len 0: there is no certificate. */
ssize_t certificate_answer(const uint8_t *der, size_t len, const struct question *q, char *buf);

ssize_t certificate_pem(const uint8_t *der, size_t len, char *buf);

/* Copies len bytes if they are fewer than max, else the answer is null. */
ssize_t answer_put(char *buf, const void *value, size_t len, size_t max);

#endif
