/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

int cfg_fail(struct cfg_error *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	/* Values and names of files may hold anything; the log gets one line. */
	for (char *p = e->text; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	return -1;
}
