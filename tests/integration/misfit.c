/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into Kamailio by tests: functions of a core that is laid out otherwise. A copy of the module
 * calls them, because test_core_facts.py has changed the names in it. Each does what the core's function
 * does, and then spoils what MISFIT names: a function and a number, which is the position of a byte for most.
 */
#include "ser/host/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bytes of a structure that the function has filled in. */
static void spoil(const char *function, void *structure)
{
	const char *misfit = getenv("MISFIT");
	size_t len = strlen(function);

	if (misfit && !strncmp(misfit, function, len) && misfit[len] == ' ')
		((unsigned char *)structure)[atoi(misfit + len)] ^= 0x55;
}

static int is(const char *misfit)
{
	const char *wanted = getenv("MISFIT");

	return wanted && !strcmp(wanted, misfit);
}

struct host_tcp_connection *Xcpconn_new(int sock, union host_sockaddr *remote, union host_sockaddr *local,
	struct host_socket_info *si, int type, int state)
{
	struct host_tcp_connection *c = tcpconn_new(sock, remote, local, si, type, state);

	spoil(type == HOST_PROTO_TLS ? "tls" : "tcp", c);
	return c;
}

/* As the core finds by id, in a table that has another number of rows, or linked by another member. */
static int find(int id, unsigned rows, size_t next, int bad)
{
	unsigned row = (unsigned)id & (rows - 1);
	struct host_tcp_connection *c = row < HOST_ID_HASH_SIZE ? tcpconn_id_hash[row] : NULL;

	while (c && (c->id != id || c->state == bad))
		memcpy(&c, (char *)c + next, sizeof(c));
	return !!c;
}

int exists(int id, struct host_ip *peer, int peer_port, struct host_ip *local, int local_port,
	int proto) __asm__("tcpconn_exists");

int Xcpconn_exists(
	int id, struct host_ip *peer, int peer_port, struct host_ip *local, int local_port, int proto)
{
	size_t next = offsetof(struct host_tcp_connection, id_next);

	if (id && is("rows more"))
		return find(id, 2 * HOST_ID_HASH_SIZE, next, HOST_CONN_BAD);
	if (id && is("rows less"))
		return find(id, HOST_ID_HASH_SIZE / 2, next, HOST_CONN_BAD);
	if (id && is("next"))
		return find(id, HOST_ID_HASH_SIZE, next + sizeof(void *), HOST_CONN_BAD);
	if (id && is("bad"))
		return find(id, HOST_ID_HASH_SIZE, next, HOST_CONN_BAD - 1);
	if (!id && is("lost"))
		return 0;
	if (!id && is("parameters") && FACT_TCPCONN_EXISTS_PARAMETERS == 5 && proto != HOST_PROTO_TLS)
		return 0;
	return exists(id, peer, peer_port, local, local_port, is("parameters") ? HOST_PROTO_TLS : proto);
}

int Xcpconn_add_alias(int id, int port, int proto)
{
	struct host_tcp_connection *c = tcpconn_id_hash[0];
	int rc = tcpconn_add_alias(id, port, proto);

	spoil("alias", c);
	return rc;
}

int Xv_get_null(struct host_sip_msg *msg, struct host_variable_param *param, struct host_value *value)
{
	int rc = pv_get_null(msg, param, value);

	spoil("null", value);
	spoil("hooks", &tls_hook);
	spoil("listener", tls_listen);
	return rc;
}

int Xv_parse_index(struct host_variable_spec *spec, const struct host_str *index)
{
	int rc = pv_parse_index(spec, index);

	spoil("index", &spec->param);
	if (is("kept"))
		spec->param.index_type = -1;
	return rc;
}

void Xr_kemi_xval_null(struct host_kemi_value *value, int mode)
{
	sr_kemi_xval_null(value, mode);
	spoil("kemi", value);
}

void Xcp_get_info(struct host_tcp_gen_info *info)
{
	tcp_get_info(info);
	spoil("info", info);
}

int Xaked_msg_get_new(struct host_sip_msg *msg)
{
	int rc = faked_msg_get_new(msg);

	spoil("message", msg);
	return rc;
}

/* After this nothing else is done with it. */
void Xree_sip_msg(struct host_sip_msg *msg)
{
	free_sip_msg(msg);
	if (is("short"))
		((unsigned char *)(msg + 1))[-1] = 0xff;
}
