/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void write_sentence(struct cfg_error *e, const char *format, va_list args)
{
	vsnprintf(e->text, sizeof(e->text), format, args);
	/* Values and file names may hold any bytes, but the log gets one line. */
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
	struct cfg_error e;
	va_list args;

	va_start(args, format);
	write_sentence(&e, format, args);
	va_end(args);
	for (unsigned i = 0; i < errors->count; i++) {
		if (!strcmp(errors->list[i].text, e.text)) {
			errors->repeated++;
			return -1;
		}
	}
	if (errors->count == CFG_ERRORS_MAX)
		errors->dropped++;
	else
		errors->list[errors->count++] = e;
	return -1;
}

unsigned cfg_errors_added(const struct cfg_errors *errors)
{
	return errors->count + errors->dropped + errors->repeated;
}
