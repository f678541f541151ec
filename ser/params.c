/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/params.h"

#include "ser/board.h"
#include "ser/log.h"

#include <string.h>
#include <strings.h>

enum {
	HANDSHAKE_TIMEOUT_DEFAULT = 10,
	SEND_TIMEOUT_DEFAULT = 10,
	TIMEOUT_MAX = 3600,
	CONNECTION_TIMEOUT_DEFAULT = 600,   /* of SER's own module */
	CONNECTION_TIMEOUT_MAX = 1 << 26,   /* in the core's ticks it must fit an int, twice */
	TICKET_ROTATION_DEFAULT = 8 * 3600, /* the oldest of three keys serves for a day */
	TICKET_ROTATION_MAX = 7 * 86400,    /* RFC 9325 3.4 */
	ENGINE_NICE_DEFAULT = 0,
	MAX_HANDSHAKES_DEFAULT = 1024, /* each costs some 60 KB of the engine's memory */
	MAX_HANDSHAKES_MAX = 1 << 16,
	MAX_PER_SOURCE = 1 << 20,
	LOW_MEM_THRESHOLD_DEFAULT = 1024, /* KB; a connection takes some 18 */
	LOW_MEM_THRESHOLD_MAX = 1 << 30,
};

/* As written; a parameter that may be a number or a word has both. */
static struct {
	char *method, *tls_method, *certificate, *private_key, *ca_list, *cipher_list;
	char *limit_policy, *session_ticket_keys;
	int session_ticket_rotation;
	char *ktls_scoped[PARAMS_SCOPED_MAX];
	unsigned ktls_scoped_count;
	int verify_certificate, require_certificate, tls_log, handshake_timeout, ktls, ktls_rekey_required,
		send_timeout, connection_timeout, engines, engine_nice, max_handshakes,
		max_handshakes_per_source, max_connections_per_source, low_mem_threshold1;
	char *verify_certificate_word, *require_certificate_word;
} raw = {
	.tls_log = LOG_LEVEL_DEBUG,
	.handshake_timeout = HANDSHAKE_TIMEOUT_DEFAULT,
	.send_timeout = SEND_TIMEOUT_DEFAULT,
	.ktls = 1,
	.connection_timeout = CONNECTION_TIMEOUT_DEFAULT,
	.session_ticket_rotation = TICKET_ROTATION_DEFAULT,
	.engines = 1,
	.engine_nice = ENGINE_NICE_DEFAULT,
	.max_handshakes = MAX_HANDSHAKES_DEFAULT,
	.low_mem_threshold1 = -1,
};

/* Called for each line with a string. */
static int keep_ktls(unsigned type, void *value)
{
	(void)type;
	if (raw.ktls_scoped_count == PARAMS_SCOPED_MAX) {
		ser_log(LOG_LEVEL_ERROR, "ktls: no more than %d lines with an address are possible",
			PARAMS_SCOPED_MAX);
		return -1;
	}
	raw.ktls_scoped[raw.ktls_scoped_count++] = strdup(value);
	return 0;
}

struct host_param params_table[] = {
	{"method", HOST_PARAM_STRING, &raw.method},
	{"tls_method", HOST_PARAM_STRING, &raw.tls_method},
	{"certificate", HOST_PARAM_STRING, &raw.certificate},
	{"private_key", HOST_PARAM_STRING, &raw.private_key},
	{"ca_list", HOST_PARAM_STRING, &raw.ca_list},
	{"cipher_list", HOST_PARAM_STRING, &raw.cipher_list},
	{"verify_certificate", HOST_PARAM_INT, &raw.verify_certificate},
	{"verify_certificate", HOST_PARAM_STRING, &raw.verify_certificate_word},
	{"require_certificate", HOST_PARAM_INT, &raw.require_certificate},
	{"require_certificate", HOST_PARAM_STRING, &raw.require_certificate_word},
	{"tls_log", HOST_PARAM_INT, &raw.tls_log},
	{"handshake_timeout", HOST_PARAM_INT, &raw.handshake_timeout},
	{"send_timeout", HOST_PARAM_INT, &raw.send_timeout},
	{"connection_timeout", HOST_PARAM_INT, &raw.connection_timeout},
	{"engines", HOST_PARAM_INT, &raw.engines},
	{"engine_nice", HOST_PARAM_INT, &raw.engine_nice},
	{"max_handshakes", HOST_PARAM_INT, &raw.max_handshakes},
	{"max_handshakes_per_source", HOST_PARAM_INT, &raw.max_handshakes_per_source},
	{"max_connections_per_source", HOST_PARAM_INT, &raw.max_connections_per_source},
	{"low_mem_threshold1", HOST_PARAM_INT, &raw.low_mem_threshold1},
	{"session_ticket_keys", HOST_PARAM_STRING, &raw.session_ticket_keys},
	{"session_ticket_rotation", HOST_PARAM_INT, &raw.session_ticket_rotation},
	{"limit_policy", HOST_PARAM_STRING, &raw.limit_policy},
	{"ktls", HOST_PARAM_INT, &raw.ktls},
	{"ktls", HOST_PARAM_STRING | HOST_PARAM_USE_FUNC, (void *)keep_ktls},
	{"ktls_rekey_required", HOST_PARAM_INT, &raw.ktls_rekey_required},
	{NULL, 0, NULL},
};

static int take_bool(const char *param, const char *word, int number, int *out, struct cfg_error *e)
{
	if (word)
		return cfg_parse_bool(param, word, out, e);
	*out = number;
	return cfg_check_int(param, number, 0, 1, e);
}

static int take_string(char **out, const char *value, struct cfg_error *e)
{
	if (!value)
		return 0;
	*out = strdup(value);
	return *out ? 0 : cfg_fail(e, "out of memory while the parameters were read");
}

static int take_path(char **out, const char *value, struct cfg_error *e)
{
	if (!value)
		return 0;
	*out = cfg_resolve_path(cfg_file, value);
	return *out ? 0 : cfg_fail(e, "out of memory while the parameters were read");
}

static int take_ktls(struct params_switch *s, struct cfg_error *e)
{
	struct cfg_scope scope;
	const char *text;
	int value;

	s->others = raw.ktls;
	for (unsigned i = 0; i < raw.ktls_scoped_count; i++) {
		if (!raw.ktls_scoped[i])
			return cfg_fail(e, "out of memory while the parameters were read");
		if (cfg_parse_scope("ktls", raw.ktls_scoped[i], &scope, &text, e) ||
			cfg_parse_bool("ktls", text, &value, e))
			return -1;
		if (scope.address.any.sa_family == AF_UNSPEC) {
			s->others = value;
			continue;
		}
		s->scoped[s->count].scope = scope;
		s->scoped[s->count++].value = value;
	}
	return cfg_check_int("ktls", s->others, 0, 1, e);
}

int params_switch_at(const struct params_switch *s, const struct sockaddr *local)
{
	for (unsigned i = s->count; i > 0; i--) /* the last line counts */
		if (cfg_scope_has(&s->scoped[i - 1].scope, local))
			return s->scoped[i - 1].value;
	return s->others;
}

static int take_limits(struct params *p, struct cfg_error *e)
{
	p->engines = raw.engines;
	p->engine_nice = raw.engine_nice;
	p->max_handshakes = raw.max_handshakes;
	p->max_handshakes_per_source = raw.max_handshakes_per_source;
	p->max_connections_per_source = raw.max_connections_per_source;
	p->low_mem_threshold1 =
		raw.low_mem_threshold1 == -1 ? LOW_MEM_THRESHOLD_DEFAULT : raw.low_mem_threshold1;
	p->refuse_at_limit = raw.limit_policy && !strcasecmp(raw.limit_policy, "refuse");
	if (raw.limit_policy && !p->refuse_at_limit && strcasecmp(raw.limit_policy, "wait"))
		return cfg_fail(
			e, "limit_policy: '%s' is not a policy; use wait or refuse", raw.limit_policy);
	if (cfg_check_int("engines", p->engines, 1, BOARD_ENGINES_MAX, e) ||
		cfg_check_int("engine_nice", p->engine_nice, 0, 19, e) ||
		cfg_check_int("max_handshakes", p->max_handshakes, 1, MAX_HANDSHAKES_MAX, e) ||
		cfg_check_int(
			"max_handshakes_per_source", p->max_handshakes_per_source, 0, MAX_PER_SOURCE, e) ||
		cfg_check_int(
			"max_connections_per_source", p->max_connections_per_source, 0, MAX_PER_SOURCE, e) ||
		cfg_check_int("low_mem_threshold1", p->low_mem_threshold1, 0, LOW_MEM_THRESHOLD_MAX, e))
		return -1;
	return 0;
}

int params_take(struct params *p, struct cfg_error *e)
{
	struct cfg_domain *d = &p->server;

	memset(p, 0, sizeof(*p));
	p->tls_log = raw.tls_log;
	p->handshake_timeout = raw.handshake_timeout;
	p->send_timeout = raw.send_timeout;
	p->connection_timeout = raw.connection_timeout;
	p->session_ticket_rotation = raw.session_ticket_rotation;
	p->ktls_rekey_required = raw.ktls_rekey_required;
	/* One parameter under two names: SER's manual has the short one. */
	if (raw.method && cfg_parse_method("method", raw.method, &d->versions, e))
		return -1;
	if (raw.tls_method && cfg_parse_method("tls_method", raw.tls_method, &d->versions, e))
		return -1;
	if (take_path(&p->session_ticket_keys, raw.session_ticket_keys, e) ||
		take_path(&d->certificate, raw.certificate, e) ||
		take_path(&d->private_key, raw.private_key, e) || take_path(&d->ca_list, raw.ca_list, e) ||
		take_string(&d->cipher_list, raw.cipher_list, e))
		return -1;
	if (take_bool("verify_certificate", raw.verify_certificate_word, raw.verify_certificate,
		    &d->verify_certificate, e) ||
		take_bool("require_certificate", raw.require_certificate_word, raw.require_certificate,
			&d->require_certificate, e))
		return -1;
	if (cfg_check_int("handshake_timeout", p->handshake_timeout, 1, TIMEOUT_MAX, e) ||
		cfg_check_int("send_timeout", p->send_timeout, 1, TIMEOUT_MAX, e) ||
		cfg_check_int(
			"session_ticket_rotation", p->session_ticket_rotation, 1, TICKET_ROTATION_MAX, e) ||
		cfg_check_int("connection_timeout", p->connection_timeout, 1, CONNECTION_TIMEOUT_MAX, e) ||
		cfg_check_int("ktls_rekey_required", p->ktls_rekey_required, 0, 1, e))
		return -1;
	if (take_ktls(&p->ktls, e) || take_limits(p, e))
		return -1;
	if (cfg_domain_defaults(d, cfg_file))
		return cfg_fail(e, "out of memory while the parameters were read");
	return 0;
}
