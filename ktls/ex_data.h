/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What hangs on SSL objects of the library's own. Internal. */
#ifndef KTLS_EX_DATA_H
#define KTLS_EX_DATA_H

/*
 * A new index for SSL_set_ex_data(), below 0 where memory is short. What is stored there comes from malloc()
 * and is freed with its SSL object; a copy of the object (SSL_dup()) starts without it.
 */
int ktls_ex_data_new_index(void);

#endif
