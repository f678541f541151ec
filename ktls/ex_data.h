/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The library's own data attached to SSL objects. Internal to the library's folders. */
#ifndef KTLS_EX_DATA_H
#define KTLS_EX_DATA_H

/*
 * A new index for SSL_set_ex_data(), or a negative number if memory is short. Data stored there is passed to
 * release() when its SSL object is freed; a copy of the object (SSL_dup()) starts without it. Store it after
 * SSL_new(). A constructor would run inside SSL_new(), and OpenSSL's releases differ in what the SSL object
 * has by then.
 */
int ktls_ex_data_new_index(void (*release)(void *data));

#endif
