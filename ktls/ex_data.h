/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What hangs on SSL objects of the library's own. Internal to the library's folders. */
#ifndef KTLS_EX_DATA_H
#define KTLS_EX_DATA_H

/*
 * A new index for SSL_set_ex_data(), below 0 where memory is short. What is stored there goes to release()
 * when its SSL object is freed; a copy of the object (SSL_dup()) starts without it. Store it behind
 * SSL_new(): a constructor of OpenSSL's runs inside, where releases differ in what the SSL object has by
 * then.
 */
int ktls_ex_data_new_index(void (*release)(void *data));

#endif
