/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's binary interface: the part of Kamailio 5.6.3 (x86_64 and other LP64 Linux, Debian's build) that
 * this module touches. Debian ships no headers for Kamailio, so the structures are written down here: members
 * that we use have names, the rest is padding, and every offset is asserted. check.c compares them with the
 * running core before anything relies on them. No other file of the project knows the host's layout.
 *
 * Sources: Kamailio 5.6.3, src/core: tcp_conn.h, ip_addr.h, sr_module.h, tls_hooks.h, select.h, pvar.h,
 * kemi.h, mem/memapi.h, dprint.h, counters.h, cfg/cfg_struct.h, futexlock.h.
 */
#ifndef SER_HOST_LAYOUT_H
#define SER_HOST_LAYOUT_H

#include <assert.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/* At loadmodule the core's ksr_version_control() compares these with its own strings. */
#if defined(__x86_64__)
#define HOST_ARCH "x86_64"
#elif defined(__aarch64__)
#define HOST_ARCH "aarch64"
#else
#error "the host's layout is known for 64-bit x86 and ARM only"
#endif
#define HOST_VERSION "kamailio 5.6.3 (" HOST_ARCH "/linux)"
#define HOST_FLAGS                                                                                           \
	"USE_TCP, USE_TLS, USE_SCTP, TLS_HOOKS, USE_RAW_SOCKS, DISABLE_NAGLE, USE_MCAST, DNS_IP_HACK, "      \
	"SHM_MMAP, "                                                                                         \
	"PKG_MALLOC, Q_MALLOC, F_MALLOC, TLSF_MALLOC, DBG_SR_MEMORY, USE_FUTEX, FAST_LOCK-ADAPTIVE_WAIT, "   \
	"USE_DNS_CACHE, USE_DNS_FAILOVER, USE_NAPTR, USE_DST_BLOCKLIST, HAVE_RESOLV_RES, "                   \
	"TLS_PTHREAD_MUTEX_SHARED"

#define HOST_AT(type, member, offset)                                                                        \
	static_assert(offsetof(struct type, member) == (offset), "position of " #member " in " #type)
#define HOST_SIZE(type, size) static_assert(sizeof(struct type) == (size), "size of " #type)

struct host_str {
	char *s;
	int len;
};
HOST_SIZE(host_str, 16);

/* Addresses and sockets. */

union host_sockaddr {
	struct sockaddr s;
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
	struct sockaddr_storage storage;
};
static_assert(sizeof(union host_sockaddr) == 128, "size of union sockaddr_union");

struct host_ip {
	unsigned af, len;
	uint8_t u[16];
};
HOST_SIZE(host_ip, 24);

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
	char rest[165];
};
HOST_AT(host_socket_info, address, 24);
HOST_AT(host_socket_info, su, 88);
HOST_AT(host_socket_info, next, 216);
HOST_AT(host_socket_info, port_no, 232);
HOST_AT(host_socket_info, proto, 234);
HOST_SIZE(host_socket_info, 400);

enum { /* enum sip_protos */
	HOST_PROTO_TCP = 2,
	HOST_PROTO_TLS = 3,
	HOST_PROTO_WSS = 6, /* the websocket module turns a TLS connection into this */
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
HOST_AT(host_receive_info, proto_reserved1, 52);
HOST_AT(host_receive_info, src_su, 64);
HOST_AT(host_receive_info, bind_address, 192);
HOST_AT(host_receive_info, proto, 204);
HOST_SIZE(host_receive_info, 208);

struct host_coninfo {
	struct host_ip src_ip, dst_ip;
	unsigned short src_port, dst_port;
	int proto;
	struct host_socket_info *csocket;
};
HOST_AT(host_coninfo, csocket, 56);
HOST_SIZE(host_coninfo, 64);

struct host_tcp_req {
	void *next;
	char *buf, *start, *pos, *parsed, *body;
	unsigned b_size; /* size of buf minus one */
	int content_len, chunk_size, flags, bytes_to_go;
	int error;
	int state;
};
HOST_AT(host_tcp_req, pos, 24);
HOST_AT(host_tcp_req, b_size, 48);
HOST_AT(host_tcp_req, error, 68);
HOST_SIZE(host_tcp_req, 80);

enum { /* tcp_req_errors_t */
	HOST_TCP_READ_ERROR = 2,
	HOST_TCP_REQ_OVERRUN = 3,
};

struct host_timer {
	char opaque[24];
	void *data;
	char rest[16];
};
HOST_SIZE(host_timer, 48);

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
	void *extra_data; /* ours */
	struct host_timer timer;
	unsigned timeout, lifetime; /* ticks */
	unsigned id_hash;
	struct host_tcp_connection *id_next, *id_prev;
	struct host_tcp_connection *list_next, *list_prev; /* list of a reader's connections */
	struct host_alias {
		struct host_tcp_connection *parent;
		struct host_alias *next, *prev;
		unsigned short port, hash;
	} aliases[12]; /* addresses by which it is found, in tcpconn_aliases_hash */
	int aliases_count;
	void *wbuf_first; /* bytes that the core could not write yet */
	void *wbuf_last;
	unsigned wbuf_timeout; /* ticks */
	char wbuf_rest[12];
};
HOST_AT(host_tcp_connection, id, 12);
HOST_AT(host_tcp_connection, rcv, 24);
HOST_AT(host_tcp_connection, req, 296);
HOST_AT(host_tcp_connection, refcnt, 376);
HOST_AT(host_tcp_connection, state, 392);
HOST_AT(host_tcp_connection, extra_data, 400);
HOST_AT(host_tcp_connection, timer, 408);
HOST_AT(host_tcp_connection, timeout, 456);
HOST_AT(host_tcp_connection, id_hash, 464);
HOST_AT(host_tcp_connection, id_next, 472);
HOST_AT(host_tcp_connection, aliases, 504);
HOST_AT(host_tcp_connection, aliases_count, 888);
HOST_AT(host_tcp_connection, wbuf_first, 896);
HOST_AT(host_tcp_connection, wbuf_timeout, 912);
HOST_SIZE(host_tcp_connection, 928);

enum { /* enum tcp_conn_states */
	HOST_CONN_BAD = -1,
	HOST_CONN_OK = 0,
	HOST_CONN_EOF = 2,
	HOST_CONN_ACCEPT = 3,
	HOST_CONN_CONNECT = 4,
};

enum { /* tcp_closed_reason */
	HOST_CLOSED_EOF = 0,
	HOST_CLOSED_TIMEOUT = 1,
	HOST_CLOSED_RESET = 2,
};

enum {                          /* connection flags */
	HOST_F_CONN_READER = 8, /* a reader process has it */
	HOST_F_CONN_FD_CLOSED = 32,
	HOST_F_CONN_PASSIVE = 16384,
};

#define HOST_SND_F_CON_CLOSE 2U /* send flag: close the connection after the message */

enum { /* rd_conn_flags_t */
	HOST_RD_SHORT_READ = 1,
	HOST_RD_EOF = 2,
	HOST_RD_REPEAT = 4,
};

enum {                              /* conn_cmds_t: what a process asks of tcp_main */
	HOST_CONN_CMD_EOF = -1,     /* close the connection, drop the sender's reference */
	HOST_CONN_CMD_GET_FD = 2,   /* send its descriptor */
	HOST_CONN_NEW = 3,          /* take it over */
	HOST_CONN_QUEUED_WRITE = 4, /* watch it until it can be written, drop the sender's reference */
};

enum {
	HOST_ID_HASH_SIZE = 1024,
	HOST_TICKS_PER_SECOND = 16,
};

struct host_tcp_gen_info {
	int tcp_readers, tcp_max_connections, tls_max_connections, tcp_connections_no, tls_connections_no,
		tcp_write_queued;
};
HOST_SIZE(host_tcp_gen_info, 24);

struct host_cfg_tcp {
	int connect_timeout_s, send_timeout;
	unsigned con_lifetime; /* ticks */
	int max_connections, max_tls_connections;
	int no_connect, fd_cache;
	int async, connect_wait;
	unsigned conn_wq_max, wq_max; /* bytes that may wait for one connection, for all */
	char between[60];
	int rd_buf_size;
	int end;
};
HOST_AT(host_cfg_tcp, max_tls_connections, 16);
HOST_AT(host_cfg_tcp, async, 28);
HOST_AT(host_cfg_tcp, conn_wq_max, 36);
HOST_AT(host_cfg_tcp, wq_max, 40);
HOST_AT(host_cfg_tcp, rd_buf_size, 104);
HOST_SIZE(host_cfg_tcp, 112);

/* The destination of a message. */
struct host_destination {
	struct host_socket_info *send_sock;
	union host_sockaddr to;
	int id; /* id of a connection, or 0 */
	unsigned send_flags;
	char proto;
};
HOST_AT(host_destination, to, 8);
HOST_AT(host_destination, id, 136);
HOST_AT(host_destination, send_flags, 140);
HOST_AT(host_destination, proto, 144);
HOST_SIZE(host_destination, 152);

struct host_cfg_core {
	char before[12];
	int use_dst_blocklist;
	unsigned blocklist_seconds;
};
HOST_AT(host_cfg_core, use_dst_blocklist, 12);

enum {
	HOST_BLOCKLIST_CONNECT = 1 << 2, /* why a destination is on the blocklist */
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
};
HOST_SIZE(host_tls_hooks, 72);

struct host_param {
	const char *name;
	unsigned type;
	void *target;
};
HOST_SIZE(host_param, 24);

enum {
	HOST_PARAM_STRING = 1,
	HOST_PARAM_INT = 2,
};
#define HOST_PARAM_USE_FUNC (1U << 31)

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
HOST_SIZE(host_command, 48);

enum { /* where a function may be called */
	HOST_REQUEST_ROUTE = 1,
};
#define HOST_ANY_ROUTE 0xffffffff

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
HOST_SIZE(host_module_exports, 80);

enum { /* ranks of child_init() */
	HOST_PROC_MAIN = 0,
	HOST_PROC_TCP_MAIN = -4,
	HOST_PROC_POSTCHILDINIT = -126,
	HOST_PROC_INIT = -127,
	HOST_PROC_NOCHLDINIT = -128,
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
HOST_AT(host_rpc, add, 16);
HOST_AT(host_rpc, scan, 24);
HOST_AT(host_rpc, struct_add, 40);
HOST_SIZE(host_rpc, 96);

enum {
	HOST_RPC_RET_ARRAY = 1, /* the answer is a list */
};

struct host_rpc_export {
	const char *name;
	void (*f)(struct host_rpc *rpc, void *ctx);
	const char **doc;
	unsigned flags;
};
HOST_SIZE(host_rpc_export, 32);

/* Selects. */

struct host_sip_msg {
	char before[512];
	struct host_receive_info rcv;
	char rest[1288];
};
HOST_SIZE(host_sip_msg, 2008);

enum {
	HOST_SEL_PARAMS_MAX = 32,
};

struct host_sel_param {
	int type;
	union {
		int i;
		struct host_str s;
		void *p;
	} v;
};
HOST_SIZE(host_sel_param, 24);

struct host_select {
	void *f[4];
	int param_offset[5];
	struct host_sel_param params[HOST_SEL_PARAMS_MAX];
	int n;
};
HOST_AT(host_select, params, 56);
HOST_AT(host_select, n, 824);
HOST_SIZE(host_select, 832);

typedef int (*host_select_f)(struct host_str *res, struct host_select *s, struct host_sip_msg *msg);

struct host_select_row {
	host_select_f parent;
	int type;
	struct host_str name;
	host_select_f f;
	int flags;
};
HOST_SIZE(host_select_row, 48);

enum {
	HOST_SEL_PARAM_INT = 0,
	HOST_SEL_PARAM_STR = 1,
	HOST_SEL_NUMBER = 0xff, /* flags: the module's own, unless it sets DIVERSION */
	HOST_SEL_PARAM_EXPECTED = 1 << 9,
	HOST_SEL_CONSUME_NEXT_INT = 1 << 11,
	HOST_SEL_OPTIONAL = 1 << 13,
	HOST_SEL_FIXUP_CALL = 1 << 15, /* f is called with NULLs when the name is parsed */
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
HOST_AT(host_variable_param, name, 24);
HOST_AT(host_variable_param, index_type, 40);
HOST_SIZE(host_variable_param, 56);

struct host_variable_spec {
	int type;
	void *get, *set;
	struct host_variable_param param;
	void *transformations;
};
HOST_AT(host_variable_spec, param, 24);
HOST_SIZE(host_variable_spec, 88);

struct host_value {
	struct host_str s;
	int i;
	int flags;
};
HOST_SIZE(host_value, 24);

enum {
	HOST_VALUE_STR = 4,
	HOST_VALUE_INT = 8,
	HOST_VARIABLE_OTHER = 22, /* PVT_OTHER */
	HOST_INDEX_NONE = 4,      /* PV_IDX_NONE */
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
HOST_AT(host_variable, parse_name, 40);
HOST_SIZE(host_variable, 72);

struct host_kemi_value {
	int type;
	union {
		int n;
		struct host_str s;
	} v;
};
HOST_SIZE(host_kemi_value, 24);

struct host_xavp {
	unsigned id;
	struct host_str name;
	struct {
		int type;
		struct host_str s;
	} value;
	struct host_xavp *next;
};
HOST_AT(host_xavp, value, 24);
HOST_AT(host_xavp, value.s, 32);

/* Routes of the script. */
struct host_route_list {
	void **routes; /* what run_top_route() takes */
	char rest[24];
};
HOST_SIZE(host_route_list, 32);

struct host_run_context {
	int depth;
	int flags;
	char rest[208];
};
HOST_SIZE(host_run_context, 216);

enum {
	HOST_RUN_DROP = 8,         /* flag: the script said drop */
	HOST_LOCAL_ROUTE = 1 << 6, /* values of route_type */
	HOST_EVENT_ROUTE = 1 | 1 << 9,
};

struct host_kemi {
	struct host_str module, name;
	int result;
	void *f;
	int params[6];
};
HOST_AT(host_kemi, f, 40);
HOST_SIZE(host_kemi, 72);

enum { /* types of parameters and results */
	HOST_KEMI_INT = 1,
	HOST_KEMI_STR = 2,
	HOST_KEMI_VALUE = 8,
	HOST_KEMI_NULL_EMPTY = 2, /* for sr_kemi_xval_null(): null is an empty string */
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
	void *xfree_unsafe, *xstatus, *xinfo, *xreport;
	unsigned long (*xavailable)(void *block);
	char rest[48];
};
HOST_AT(host_shm_api, block, 16);
HOST_AT(host_shm_api, xmalloc, 24);
HOST_AT(host_shm_api, xfree, 72);
HOST_AT(host_shm_api, xavailable, 112);
HOST_SIZE(host_shm_api, 168);

struct host_log_level {
	const char *name;
	int syslog;
};

struct host_log_data { /* for structured logging */
	int facility, level;
	const char *level_name, *file;
	int line;
	const char *module, *func, *location;
	int pid, pid_index;
};

struct host_tcp_counters { /* indices into a row of counter values */
	uint16_t established, passive_open, connect_success, connect_failed, local_reject, con_timeout,
		con_reset, send_timeout, sendq_full;
};
HOST_SIZE(host_tcp_counters, 18);

enum {
	HOST_COUNTER_NO_RESET = 1, /* CNT_F_NO_RESET */
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
HOST_AT(host_setting, description, 40);
HOST_SIZE(host_setting, 48);

enum {
	HOST_SETTING_INT = 1,
	HOST_SETTING_STR = 3,
	HOST_SETTING_ATOMIC = 1 << 6,
	HOST_SETTING_READ_ONLY = 1 << 7,
};

struct host_cfg_block {
	int refcnt;
};

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
extern int tls_disable, process_no, unix_tcp_sock, config_check, tls_max_connections, log_stderr, log_color;
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
int tcp_init(struct host_socket_info *si);
struct host_tcp_connection *tcpconn_new(int sock, union host_sockaddr *remote, union host_sockaddr *local,
	struct host_socket_info *si, int type, int state);
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
int tcpconn_exists(int id, struct host_ip *peer, int peer_port, struct host_ip *local, int local_port);
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
void *sr_kemi_eng_get(void);
int sr_kemi_ctx_route(void *engine, struct host_run_context *context, struct host_sip_msg *msg, int route,
	struct host_str *callback, struct host_str *event);
int shm_initialized(void);
int init_shm(void);

#endif
