/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that a core was built with, as it states them itself. */
#ifndef SER_LOADER_FLAGS_H
#define SER_LOADER_FLAGS_H

#include <stddef.h>

/*
 * Writes the flags that the core compares a module's with: from 6.1 on it states more than it compares.
 * Returns NULL, or what is wrong for us with the core's options ("with X", "without Y").
 */
const char *flags_compared(const char *stated, char *compared, size_t size);

#endif
