/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

static void write_sentence(struct cfg_error *e, const char *format, va_list args)
{
	vsnprintf(e->text, sizeof(e->text), format, args);
	/* Values and names of files may hold anything; the log gets one line. */
	for (char *p = e->text; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
}

int cfg_fail(struct cfg_error *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_sentence(e, format, args);
	va_end(args);
	return -1;
}

int cfg_add_error(struct cfg_errors *errors, const char *format, ...)
{
	va_list args;

	if (errors->count == CFG_ERRORS_MAX) {
		errors->dropped++;
		return -1;
	}
	va_start(args, format);
	write_sentence(&errors->list[errors->count++], format, args);
	va_end(args);
	return -1;
}
