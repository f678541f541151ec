/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The layouts that are known, and the releases that have them. The build makes the table (table.cmake). */
#ifndef SER_LOADER_LAYOUTS_H
#define SER_LOADER_LAYOUTS_H

struct layout {
	const char *name; /* its module is tls-NAME.so */
	const char *const *releases;
};

/* Both lists end with NULL. */
extern const struct layout layouts[];

#endif
