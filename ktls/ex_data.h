/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The library's own data attached to SSL objects. Internal. */
#ifndef KTLS_EX_DATA_H
#define KTLS_EX_DATA_H

/*
 * A new index for SSL_set_ex_data(), or a negative number if memory is short. Data stored there comes from
 * malloc() and is freed with its SSL object; a copy of the object (SSL_dup()) starts without it.
 */
int ktls_ex_data_new_index(void);

#endif
