/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int is_promised(void)
{
	const char *expect = getenv("EXPECT_KTLS");

	return expect && !strcmp(expect, "1");
}

/* What the kernel has counted of one kind; -1 where it has no such counter. */
static long counted(const char *name)
{
	FILE *f = fopen("/proc/net/tls_stat", "r");
	char word[64];
	long value, found = -1;

	while (f && fscanf(f, "%63s %ld", word, &value) == 2)
		if (!strcmp(word, name))
			found = value;
	if (f)
		fclose(f);
	return found;
}

struct counts count(void)
{
	return (struct counts){counted("TlsTxSw") + counted("TlsTxDevice"),
		counted("TlsRxSw") + counted("TlsRxDevice"), counted("TlsTxRekeyOk"), counted("TlsRxRekeyOk"),
		counted("TlsDecryptError")};
}

/* Other processes use the same counters, unless this kernel was booted for the test. */
void assert_counted(long before, long after, long expected)
{
	if (is_promised())
		assert_int_equal(after - before, expected);
	else
		assert_true(after - before >= expected);
}
