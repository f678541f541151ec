/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's binary interface: the part of Kamailio that this module touches. Debian ships no headers of
 * Kamailio, so structures stand here with the members that are used, and padding between them. Positions,
 * sizes and values are those of one layout (ser/host/facts), which the build chooses with HOST_FACTS; what
 * does not agree with them does not compile. ser/host/check.h compares with the running core before anything
 * relies on it. No other folder knows the host's layout.
 */
#ifndef SER_HOST_LAYOUT_H
#define SER_HOST_LAYOUT_H

#include <assert.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#ifndef HOST_FACTS
#error "define HOST_FACTS as one of the headers in ser/host/facts"
#endif
#include HOST_FACTS

/* The core's locks are machine code of its own (ser/shared/lock.h has the same), known on this machine only.
 */
#ifndef __x86_64__
#error "the host's layouts are known for x86-64 only"
#endif

#define HOST_AT(type, member)                                                                                \
	static_assert(offsetof(struct type, member) == FACT_AT_##type##_##member,                            \
		"position of " #member " in " #type)
#define HOST_SIZE(type) static_assert(sizeof(struct type) == FACT_SIZE_##type, "size of " #type)

struct host_str {
	char *s;
	int len;
};
HOST_SIZE(host_str);

/* Addresses and sockets. */

union host_sockaddr {
	struct sockaddr s;
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
	struct sockaddr_storage storage;
};
static_assert(sizeof(union host_sockaddr) == FACT_SIZE_host_sockaddr, "size of host_sockaddr");

struct host_ip {
	unsigned af, len;
	uint8_t u[16];
};
HOST_SIZE(host_ip);

struct host_socket_info {
	int socket;
	int gindex;
	struct host_str name;
	struct host_ip address;
	struct host_str address_str, port_no_str;
	unsigned flags;
	union host_sockaddr su;
	struct host_socket_info *next, *prev;
	unsigned short port_no;
	char proto;
	char rest[FACT_SIZE_host_socket_info - FACT_AT_host_socket_info_proto - 1];
};
HOST_AT(host_socket_info, gindex);
HOST_AT(host_socket_info, address);
HOST_AT(host_socket_info, address_str);
HOST_AT(host_socket_info, port_no_str);
HOST_AT(host_socket_info, flags);
HOST_AT(host_socket_info, su);
HOST_AT(host_socket_info, next);
HOST_AT(host_socket_info, port_no);
HOST_AT(host_socket_info, proto);
HOST_SIZE(host_socket_info);

enum { /* enum sip_protos */
	HOST_PROTO_TCP = FACT_HOST_PROTO_TCP,
	HOST_PROTO_TLS = FACT_HOST_PROTO_TLS,
	HOST_PROTO_WSS = FACT_HOST_PROTO_WSS, /* the websocket module turns a TLS connection into this */
};

/* Connections. */

struct host_receive_info {
	struct host_ip src_ip, dst_ip;
	unsigned short src_port, dst_port;
	int proto_reserved1; /* id of the connection, while a message is processed */
	int proto_reserved2;
	union host_sockaddr src_su;
	struct host_socket_info *bind_address;
	int rflags;
	char proto;
};
HOST_AT(host_receive_info, proto_reserved1);
HOST_AT(host_receive_info, src_su);
HOST_AT(host_receive_info, bind_address);
HOST_AT(host_receive_info, rflags);
HOST_AT(host_receive_info, proto);
HOST_SIZE(host_receive_info);

struct host_coninfo {
	struct host_ip src_ip, dst_ip;
	unsigned short src_port, dst_port;
	int proto;
	struct host_socket_info *csocket;
	char rest[FACT_SIZE_host_coninfo - FACT_AT_host_coninfo_csocket - 8];
};
HOST_AT(host_coninfo, csocket);
HOST_SIZE(host_coninfo);

struct host_tcp_req {
	void *next;
	char *buf, *start, *pos, *parsed, *body;
	unsigned b_size; /* size of buf minus one */
	int content_len, chunk_size, flags, bytes_to_go;
	int error;
	int state;
	char rest[FACT_SIZE_host_tcp_req - FACT_AT_host_tcp_req_state - 4];
};
HOST_AT(host_tcp_req, pos);
HOST_AT(host_tcp_req, b_size);
HOST_AT(host_tcp_req, error);
HOST_AT(host_tcp_req, state);
HOST_SIZE(host_tcp_req);

enum { /* tcp_req_errors_t */
	HOST_TCP_READ_ERROR = FACT_HOST_TCP_READ_ERROR,
	HOST_TCP_REQ_OVERRUN = FACT_HOST_TCP_REQ_OVERRUN,
};

struct host_timer {
	char opaque[24];
	void *data;
	char rest[16];
};
HOST_AT(host_timer, data);
HOST_SIZE(host_timer);

struct host_tcp_connection {
	int s;  /* tcp_main's descriptor */
	int fd; /* the reader's descriptor */
	int write_lock;
	int id;
	int event; /* why it closed */
	int reader_pid;
	struct host_receive_info rcv;
	struct host_coninfo cinfo; /* the proxy's connection, if there is a proxy */
	struct host_tcp_req req;
	int refcnt;
	int type; /* enum sip_protos */
	unsigned flags;
	unsigned send_flags;
	int state;
	int initstate;    /* what it was made with; Kamailio before 5.7.3 has nothing here */
	void *extra_data; /* ours */
	struct host_timer timer;
	char between[FACT_AT_host_tcp_connection_timeout - FACT_AT_host_tcp_connection_timer -
		     sizeof(struct host_timer)];
	unsigned timeout, lifetime; /* ticks */
	unsigned id_hash;
	struct host_tcp_connection *id_next, *id_prev;
	struct host_tcp_connection *list_next, *list_prev; /* list of a reader's connections */
	struct host_alias {
		struct host_tcp_connection *parent;
		struct host_alias *next, *prev;
		unsigned short port, hash;
	} aliases[FACT_HOST_ALIASES_MAX]; /* addresses by which it is found, in tcpconn_aliases_hash */
	int aliases_count;
	void *wbuf_first; /* bytes that the core could not write yet */
	void *wbuf_last;
	unsigned wbuf_timeout; /* ticks */
	char wbuf_rest[12];
};
HOST_AT(host_tcp_connection, fd);
HOST_AT(host_tcp_connection, write_lock);
HOST_AT(host_tcp_connection, id);
HOST_AT(host_tcp_connection, event);
HOST_AT(host_tcp_connection, reader_pid);
HOST_AT(host_tcp_connection, rcv);
HOST_AT(host_tcp_connection, cinfo);
HOST_AT(host_tcp_connection, req);
HOST_AT(host_tcp_connection, refcnt);
HOST_AT(host_tcp_connection, type);
HOST_AT(host_tcp_connection, flags);
HOST_AT(host_tcp_connection, send_flags);
HOST_AT(host_tcp_connection, state);
HOST_AT(host_tcp_connection, extra_data);
HOST_AT(host_tcp_connection, timer);
HOST_AT(host_tcp_connection, timeout);
HOST_AT(host_tcp_connection, lifetime);
HOST_AT(host_tcp_connection, id_hash);
HOST_AT(host_tcp_connection, id_next);
HOST_AT(host_tcp_connection, list_next);
HOST_AT(host_tcp_connection, aliases);
HOST_AT(host_tcp_connection, aliases_count);
HOST_AT(host_tcp_connection, wbuf_first);
HOST_AT(host_tcp_connection, wbuf_last);
HOST_AT(host_tcp_connection, wbuf_timeout);
#ifdef FACT_AT_host_tcp_connection_initstate
HOST_AT(host_tcp_connection, initstate);
#endif
HOST_SIZE(host_tcp_connection);
HOST_SIZE(host_alias);
static_assert(sizeof(int) == FACT_HOST_LOCK_SIZE, "size of a lock");

enum { /* enum tcp_conn_states */
	HOST_CONN_BAD = FACT_HOST_CONN_BAD,
	HOST_CONN_OK = FACT_HOST_CONN_OK,
	HOST_CONN_EOF = FACT_HOST_CONN_EOF,
	HOST_CONN_ACCEPT = FACT_HOST_CONN_ACCEPT,
	HOST_CONN_CONNECT = FACT_HOST_CONN_CONNECT,
};

enum { /* tcp_closed_reason */
	HOST_CLOSED_EOF = FACT_HOST_CLOSED_EOF,
	HOST_CLOSED_TIMEOUT = FACT_HOST_CLOSED_TIMEOUT,
	HOST_CLOSED_RESET = FACT_HOST_CLOSED_RESET,
};

enum {                                                /* connection flags */
	HOST_F_CONN_READER = FACT_HOST_F_CONN_READER, /* a reader process has it */
	HOST_F_CONN_FD_CLOSED = FACT_HOST_F_CONN_FD_CLOSED,
	HOST_F_CONN_PASSIVE = FACT_HOST_F_CONN_PASSIVE,
};

#define HOST_SND_F_CON_CLOSE                                                                                 \
	((unsigned)FACT_HOST_SND_F_CON_CLOSE) /* send flag: close the connection after the message */

enum { /* rd_conn_flags_t */
	HOST_RD_SHORT_READ = FACT_HOST_RD_SHORT_READ,
	HOST_RD_EOF = FACT_HOST_RD_EOF,
	HOST_RD_REPEAT = FACT_HOST_RD_REPEAT,
};

enum {                                              /* conn_cmds_t: what a process asks of tcp_main */
	HOST_CONN_CMD_EOF = FACT_HOST_CONN_CMD_EOF, /* close the connection, drop the sender's reference */
	HOST_CONN_CMD_GET_FD = FACT_HOST_CONN_CMD_GET_FD,     /* send its descriptor */
	HOST_CONN_NEW = FACT_HOST_CONN_NEW,                   /* take it over */
	HOST_CONN_QUEUED_WRITE = FACT_HOST_CONN_QUEUED_WRITE, /* watch it until it can be written, drop the
								 sender's reference */
};

enum {
	HOST_ACCEPT_HAPROXY = 128, /* of tcp_accept_protocols, KSR_TCPAP_HAPROXY in 6.1.1 and later */
	HOST_ID_HASH_SIZE = FACT_HOST_ID_HASH_SIZE,
	HOST_TICKS_PER_SECOND = FACT_HOST_TICKS_PER_SECOND,
};

struct host_tcp_gen_info {
	int tcp_readers, tcp_max_connections, tls_max_connections, tcp_connections_no, tls_connections_no,
		tcp_write_queued;
};
HOST_AT(host_tcp_gen_info, tls_connections_no);
HOST_SIZE(host_tcp_gen_info);

struct host_cfg_tcp {
	int connect_timeout_s, send_timeout;
	unsigned con_lifetime; /* ticks */
	int max_connections, max_tls_connections;
	int no_connect, fd_cache;
	int async, connect_wait;
	unsigned conn_wq_max, wq_max; /* bytes that may wait for one connection, for all */
	char between[FACT_AT_host_cfg_tcp_rd_buf_size - FACT_AT_host_cfg_tcp_wq_max - 4];
	int rd_buf_size;
	int end;
};
HOST_AT(host_cfg_tcp, max_tls_connections);
HOST_AT(host_cfg_tcp, async);
HOST_AT(host_cfg_tcp, conn_wq_max);
HOST_AT(host_cfg_tcp, wq_max);
HOST_AT(host_cfg_tcp, rd_buf_size);
HOST_SIZE(host_cfg_tcp);

/* The destination of a message. */
struct host_destination {
	struct host_socket_info *send_sock;
	union host_sockaddr to;
	int id; /* id of a connection, or 0 */
	unsigned send_flags;
	char proto;
};
HOST_AT(host_destination, to);
HOST_AT(host_destination, id);
HOST_AT(host_destination, send_flags);
HOST_AT(host_destination, proto);
HOST_SIZE(host_destination);

struct host_cfg_core {
	char before[12];
	int use_dst_blocklist;
	unsigned blocklist_seconds;
};
HOST_AT(host_cfg_core, use_dst_blocklist);
HOST_AT(host_cfg_core, blocklist_seconds);

enum {
	HOST_BLOCKLIST_CONNECT = FACT_HOST_BLOCKLIST_CONNECT, /* why a destination is on the blocklist */
};

/* Module interface. */

struct host_tls_hooks {
	int (*read)(struct host_tcp_connection *c, int *flags);
	int (*encode)(struct host_tcp_connection *c, const char **buf, unsigned *len, const char **rest,
		unsigned *rest_len, unsigned *send_flags);
	int (*on_tcpconn_init)(struct host_tcp_connection *c, int sock);
	void (*tcpconn_clean)(struct host_tcp_connection *c);
	void (*tcpconn_close)(struct host_tcp_connection *c, int fd);
	int (*init_si)(struct host_socket_info *si);
	int (*init)(void);
	void (*destroy)(void);
	int (*pre_init)(void);
	char rest[FACT_SIZE_host_tls_hooks - 72]; /* from 6.1 on, what tls_connection_match_domain needs */
};
HOST_SIZE(host_tls_hooks);

struct host_param {
	const char *name;
	unsigned type;
	void *target;
};
HOST_SIZE(host_param);

enum {
	HOST_PARAM_STRING = FACT_HOST_PARAM_STRING,
	HOST_PARAM_INT = FACT_HOST_PARAM_INT,
};
#define HOST_PARAM_USE_FUNC ((unsigned)FACT_HOST_PARAM_USE_FUNC)

struct host_sip_msg;

/* A function for scripts; it returns 1 for true, -1 for false. */
struct host_command {
	const char *name;
	int (*f)(struct host_sip_msg *msg, char *first, char *second);
	int params;
	int (*fixup)(void **param, int number);
	int (*free_fixup)(void **param, int number);
	unsigned routes;
};
HOST_SIZE(host_command);

enum { /* where a function may be called */
	HOST_REQUEST_ROUTE = FACT_HOST_REQUEST_ROUTE,
};
#define HOST_ANY_ROUTE ((unsigned)FACT_HOST_ANY_ROUTE)

struct host_module_exports {
	const char *name;
	unsigned dlflags;
	struct host_command *commands;
	struct host_param *params;
	struct host_rpc_export *rpc;
	struct host_variable *variables;
	void *response;
	int (*mod_init)(void);
	int (*child_init)(int rank);
	void (*destroy)(void);
};
HOST_SIZE(host_module_exports);

enum { /* ranks of child_init() */
	HOST_PROC_MAIN = FACT_HOST_PROC_MAIN,
	HOST_PROC_TCP_MAIN = FACT_HOST_PROC_TCP_MAIN,
	HOST_PROC_POSTCHILDINIT = FACT_HOST_PROC_POSTCHILDINIT,
	HOST_PROC_INIT = FACT_HOST_PROC_INIT,
	HOST_PROC_NOCHLDINIT = FACT_HOST_PROC_NOCHLDINIT,
};

/* Remote procedure calls. */

struct host_rpc {
	void (*fault)(void *ctx, int code, const char *format, ...);
	void *send;
	int (*add)(void *ctx, const char *format, ...);
	int (*scan)(void *ctx, const char *format, ...);
	void *rpl_printf;
	int (*struct_add)(void *handle, const char *format, ...);
	void *rest[6];
};
HOST_AT(host_rpc, add);
HOST_AT(host_rpc, scan);
HOST_AT(host_rpc, struct_add);
HOST_SIZE(host_rpc);

enum {
	HOST_RPC_RET_ARRAY = FACT_HOST_RPC_RET_ARRAY, /* the answer is a list */
};

struct host_rpc_export {
	const char *name;
	void (*f)(struct host_rpc *rpc, void *ctx);
	const char **doc;
	unsigned flags;
};
HOST_SIZE(host_rpc_export);

/* Selects. */

struct host_sip_msg {
	char before[512];
	struct host_receive_info rcv;
	char rest[FACT_SIZE_host_sip_msg - FACT_AT_host_sip_msg_rcv - sizeof(struct host_receive_info)];
};
HOST_AT(host_sip_msg, rcv);
HOST_SIZE(host_sip_msg);

enum {
	HOST_SEL_PARAMS_MAX = FACT_HOST_SEL_PARAMS_MAX,
};

struct host_sel_param {
	int type;
	union {
		int i;
		struct host_str s;
		void *p;
	} v;
};
HOST_SIZE(host_sel_param);

struct host_select {
	void *f[4];
	int param_offset[5];
	struct host_sel_param params[HOST_SEL_PARAMS_MAX];
	int n;
};
HOST_AT(host_select, params);
HOST_AT(host_select, n);
HOST_SIZE(host_select);

typedef int (*host_select_f)(struct host_str *res, struct host_select *s, struct host_sip_msg *msg);

struct host_select_row {
	host_select_f parent;
	int type;
	struct host_str name;
	host_select_f f;
	int flags;
};
HOST_SIZE(host_select_row);

enum {
	HOST_SEL_PARAM_INT = FACT_HOST_SEL_PARAM_INT,
	HOST_SEL_PARAM_STR = FACT_HOST_SEL_PARAM_STR,
	HOST_SEL_NUMBER = 0xff, /* flags: the module's own, unless it sets DIVERSION */
	HOST_SEL_PARAM_EXPECTED = FACT_HOST_SEL_PARAM_EXPECTED,
	HOST_SEL_CONSUME_NEXT_INT = FACT_HOST_SEL_CONSUME_NEXT_INT,
	HOST_SEL_OPTIONAL = FACT_HOST_SEL_OPTIONAL,
	HOST_SEL_FIXUP_CALL = FACT_HOST_SEL_FIXUP_CALL, /* f is called with NULLs when the name is parsed */
};

/* Variables, and functions for scripts in other languages. */

struct host_variable_param {
	int name_type;
	void *name_free;
	int name_kind;
	union {
		int n;
		struct host_str s;
	} name;
	int index_type;
	union {
		int i;
		void *p;
	} index;
};
HOST_AT(host_variable_param, name);
HOST_AT(host_variable_param, index_type);
HOST_SIZE(host_variable_param);

struct host_variable_spec {
	int type;
	void *get, *set;
	struct host_variable_param param;
	void *transformations;
};
HOST_AT(host_variable_spec, param);
HOST_SIZE(host_variable_spec);

struct host_value {
	struct host_str s;
#if FACT_HOST_VALUE_INT_SIZE == 8
	long i;
#else
	int i;
#endif
	int flags;
};
HOST_AT(host_value, i);
HOST_AT(host_value, flags);
HOST_SIZE(host_value);

enum {
	HOST_VALUE_NULL = 1,
	HOST_VALUE_STR = FACT_HOST_VALUE_STR,
	HOST_VALUE_INT = FACT_HOST_VALUE_INT,
	HOST_VARIABLE_OTHER = FACT_HOST_VARIABLE_OTHER, /* PVT_OTHER */
	HOST_INDEX_NONE = FACT_HOST_INDEX_NONE,         /* PV_IDX_NONE */
};

struct host_variable {
	struct host_str name;
	int type;
	int (*get)(struct host_sip_msg *msg, struct host_variable_param *param, struct host_value *value);
	void *set;
	int (*parse_name)(struct host_variable_spec *spec, const struct host_str *name);
	int (*parse_index)(struct host_variable_spec *spec, const struct host_str *index);
	int (*init)(struct host_variable_spec *spec, int param); /* called last, with init_param */
	int init_param;
};
HOST_AT(host_variable, parse_name);
HOST_SIZE(host_variable);

struct host_kemi_value {
	int type;
	union {
		int n;
		struct host_str s;
	} v;
};
HOST_SIZE(host_kemi_value);

struct host_xavp {
	unsigned id;
	struct host_str name;
	struct {
		int type;
		struct host_str s;
	} value;
	struct host_xavp *next;
};
HOST_AT(host_xavp, value);
static_assert(
	offsetof(struct host_xavp, value.s) == FACT_AT_host_xavp_s, "position of a string in host_xavp");
HOST_SIZE(host_xavp);

/* Routes of the script. */
struct host_route_list {
	void **routes; /* what run_top_route() takes */
	char rest[24];
};
HOST_SIZE(host_route_list);

struct host_run_context {
	int depth;
	int flags;
	char rest[208];
};
HOST_AT(host_run_context, flags);
HOST_SIZE(host_run_context);

enum {
	HOST_RUN_DROP = FACT_HOST_RUN_DROP,       /* flag: the script said drop */
	HOST_LOCAL_ROUTE = FACT_HOST_LOCAL_ROUTE, /* values of route_type */
	HOST_EVENT_ROUTE = FACT_HOST_EVENT_ROUTE,
};

struct host_kemi {
	struct host_str module, name;
	int result;
	void *f;
	int params[6];
};
HOST_AT(host_kemi, f);
HOST_SIZE(host_kemi);

enum { /* types of parameters and results */
	HOST_KEMI_INT = FACT_HOST_KEMI_INT,
	HOST_KEMI_STR = FACT_HOST_KEMI_STR,
	HOST_KEMI_VALUE = FACT_HOST_KEMI_VALUE,
	HOST_KEMI_NULL_EMPTY =
		FACT_HOST_KEMI_NULL_EMPTY, /* for sr_kemi_xval_null(): null is an empty string */
};

/* Memory, logging, counters, run-time configuration. */

struct host_shm_api {
	char *mname;
	void *pool, *block;
	void *(*xmalloc)(void *block, size_t size, const char *file, const char *func, unsigned line,
		const char *module);
	void *xmallocxz, *xmalloc_unsafe, *xrealloc, *xreallocxf, *xresize;
	void (*xfree)(
		void *block, void *p, const char *file, const char *func, unsigned line, const char *module);
	char between[FACT_AT_host_shm_api_xavailable - FACT_AT_host_shm_api_xfree - 8];
	unsigned long (*xavailable)(void *block);
	char rest[FACT_SIZE_host_shm_api - FACT_AT_host_shm_api_xavailable - 8];
};
HOST_AT(host_shm_api, block);
HOST_AT(host_shm_api, xmalloc);
HOST_AT(host_shm_api, xfree);
HOST_AT(host_shm_api, xavailable);
HOST_SIZE(host_shm_api);

struct host_log_level {
	const char *name;
	int syslog;
};
HOST_SIZE(host_log_level);

struct host_log_data { /* for structured logging */
	int facility, level;
	const char *level_name, *file;
	int line;
	const char *module, *func, *location;
	int pid, pid_index;
};
HOST_AT(host_log_data, pid);
HOST_SIZE(host_log_data);

struct host_tcp_counters { /* indices into a row of counter values */
	uint16_t established, passive_open, connect_success, connect_failed, local_reject, con_timeout,
		con_reset, send_timeout, sendq_full;
};
HOST_SIZE(host_tcp_counters);

enum {
	HOST_COUNTER_NO_RESET = FACT_HOST_COUNTER_NO_RESET, /* CNT_F_NO_RESET */
};
typedef long (*host_counter_f)(uint16_t handle, void *param);

/* A variable of a group of the run-time configuration. */
struct host_setting {
	const char *name;
	unsigned type;
	int min, max;    /* both 0: any number */
	void *on_change; /* a variable that has it cannot be read */
	void *on_set_child;
	const char *description;
};
HOST_AT(host_setting, description);
HOST_SIZE(host_setting);

enum {
	HOST_SETTING_INT = FACT_HOST_SETTING_INT,
	HOST_SETTING_STR = FACT_HOST_SETTING_STR,
	HOST_SETTING_ATOMIC = FACT_HOST_SETTING_ATOMIC,
	HOST_SETTING_READ_ONLY = FACT_HOST_SETTING_READ_ONLY,
};

struct host_cfg_block {
	int refcnt;
};
HOST_AT(host_cfg_block, refcnt);

extern struct host_shm_api _shm_root;
extern struct host_tls_hooks tls_hook;
extern struct host_socket_info *tls_listen;
extern struct host_tcp_connection **tcpconn_id_hash;
extern struct host_alias **tcpconn_aliases_hash;
extern int *tcpconn_lock;
extern struct host_cfg_tcp *tcp_cfg;
extern struct host_cfg_core *core_cfg;
extern unsigned blst_proto_imask[];
extern struct host_route_list event_rt;
extern int route_type;
extern struct host_cfg_block **cfg_global;
extern struct host_tcp_counters tcp_cnts_h;
extern long *_cnts_vals;
extern int _cnts_row_len;
extern int tcp_accept_unique, ksr_tcp_accept_haproxy;
/* Settings that newer releases have; their addresses are NULL elsewhere. */
#define HOST_MAYBE __attribute__((weak))
extern int ksr_tcp_accept_iplimit HOST_MAYBE, ksr_tcp_accept_protocols HOST_MAYBE;
extern int ksr_tcp_main_threads HOST_MAYBE, tls_connection_match_domain HOST_MAYBE;
extern int tls_disable, process_no, unix_tcp_sock, config_check, log_stderr, log_color;
extern int uid, gid; /* of the user that SER will run as; 0: the one that started it */
extern volatile int dprint_crit;
extern char *cfg_file;
extern struct host_str *log_prefix_val;
extern struct host_log_level log_level_info[];
extern void (*_km_log_func)(int priority, const char *format, ...);
extern void (*_ksr_slog_func)(struct host_log_data *data, const char *format, ...);
extern const char ver_flags[], full_version[];

int register_tls_hooks(struct host_tls_hooks *hooks);
int register_select_table(struct host_select_row *table);
int pv_get_null(struct host_sip_msg *msg, struct host_variable_param *param, struct host_value *value);
int pv_parse_index(struct host_variable_spec *spec, const struct host_str *index);
int pv_get_spec_index(struct host_sip_msg *msg, struct host_variable_param *param, int *index, int *flags);
int fixup_spve_null(void **param, int number);
int fixup_free_spve_null(void **param, int number);
int get_str_fparam(struct host_str *value, struct host_sip_msg *msg, void *param);
int sr_kemi_modules_add(struct host_kemi *functions);
void sr_kemi_xval_null(struct host_kemi_value *value, int mode);
int counter_register(uint16_t *handle, const char *group, const char *name, int flags, host_counter_f get,
	void *param, const char *doc, int register_flags);
long counter_get_val(uint16_t handle);
long counter_get_raw_val(uint16_t handle);
int register_procs(int count);
int register_fds(int count);
int get_max_open_fds(void);
int fork_process(int rank, char *description, int make_sock);
int do_suid(void);
int tcp_init(struct host_socket_info *si);
struct host_socket_info *find_si(struct host_ip *ip, unsigned short port, unsigned short proto);
struct host_tcp_connection *tcpconn_new(int sock, union host_sockaddr *remote, union host_sockaddr *local,
	struct host_socket_info *si, int type, int state);
int tcpconn_add_alias(int id, int port, int proto);
/* 1 if that many connections from one address were accepted. NULL where the core has no such limit. */
int tcp_connection_limit_srcip(union host_sockaddr *from, int limit) HOST_MAYBE;
void tcp_get_info(struct host_tcp_gen_info *info);
int cfg_declare(const char *group, struct host_setting *settings, void *values, int size, void **handle);
int cfg_child_no_cb_init(void);
int register_timer(void (*f)(unsigned ticks, void *arg), void *arg, unsigned seconds);
unsigned get_ticks_raw(void);
int get_debug_level(const char *module, int len);
int get_debug_facility(const char *module, int len);
void dprint_color(int level);
void dprint_color_reset(void);
int my_pid(void);
#if FACT_TCPCONN_EXISTS_PARAMETERS == 5
int tcpconn_exists(int id, struct host_ip *peer, int peer_port, struct host_ip *local, int local_port);
#else
int tcpconn_exists(
	int id, struct host_ip *peer, int peer_port, struct host_ip *local, int local_port, int proto);
#endif
/* pass_fd.h: both wait. They return what send() and recvmsg() return; *fd is -1 if none came. */
int send_all(int socket, void *data, int len);
int receive_fd(int socket, void *data, int len, int *fd, int flags);
int tcp_send(struct host_destination *to, union host_sockaddr *from, const char *p, unsigned len);
struct host_xavp *xavp_get_child_with_sval(struct host_str *name, struct host_str *child);
int dst_blocklist_force_su_to(unsigned char reason, unsigned char proto, union host_sockaddr *to,
	struct host_sip_msg *msg, unsigned ticks);
int route_lookup(struct host_route_list *list, char *name);
int run_top_route(void *route, struct host_sip_msg *msg, struct host_run_context *context);
int faked_msg_init(void);
struct host_sip_msg *faked_msg_next(void);
int faked_msg_get_new(struct host_sip_msg *msg);
void free_sip_msg(struct host_sip_msg *msg);
void *sr_kemi_eng_get(void);
int sr_kemi_ctx_route(void *engine, struct host_run_context *context, struct host_sip_msg *msg, int route,
	struct host_str *callback, struct host_str *event);
int shm_initialized(void);
int init_shm(void);

#endif
