/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/outbound/choice.h"

#include "ser/shared/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct host_str xavp;
static struct host_str server_id; /* from malloc() */

void choice_prepare(const char *xavp_cfg)
{
	xavp = (struct host_str){(char *)xavp_cfg, xavp_cfg ? (int)strlen(xavp_cfg) : 0};
}

static struct host_str child_of_xavp(const char *name)
{
	struct host_str child = {(char *)name, (int)strlen(name)};
	struct host_xavp *x = xavp.len ? xavp_get_child_with_sval(&xavp, &child) : NULL;

	return x ? x->value.s : (struct host_str){NULL, 0};
}

static int copy(char *to, int max, struct host_str from, const char *name)
{
	static struct log_limit limit;

	if (from.len <= max) {
		if (from.len > 0)
			memcpy(to, from.s, (size_t)from.len);
		to[from.len > 0 ? from.len : 0] = '\0';
		return 0;
	}
	ser_log_limited(&limit, LOG_LEVEL_ERROR, "the script's %s is longer than %d characters", name, max);
	return -1;
}

static void forget_server_id(void)
{
	free(server_id.s);
	server_id = (struct host_str){NULL, 0};
}

int choice_set_server_id(const struct host_str *id)
{
	size_t len = id && id->len > 0 ? (size_t)id->len : 0;
	char *text = len ? malloc(len) : NULL;

	if (len && !text)
		return -ENOMEM;
	if (len)
		memcpy(text, id->s, len);
	forget_server_id();
	server_id = (struct host_str){text, (int)len};
	return 0;
}

int choice_take(struct connect_choice *choice)
{
	struct host_str id = child_of_xavp("server_id");
	int rc;

	if (id.len <= 0)
		id = server_id;
	rc = copy(choice->server_id, CHOICE_SERVER_ID_MAX, id, "server_id");
	forget_server_id();
	return rc ? rc
		  : copy(choice->server_name, CHOICE_SERVER_NAME_MAX, child_of_xavp("server_name"),
			    "server_name");
}
