/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/script/functions.h"

#include "ser/outbound/choice.h"
#include "ser/script/answer_for_message.h"
#include "ser/script/variables.h"
#include "ser/shared/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	YES = 1,
	NO = -1,
};

static int is_peer_verified(struct host_sip_msg *msg)
{
	static const struct question verified = {.field = ANSWER_VERIFIED};
	struct host_str value;

	return !answer_for_message(msg, &verified, &value) && value.s[0] == '1' ? YES : NO;
}

static int is_peer_verified_native(struct host_sip_msg *msg, char *first, char *second)
{
	(void)first;
	(void)second;
	return is_peer_verified(msg);
}

static int set_connect_server_id(struct host_sip_msg *msg, const struct host_str *id)
{
	(void)msg;
	if (!choice_set_server_id(id))
		return YES;
	ser_log(LOG_LEVEL_ERROR, "memory is used up: the server id is not set");
	return NO;
}

static int set_connect_server_id_native(struct host_sip_msg *msg, char *id, char *second)
{
	struct host_str value;

	(void)second;
	if (get_str_fparam(&value, msg, id) < 0) {
		static struct log_limit limit;

		ser_log_limited(
			&limit, LOG_LEVEL_ERROR, "tls_set_connect_server_id(): its parameter has no value");
		return NO;
	}
	return set_connect_server_id(msg, &value);
}

struct host_command functions_table[] = {
	{"is_peer_verified", is_peer_verified_native, 0, NULL, NULL, HOST_REQUEST_ROUTE},
	{"tls_set_connect_server_id", set_connect_server_id_native, 1, fixup_spve_null, fixup_free_spve_null,
		HOST_ANY_ROUTE},
	{NULL, NULL, 0, NULL, NULL, 0},
};

/* Null becomes an empty string, as with KSR.tls.cget() in SER's own module. */
static struct host_kemi_value *get_variable(struct host_sip_msg *msg, const struct host_str *name)
{
	static struct host_kemi_value value;
	static struct log_limit limit;
	int rc = variables_get(msg, name, &value.v.s);

	value.type = HOST_KEMI_STR;
	if (rc)
		sr_kemi_xval_null(&value, HOST_KEMI_NULL_EMPTY);
	if (rc == -ENOENT)
		ser_log_limited(&limit, LOG_LEVEL_WARNING,
			"KSR.tls.cget(\"%.*s\"): there is no such variable; see docs/selects.md for those "
			"there "
			"are",
			name->len, name->s);
	return &value;
}

#define TEXT(s)                                                                                              \
	{                                                                                                    \
		s, sizeof(s) - 1                                                                             \
	}

static struct host_kemi kemi[] = {
	{TEXT("tls"), TEXT("is_peer_verified"), HOST_KEMI_INT, is_peer_verified, {0}},
	{TEXT("tls"), TEXT("set_connect_server_id"), HOST_KEMI_INT, set_connect_server_id, {HOST_KEMI_STR}},
	{TEXT("tls"), TEXT("cget"), HOST_KEMI_VALUE, get_variable, {HOST_KEMI_STR}},
	{{NULL, 0}, {NULL, 0}, 0, NULL, {0}},
};

int functions_register_kemi(void)
{
	return sr_kemi_modules_add(kemi);
}
