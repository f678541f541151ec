/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/manage/rpc_certificates.h"

#include "ser/manage/rpc_about.h"
#include "ser/shared/expiries.h"

#include <stdlib.h>
#include <time.h>

static int add(struct host_rpc *rpc, void *ctx, const struct expiries *all, const struct expiry *one)
{
	static const char *const kinds[] = {[CFG_EXPIRING_CERTIFICATE] = "certificate",
		[CFG_EXPIRING_CA] = "CA certificate",
		[CFG_EXPIRING_LIST] = "revocation list"};
	time_t end = (time_t)one->end;
	char date[32];
	struct tm tm;
	void *handle;

	if (rpc->add(ctx, "{", &handle) < 0)
		return -1;
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &tm));
	return rpc->struct_add(handle, "sssdsd", "what", kinds[one->what], "file",
		expiries_text(all, one->file), "dom", expiries_text(all, one->domain), "domains",
		(int)one->domains, "expires", date, "days", (int)expiry_days(one->end, time(NULL)));
}

void rpc_certificates(struct host_rpc *rpc, void *ctx)
{
	struct expiries *all;

	if (!rpc_is_on(rpc, ctx))
		return;
	all = expiries_copy();
	if (!all) {
		rpc->fault(ctx, 500, "memory is used up");
		return;
	}
	for (uint32_t i = 0; i < all->count; i++)
		if (add(rpc, ctx, all, &all->entries[i]) < 0)
			break;
	free(all);
}
