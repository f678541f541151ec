/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/suites.h"

#include <stdlib.h>
#include <string.h>

int is_promised(void)
{
	const char *expect = getenv("EXPECT_KTLS");

	return expect && !strcmp(expect, "1");
}

struct counts count(void)
{
	return (struct counts){tls_stat("TlsTxSw") + tls_stat("TlsTxDevice"),
		tls_stat("TlsRxSw") + tls_stat("TlsRxDevice"), tls_stat("TlsTxRekeyOk"),
		tls_stat("TlsRxRekeyOk"), tls_stat("TlsDecryptError")};
}

/* Other processes use the same counters, unless this kernel was booted for the test. */
void assert_counted(long before, long after, long expected)
{
	if (is_promised())
		assert_int_equal(after - before, expected);
	else
		assert_true(after - before >= expected);
}
