/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/lookup.h"

#include <string.h>
#include <strings.h>

/* How close a domain's address is to that of a connection. */
enum nearness {
	EXACT_PORT,
	EVERY_PORT,
	ANY_ADDRESS,
	NEARNESSES,
};

struct candidates {
	const struct cfg_domain *named;   /* has the best name */
	size_t score;                     /* the score of that name */
	const struct cfg_domain *unnamed; /* has no name and, for clients, no id */
	const struct cfg_domain *with_id; /* the last one without a name */
	const struct cfg_domain *last;    /* the last one defined, whatever it has */
};

static enum nearness nearness_of(const struct cfg_domain *d)
{
	in_port_t port;

	if (d->scope.address.any.sa_family == AF_UNSPEC)
		return ANY_ADDRESS;
	port = d->scope.address.any.sa_family == AF_INET ? d->scope.address.in.sin_port
							 : d->scope.address.in6.sin6_port;
	return port ? EXACT_PORT : EVERY_PORT;
}

/* How well a domain's name matches; 0: not at all. */
static size_t name_score(const struct cfg_domain *d, const char *name, size_t len)
{
	size_t own = strlen(d->server_name);

	if (len == own && d->server_name_mode != CFG_NAME_SUBDOMAINS &&
		!strncasecmp(name, d->server_name, own))
		return 2 * own + (d->server_name_mode == CFG_NAME_EXACT);
	if (len > own + 1 && d->server_name_mode != CFG_NAME_EXACT && name[len - own - 1] == '.' &&
		!strncasecmp(name + len - own, d->server_name, own))
		return 2 * own + (d->server_name_mode == CFG_NAME_SUBDOMAINS);
	return 0;
}

static void consider(struct candidates *c, const struct cfg_domain *d, const char *name, size_t len)
{
	int by_id = d->kind == CFG_CLIENT && d->server_id;
	size_t score;

	c->last = d;
	if (!d->server_name) {
		if (by_id)
			c->with_id = d;
		else
			c->unnamed = d;
		return;
	}
	score = name ? name_score(d, name, len) : 0;
	/* With equal name and mode, a client domain without an id wins. */
	if (score && (score > c->score || (score == c->score && !by_id))) {
		c->named = d;
		c->score = score;
	}
}

/* Chooses among domains for the connection's address. */
static const struct cfg_domain *choose(const struct candidates *c, int takes_last)
{
	if (c->named)
		return c->named;
	if (c->unnamed)
		return c->unnamed;
	if (!takes_last)
		return NULL;
	return c->with_id ? c->with_id : c->last;
}

static const struct cfg_domain *find(const struct cfg_config *config, enum cfg_kind kind,
	const struct sockaddr *address, const char *name, int takes_last)
{
	struct candidates candidates[NEARNESSES] = {{0}};
	const struct cfg_domain *the_default = NULL, *found;
	size_t len = name ? strlen(name) : 0;

	if (len && name[len - 1] == '.')
		len--;
	for (unsigned i = 0; i < config->count; i++) {
		const struct cfg_domain *d = config->domains[i];
		enum nearness nearness = nearness_of(d);

		if (d->kind != kind)
			continue;
		if (d->is_default)
			the_default = d;
		else if (nearness == ANY_ADDRESS || (address && cfg_scope_has(&d->scope, address)))
			consider(&candidates[nearness], d, len ? name : NULL, len);
	}
	for (int i = 0; i < NEARNESSES; i++) {
		found = choose(&candidates[i], i != ANY_ADDRESS && takes_last);
		if (found)
			return found;
	}
	return the_default;
}

const struct cfg_domain *cfg_find_server(
	const struct cfg_config *config, const struct sockaddr *local, const char *server_name)
{
	return find(config, CFG_SERVER, local, server_name, !server_name || !*server_name);
}

const struct cfg_domain *cfg_find_client(const struct cfg_config *config, const char *server_id,
	const struct sockaddr *remote, const char *server_name)
{
	const struct cfg_domain *found = NULL, *of_address = NULL;

	for (unsigned i = 0; server_id && *server_id && i < config->count; i++) {
		const struct cfg_domain *d = config->domains[i];

		if (d->kind != CFG_CLIENT || !d->server_id || strcasecmp(d->server_id, server_id))
			continue;
		found = d;
		if (remote && !d->is_default && nearness_of(d) != ANY_ADDRESS &&
			cfg_scope_has(&d->scope, remote))
			of_address = d;
	}
	if (found)
		return of_address ? of_address : found;
	return find(config, CFG_CLIENT, remote, server_name, 1);
}
