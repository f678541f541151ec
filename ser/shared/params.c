/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/params.h"

#include "cfg/attribute.h"
#include "cfg/stock_params.h"
#include "ser/shared/key_log.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	LINES_MAX = 4096,
};

/* A line of the configuration, as written. */
struct line {
	const char *name;
	char *text; /* NULL: it is a number */
	int number;
};

static struct line *lines;
static unsigned line_count;
static const char *base_file;

void params_set_base(const char *file)
{
	base_file = file;
}

int params_keep(const char *name, const char *text, int number)
{
	struct line *more;

	if (line_count == LINES_MAX) {
		ser_log(LOG_LEVEL_ERROR, "%s: there are more than %d modparam lines", name, LINES_MAX);
		return -1;
	}
	more = realloc(lines, (line_count + 1) * sizeof(*lines));
	if (!more)
		return -1;
	lines = more;
	lines[line_count] = (struct line){name, text ? strdup(text) : NULL, number};
	if (text && !lines[line_count].text)
		return -1;
	line_count++;
	return 0;
}

/* The module's own parameters: numbers with a range, and texts. */
static const struct number {
	const char *name;
	size_t offset;
	int value, min, max;
} numbers[] = {
#define NUMBER(name, value, min, max)                                                                        \
	{                                                                                                    \
#name, offsetof(struct params, name), value, min, max                                        \
	}
	NUMBER(tls_log, LOG_LEVEL_DEBUG, -5, 10),
	NUMBER(handshake_timeout, 10, 1, 3600),
	NUMBER(send_timeout, 10, 1, 3600),
	NUMBER(connection_timeout, 600, -1, INT_MAX),
	NUMBER(session_tickets, 1, 0, 10),
	NUMBER(session_ticket_rotation, 8 * 3600, 1, 7 * 86400), /* RFC 9325 3.4 */
	NUMBER(certificate_watch, 0, 0, 86400),
	NUMBER(certificate_warn_days, 14, 0, 3650),
	NUMBER(engines, 1, 1, SCOREBOARD_ENGINES_MAX),
	NUMBER(engine_nice, 0, 0, 19),
	NUMBER(engine_confinement, 1, 0, 2),
	NUMBER(engine_patience, 5, 0, 3600),
	NUMBER(supervisor_patience, 60, 0, 3600),
	NUMBER(max_handshakes, 1024, 1, 1 << 16), /* each costs some 60 KB of the engine's memory */
	NUMBER(max_handshakes_per_source, 256, 0, 1 << 20),
	NUMBER(max_connections_per_source, -1, -1, 1 << 20),
	NUMBER(low_mem_threshold1, -1, -1, 1 << 30),
	NUMBER(con_ct_wq_max, 64 * 1024, 1024, 4 << 20),
	NUMBER(ct_wq_max, 10 << 20, 1024, 1 << 30),
	NUMBER(keylog_mode, 0, 0, 2047),
};

static const struct text {
	const char *name;
	size_t offset;
	int is_path;
} texts[] = {
	{"config", offsetof(struct params, config), 1},
	{"session_ticket_keys", offsetof(struct params, session_ticket_keys), 1},
	{"keeper", offsetof(struct params, keeper), 1},
	{"keylog_file", offsetof(struct params, keylog_file), 1},
	{"keylog_peer", offsetof(struct params, keylog_peer), 0},
	{"keylog_networks", offsetof(struct params, keylog_networks), 0},
	{"limit_policy", offsetof(struct params, limit_policy), 0},
	{"xavp_cfg", offsetof(struct params, xavp_cfg), 0},
	{"event_callback", offsetof(struct params, event_callback), 0},
};

enum {
	LOW_MEM_THRESHOLD = 1024,       /* KB, for -1; a connection needs some 18 */
	SILENCE_MAX = INT_MAX / 2 / 16, /* the host compares differences of ticks, which are 16 a second */
};

/* As far as the stock module takes it, too. */
static int move_into_range(const struct number *n, int value, struct cfg_errors *warnings)
{
	int used = value < n->min ? n->min : value > n->max ? n->max : value;

	if (!strcmp(n->name, "connection_timeout") && !value)
		used = n->value; /* there it ends every connection at once */
	if (used != value && cfg_find_stock_param(n->name)) {
		cfg_add_error(warnings, "%s: %d is not a number from %d to %d; %d is used", n->name, value,
			n->min, n->max, used);
		return used;
	}
	return value;
}

static int take_number(struct params *p, const struct number *n, const struct line *l,
	struct cfg_errors *errors, struct cfg_errors *warnings)
{
	struct cfg_error e;
	int value = l->number;

	if (l->text && cfg_parse_int(l->name, l->text, INT_MIN, INT_MAX, &value, &e))
		return cfg_add_error(
			errors, "%s: '%s' is not a number from %d to %d", n->name, l->text, n->min, n->max);
	value = move_into_range(n, value, warnings);
	if (cfg_check_int(l->name, value, n->min, n->max, &e))
		return cfg_add_error(errors, "%s", e.text);
	*(int *)((char *)p + n->offset) = value;
	return 0;
}

static int take_text(struct params *p, const struct text *t, const struct line *l, struct cfg_errors *errors)
{
	char **target = (char **)((char *)p + t->offset);

	if (!l->text)
		return cfg_add_error(errors, "%s: %d is a number; give a text", l->name, l->number);
	free(*target);
	*target = t->is_path ? cfg_resolve_path(base_file, l->text) : strdup(l->text);
	return *target ? 0 : cfg_add_error(errors, "out of memory while the parameters were read");
}

static int take_line(
	struct params *p, const struct line *l, struct cfg_errors *errors, struct cfg_errors *warnings)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!strcmp(numbers[i].name, l->name))
			return take_number(p, &numbers[i], l, errors, warnings);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(texts[i].name, l->name))
			return take_text(p, &texts[i], l, errors);
	return 0;
}

int params_keylog(const struct params *p)
{
	const int on = KEYLOG_READY | KEYLOG_ACTIVE;

	return (p->keylog_mode & on) == on ? p->keylog_mode & (KEYLOG_TO_FILE | KEYLOG_TO_PEER) : 0;
}

static void check_keylog(const struct params *p, struct cfg_errors *errors, struct cfg_errors *warnings)
{
	const int to = p->keylog_mode & KEYLOG_READY ? p->keylog_mode : 0;
	union uring_address peer;

	if (to & KEYLOG_TO_LOG)
		cfg_add_error(warnings,
			"keylog_mode: the %d in %d has no effect, because many read logs; add %d and set "
			"keylog_file",
			KEYLOG_TO_LOG, p->keylog_mode, KEYLOG_TO_FILE);
	else if (p->keylog_mode && !params_keylog(p))
		cfg_add_error(warnings,
			"keylog_mode: %d logs no keys; %d and %d switch the key log on, %d writes it to a "
			"file, %d sends it to a peer",
			p->keylog_mode, KEYLOG_READY, KEYLOG_ACTIVE, KEYLOG_TO_FILE, KEYLOG_TO_PEER);
	if (to & KEYLOG_TO_FILE && !p->keylog_file)
		cfg_add_error(errors, "keylog_mode: the %d in %d asks for a file; name it with keylog_file",
			KEYLOG_TO_FILE, p->keylog_mode);
	if (to & KEYLOG_TO_PEER && !p->keylog_peer)
		cfg_add_error(errors, "keylog_mode: the %d in %d asks for a peer; name it with keylog_peer",
			KEYLOG_TO_PEER, p->keylog_mode);
	if (to & KEYLOG_TO_PEER && p->keylog_peer && key_log_peer(p->keylog_peer, &peer))
		cfg_add_error(errors, "keylog_peer: '%s' is not udp:<ip>:<port> or udp:[<ipv6>]:<port>",
			p->keylog_peer);
	if (p->keylog_networks && key_log_has(p->keylog_networks, NULL))
		cfg_add_error(errors,
			"keylog_networks: '%s' is not a list of addresses and networks with commas between "
			"them, as 192.0.2.7, 2001:db8::/32",
			p->keylog_networks);
}

static void say_what_has_no_meaning(void)
{
	const struct cfg_stock_param *p;

	for (unsigned i = 0; i < line_count; i++) {
		p = cfg_find_stock_param(lines[i].name);
		if (p && p->use == CFG_STOCK_NO_MEANING)
			ser_log(LOG_LEVEL_NOTICE, "the parameter %s has no effect: %s", p->name, p->why);
	}
}

int params_take(struct params *p, struct cfg_errors *errors, struct cfg_errors *warnings)
{
	unsigned before = errors->count;

	memset(p, 0, sizeof(*p));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		*(int *)((char *)p + numbers[i].offset) = numbers[i].value;
	for (unsigned i = 0; i < line_count; i++)
		take_line(p, &lines[i], errors, warnings);
	if (p->limit_policy && strcasecmp(p->limit_policy, "wait") && strcasecmp(p->limit_policy, "refuse"))
		cfg_add_error(
			errors, "limit_policy: '%s' is not a policy; use wait or refuse", p->limit_policy);
	check_keylog(p, errors, warnings);
	p->connection_timeout = params_silence(p->connection_timeout);
	p->low_mem_threshold1 = params_low_memory(p->low_mem_threshold1);
	say_what_has_no_meaning();
	return errors->count > before ? -1 : 0;
}

int params_silence(int connection_timeout)
{
	return connection_timeout <= 0 || connection_timeout > SILENCE_MAX ? SILENCE_MAX : connection_timeout;
}

int params_low_memory(int low_mem_threshold1)
{
	return low_mem_threshold1 < 0 ? LOW_MEM_THRESHOLD : low_mem_threshold1;
}

int params_refuse_at_limit(const struct params *p)
{
	return p->limit_policy && !strcasecmp(p->limit_policy, "refuse");
}

struct cfg_config *params_domains(const char *file, struct cfg_errors *errors, struct cfg_errors *warnings)
{
	struct cfg_config *c = cfg_config_new(base_file);

	if (!c) {
		cfg_add_error(errors, "out of memory while the parameters were read");
		return NULL;
	}
	for (unsigned i = 0; i < line_count; i++) {
		if (!cfg_find_attribute(lines[i].name))
			continue;
		if (lines[i].text)
			cfg_add_param(c, lines[i].name, lines[i].text, errors);
		else
			cfg_add_param_int(c, lines[i].name, lines[i].number, errors);
	}
	if (file)
		cfg_parse_file(c, file, errors);
	if (!cfg_config_finish(c, errors, warnings))
		return c;
	cfg_config_unref(c);
	return NULL;
}

void params_log(int level, const struct cfg_errors *errors)
{
	for (unsigned i = 0; i < errors->count; i++)
		ser_log(level, "%s", errors->list[i].text);
	if (errors->dropped)
		ser_log(level, "and %u more", errors->dropped);
}
