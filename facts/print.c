/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints what ser/host/layout.h states of the core, as the compiler sees it in the core's own headers: one
 * #define for each size, position and value, named as there. Compiled by facts/generate with the flags of a
 * Kamailio tree.
 */
#include "core/action.h"
#include "core/cfg/cfg.h"
#include "core/cfg/cfg_struct.h"
#include "core/cfg_core.h"
#include "core/dst_blocklist.h"
#include "core/kemi.h"
#include "core/mem/memapi.h"
#include "core/parser/msg_parser.h"
#include "core/pass_fd.h"
#include "core/pvar.h"
#include "core/route.h"
#include "core/rpc.h"
#include "core/select.h"
#include "core/sr_module.h"
#include "core/tcp_conn.h"
#include "core/tcp_info.h"
#include "core/tcp_init.h"
#include "core/tcp_options.h"
#include "core/tcp_read.h"
#include "core/tcp_stats.h"
#include "core/tls_hooks.h"
#include "core/xavp.h"

#include <stddef.h>
#include <stdio.h>

#define SIZE(host, type) printf("#define FACT_SIZE_%s %zu\n", #host, sizeof(type))
#define AT(host, member, type, theirs)                                                                       \
	printf("#define FACT_AT_%s_%s %zu\n", #host, #member, offsetof(type, theirs))
#define VALUE(host, theirs) printf("#define FACT_%s %lld\n", #host, (long long)(theirs))

static void addresses(void)
{
	SIZE(host_str, str);
	SIZE(host_sockaddr, union sockaddr_union);
	SIZE(host_ip, struct ip_addr);
	SIZE(host_socket_info, struct socket_info);
	AT(host_socket_info, gindex, struct socket_info, gindex);
	AT(host_socket_info, name, struct socket_info, name);
	AT(host_socket_info, address, struct socket_info, address);
	AT(host_socket_info, address_str, struct socket_info, address_str);
	AT(host_socket_info, port_no_str, struct socket_info, port_no_str);
	AT(host_socket_info, flags, struct socket_info, flags);
	AT(host_socket_info, su, struct socket_info, su);
	AT(host_socket_info, next, struct socket_info, next);
	AT(host_socket_info, port_no, struct socket_info, port_no);
	AT(host_socket_info, proto, struct socket_info, proto);
	VALUE(HOST_PROTO_TCP, PROTO_TCP);
	VALUE(HOST_PROTO_TLS, PROTO_TLS);
	VALUE(HOST_PROTO_WSS, PROTO_WSS);
	SIZE(host_receive_info, struct receive_info);
	AT(host_receive_info, proto_reserved1, struct receive_info, proto_reserved1);
	AT(host_receive_info, src_su, struct receive_info, src_su);
	AT(host_receive_info, bind_address, struct receive_info, bind_address);
	AT(host_receive_info, rflags, struct receive_info, rflags);
	AT(host_receive_info, proto, struct receive_info, proto);
	SIZE(host_destination, struct dest_info);
	AT(host_destination, to, struct dest_info, to);
	AT(host_destination, id, struct dest_info, id);
	AT(host_destination, send_flags, struct dest_info, send_flags);
	AT(host_destination, proto, struct dest_info, proto);
}

static void requests(void)
{
	SIZE(host_coninfo, ksr_coninfo_t);
	AT(host_coninfo, csocket, ksr_coninfo_t, csocket);
#if VERSIONVAL >= 6001000
	AT(host_coninfo, server_name, ksr_coninfo_t, server_name);
	AT(host_coninfo, server_id, ksr_coninfo_t, server_id);
#endif
	SIZE(host_tcp_req, struct tcp_req);
	AT(host_tcp_req, pos, struct tcp_req, pos);
	AT(host_tcp_req, b_size, struct tcp_req, b_size);
	AT(host_tcp_req, error, struct tcp_req, error);
	AT(host_tcp_req, state, struct tcp_req, state);
	VALUE(HOST_TCP_READ_ERROR, TCP_READ_ERROR);
	VALUE(HOST_TCP_REQ_OVERRUN, TCP_REQ_OVERRUN);
	SIZE(host_timer, struct timer_ln);
	AT(host_timer, data, struct timer_ln, data);
}

static void connections(void)
{
	SIZE(host_tcp_connection, struct tcp_connection);
	AT(host_tcp_connection, fd, struct tcp_connection, fd);
	AT(host_tcp_connection, write_lock, struct tcp_connection, write_lock);
	AT(host_tcp_connection, id, struct tcp_connection, id);
	AT(host_tcp_connection, event, struct tcp_connection, event);
	AT(host_tcp_connection, reader_pid, struct tcp_connection, reader_pid);
	AT(host_tcp_connection, rcv, struct tcp_connection, rcv);
	AT(host_tcp_connection, cinfo, struct tcp_connection, cinfo);
	AT(host_tcp_connection, req, struct tcp_connection, req);
	AT(host_tcp_connection, refcnt, struct tcp_connection, refcnt);
	AT(host_tcp_connection, type, struct tcp_connection, type);
	AT(host_tcp_connection, flags, struct tcp_connection, flags);
	AT(host_tcp_connection, send_flags, struct tcp_connection, send_flags);
	AT(host_tcp_connection, state, struct tcp_connection, state);
#if VERSIONVAL >= 5007003
	AT(host_tcp_connection, initstate, struct tcp_connection, initstate);
#endif
	AT(host_tcp_connection, extra_data, struct tcp_connection, extra_data);
	AT(host_tcp_connection, timer, struct tcp_connection, timer);
	AT(host_tcp_connection, timeout, struct tcp_connection, timeout);
	AT(host_tcp_connection, lifetime, struct tcp_connection, lifetime);
	AT(host_tcp_connection, id_hash, struct tcp_connection, id_hash);
	AT(host_tcp_connection, id_next, struct tcp_connection, id_next);
	AT(host_tcp_connection, list_next, struct tcp_connection, c_next);
	AT(host_tcp_connection, aliases, struct tcp_connection, con_aliases);
	AT(host_tcp_connection, aliases_count, struct tcp_connection, aliases);
	AT(host_tcp_connection, wbuf_first, struct tcp_connection, wbuf_q.first);
	AT(host_tcp_connection, wbuf_last, struct tcp_connection, wbuf_q.last);
	AT(host_tcp_connection, wbuf_timeout, struct tcp_connection, wbuf_q.wr_timeout);
	SIZE(host_alias, struct tcp_conn_alias);
	VALUE(HOST_ALIASES_MAX, TCP_CON_MAX_ALIASES);
	VALUE(HOST_ID_HASH_SIZE, TCP_ID_HASH_SIZE);
	VALUE(HOST_TICKS_PER_SECOND, TIMER_TICKS_HZ);
	VALUE(HOST_LOCK_SIZE, sizeof(gen_lock_t));
}

static void states(void)
{
	VALUE(HOST_CONN_BAD, S_CONN_BAD);
	VALUE(HOST_CONN_OK, S_CONN_OK);
	VALUE(HOST_CONN_EOF, S_CONN_EOF);
	VALUE(HOST_CONN_ACCEPT, S_CONN_ACCEPT);
	VALUE(HOST_CONN_CONNECT, S_CONN_CONNECT);
	VALUE(HOST_CLOSED_EOF, TCP_CLOSED_EOF);
	VALUE(HOST_CLOSED_TIMEOUT, TCP_CLOSED_TIMEOUT);
	VALUE(HOST_CLOSED_RESET, TCP_CLOSED_RESET);
	VALUE(HOST_F_CONN_READER, F_CONN_READER);
	VALUE(HOST_F_CONN_FD_CLOSED, F_CONN_FD_CLOSED);
	VALUE(HOST_F_CONN_PASSIVE, F_CONN_PASSIVE);
	VALUE(HOST_SND_F_CON_CLOSE, SND_F_CON_CLOSE);
	VALUE(HOST_RD_SHORT_READ, RD_CONN_SHORT_READ);
	VALUE(HOST_RD_EOF, RD_CONN_EOF);
	VALUE(HOST_RD_REPEAT, RD_CONN_REPEAT_READ);
	VALUE(HOST_CONN_CMD_EOF, CONN_EOF);
	VALUE(HOST_CONN_CMD_GET_FD, CONN_GET_FD);
	VALUE(HOST_CONN_NEW, CONN_NEW);
	VALUE(HOST_CONN_QUEUED_WRITE, CONN_QUEUED_WRITE);
	VALUE(HOST_BLOCKLIST_CONNECT, BLST_ERR_CONNECT);
}

static void settings(void)
{
	SIZE(host_tcp_gen_info, struct tcp_gen_info);
	AT(host_tcp_gen_info, tls_connections_no, struct tcp_gen_info, tls_connections_no);
	SIZE(host_cfg_tcp, struct cfg_group_tcp);
	AT(host_cfg_tcp, max_tls_connections, struct cfg_group_tcp, max_tls_connections);
	AT(host_cfg_tcp, async, struct cfg_group_tcp, async);
	AT(host_cfg_tcp, conn_wq_max, struct cfg_group_tcp, tcpconn_wq_max);
	AT(host_cfg_tcp, wq_max, struct cfg_group_tcp, tcp_wq_max);
	AT(host_cfg_tcp, rd_buf_size, struct cfg_group_tcp, rd_buf_size);
	AT(host_cfg_core, use_dst_blocklist, struct cfg_group_core, use_dst_blocklist);
	AT(host_cfg_core, blocklist_seconds, struct cfg_group_core, blst_timeout);
	SIZE(host_setting, cfg_def_t);
	AT(host_setting, description, cfg_def_t, descr);
	VALUE(HOST_SETTING_INT, CFG_VAR_INT);
	VALUE(HOST_SETTING_STR, CFG_VAR_STR);
	VALUE(HOST_SETTING_ATOMIC, CFG_ATOMIC);
	VALUE(HOST_SETTING_READ_ONLY, CFG_READONLY);
	AT(host_cfg_block, refcnt, cfg_block_t, refcnt);
}

static void module_interface(void)
{
	SIZE(host_tls_hooks, struct tls_hooks);
	SIZE(host_param, param_export_t);
	VALUE(HOST_PARAM_STRING, PARAM_STRING);
	VALUE(HOST_PARAM_INT, PARAM_INT);
	VALUE(HOST_PARAM_USE_FUNC, (unsigned)PARAM_USE_FUNC);
	SIZE(host_command, cmd_export_t);
	VALUE(HOST_REQUEST_ROUTE, REQUEST_ROUTE);
	VALUE(HOST_ANY_ROUTE, (unsigned)ANY_ROUTE);
	SIZE(host_module_exports, struct module_exports);
	VALUE(HOST_PROC_MAIN, PROC_MAIN);
	VALUE(HOST_PROC_TCP_MAIN, PROC_TCP_MAIN);
	VALUE(HOST_PROC_POSTCHILDINIT, PROC_POSTCHILDINIT);
	VALUE(HOST_PROC_INIT, PROC_INIT);
	VALUE(HOST_PROC_NOCHLDINIT, PROC_NOCHLDINIT);
	SIZE(host_rpc, rpc_t);
	AT(host_rpc, add, rpc_t, add);
	AT(host_rpc, scan, rpc_t, scan);
	AT(host_rpc, struct_add, rpc_t, struct_add);
	VALUE(HOST_RPC_RET_ARRAY, RET_ARRAY);
	SIZE(host_rpc_export, rpc_export_t);
}

static void scripts(void)
{
	SIZE(host_sip_msg, struct sip_msg);
	AT(host_sip_msg, rcv, struct sip_msg, rcv);
	VALUE(HOST_SEL_PARAMS_MAX, MAX_SELECT_PARAMS);
	SIZE(host_sel_param, select_param_t);
	SIZE(host_select, select_t);
	AT(host_select, params, select_t, params);
	AT(host_select, n, select_t, n);
	SIZE(host_select_row, select_row_t);
	VALUE(HOST_SEL_PARAM_INT, SEL_PARAM_INT);
	VALUE(HOST_SEL_PARAM_STR, SEL_PARAM_STR);
	VALUE(HOST_SEL_PARAM_EXPECTED, SEL_PARAM_EXPECTED);
	VALUE(HOST_SEL_CONSUME_NEXT_INT, CONSUME_NEXT_INT);
	VALUE(HOST_SEL_OPTIONAL, OPTIONAL);
	VALUE(HOST_SEL_FIXUP_CALL, FIXUP_CALL);
	SIZE(host_route_list, struct route_list);
	SIZE(host_run_context, struct run_act_ctx);
	AT(host_run_context, flags, struct run_act_ctx, run_flags);
	VALUE(HOST_RUN_DROP, DROP_R_F);
	VALUE(HOST_LOCAL_ROUTE, LOCAL_ROUTE);
	VALUE(HOST_EVENT_ROUTE, EVENT_ROUTE);
	SIZE(host_xavp, sr_xavp_t);
	AT(host_xavp, value, sr_xavp_t, val);
	AT(host_xavp, s, sr_xavp_t, val.v.s);
}

static void variables(void)
{
	SIZE(host_variable_param, pv_param_t);
	AT(host_variable_param, name, pv_param_t, pvn.u.isname.name);
	AT(host_variable_param, index_type, pv_param_t, pvi);
	SIZE(host_variable_spec, pv_spec_t);
	AT(host_variable_spec, param, pv_spec_t, pvp);
	SIZE(host_value, pv_value_t);
	AT(host_value, i, pv_value_t, ri);
	AT(host_value, flags, pv_value_t, flags);
	VALUE(HOST_VALUE_INT_SIZE, sizeof(((pv_value_t *)0)->ri));
	VALUE(HOST_VALUE_STR, PV_VAL_STR);
	VALUE(HOST_VALUE_INT, PV_VAL_INT);
	VALUE(HOST_VARIABLE_OTHER, PVT_OTHER);
	VALUE(HOST_INDEX_NONE, PV_IDX_NONE);
	SIZE(host_variable, pv_export_t);
	AT(host_variable, parse_name, pv_export_t, parse_name);
	SIZE(host_kemi, sr_kemi_t);
	AT(host_kemi, f, sr_kemi_t, func);
	SIZE(host_kemi_value, sr_kemi_xval_t);
	VALUE(HOST_KEMI_INT, SR_KEMIP_INT);
	VALUE(HOST_KEMI_STR, SR_KEMIP_STR);
	VALUE(HOST_KEMI_VALUE, SR_KEMIP_XVAL);
	VALUE(HOST_KEMI_NULL_EMPTY, SR_KEMI_XVAL_NULL_EMPTY);
}

static void services(void)
{
	SIZE(host_shm_api, sr_shm_api_t);
	AT(host_shm_api, block, sr_shm_api_t, mem_block);
	AT(host_shm_api, xmalloc, sr_shm_api_t, xmalloc);
	AT(host_shm_api, xfree, sr_shm_api_t, xfree);
	AT(host_shm_api, xavailable, sr_shm_api_t, xavailable);
	SIZE(host_log_level, struct log_level_info);
	SIZE(host_log_data, ksr_logdata_t);
	AT(host_log_data, pid, ksr_logdata_t, v_pid);
	SIZE(host_tcp_counters, struct tcp_counters_h);
	VALUE(HOST_COUNTER_NO_RESET, CNT_F_NO_RESET);
}

int main(void)
{
	addresses();
	requests();
	connections();
	states();
	settings();
	module_interface();
	scripts();
	variables();
	services();
	return 0;
}
