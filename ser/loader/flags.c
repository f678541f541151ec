/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/loader/flags.h"

#include <stdio.h>
#include <string.h>

/* All are needed: they change structures, locks, arguments or what the core exports. */
static const char *const needed[] = {"USE_TCP", "USE_TLS", "USE_SCTP", "TLS_HOOKS", "USE_RAW_SOCKS",
	"DISABLE_NAGLE", "USE_MCAST", "DNS_IP_HACK", "SHM_MMAP", "PKG_MALLOC", "Q_MALLOC", "F_MALLOC",
	"TLSF_MALLOC", "DBG_SR_MEMORY", "USE_FUTEX", "USE_DNS_CACHE", "USE_DNS_FAILOVER", "USE_NAPTR",
	"USE_DST_BLOCKLIST", "HAVE_RESOLV_RES", NULL};

/* These change nothing that we see. */
static const char *const harmless[] = {
	"MEM_JOIN_FREE", "FAST_LOCK-ADAPTIVE_WAIT", "TLS_PTHREAD_MUTEX_SHARED", NULL};

/* Stated from 6.1 on, but not compared. */
static const char *const stated_only[] = {"DBG_QM_MALLOC", "DBG_F_MALLOC", "DBG_TLSF_MALLOC", NULL};

static int place(const char *const *list, const char *word)
{
	for (int i = 0; list[i]; i++)
		if (!strcmp(list[i], word))
			return i;
	return -1;
}

const char *flags_compared(const char *stated, char *compared, size_t size)
{
	static char wrong[96];
	char word[64];
	unsigned found = 0;
	size_t len = 0;
	int i, n;

	compared[0] = 0;
	for (; sscanf(stated, "%63[^,]%n", word, &n) == 1; stated += n + strspn(stated + n, ", ")) {
		if (place(stated_only, word) >= 0)
			continue;
		i = place(needed, word);
		if (i < 0 && place(harmless, word) < 0) {
			snprintf(wrong, sizeof(wrong), "with %s", word);
			return wrong;
		}
		if (i >= 0)
			found |= 1U << i;
		len += (size_t)snprintf(compared + len, size - len, "%s%s", len ? ", " : "", word);
		if (len >= size)
			return "with more options than fit here";
	}
	for (i = 0; needed[i]; i++)
		if (!(found & 1U << i)) {
			snprintf(wrong, sizeof(wrong), "without %s", needed[i]);
			return wrong;
		}
	return NULL;
}
