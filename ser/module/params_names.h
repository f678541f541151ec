/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names of all parameters, X(name) for each. The core does not tell a parameter's callback which
 * parameter it is for, so params_table.c makes a function for each of these names.
 */
#ifndef SER_MODULE_PARAMS_NAMES_H
#define SER_MODULE_PARAMS_NAMES_H

/* clang-format off */
#define PARAMS_OF_DOMAINS(X) \
	X(method) X(tls_method) X(certificate) X(private_key) X(private_key_password) \
	X(certificate2) X(private_key2) X(private_key_password2) X(ocsp_file) X(ocsp_file2) X(ca_list) X(ca_path) X(crl) \
	X(verify_certificate) X(require_certificate) X(verify_client) X(verify_depth) X(cipher_list) \
	X(ciphersuites) X(alpn) X(server_name) X(verify_name) X(verify_name_wildcard) X(verify_ocsp) X(require_ocsp) \
	X(ktls) X(ktls_rekey_required)

#define PARAMS_OF_THE_MODULE(X) \
	X(config) X(tls_log) X(handshake_timeout) X(send_timeout) X(connection_timeout) X(engines) \
	X(engine_nice) X(engine_confinement) X(engine_patience) X(supervisor_patience) X(max_handshakes) \
	X(max_handshakes_per_source) X(max_connections_per_source) \
	X(limit_policy) X(certificate_watch) X(certificate_warn_days) X(low_mem_threshold1) X(session_ticket_keys) X(session_ticket_rotation) \
	X(session_tickets) X(con_ct_wq_max) X(ct_wq_max) X(keeper) X(keylog_mode) X(keylog_file) \
	X(keylog_peer) X(keylog_networks) X(xavp_cfg) X(event_callback)

#define PARAMS_WITHOUT_MEANING(X) \
	X(tls_debug) X(low_mem_threshold2) X(tls_force_run) X(tls_disable_compression) \
	X(ssl_release_buffers) X(ssl_freelist_max_len) X(ssl_max_send_fragment) X(ssl_read_ahead) \
	X(send_close_notify) X(ct_wq_blk_size) X(renegotiation) \
	X(session_cache) X(session_id) X(rand_engine) X(engine) X(engine_config) X(engine_algorithms) \
	X(init_mode) X(key_password_mode) X(provider_quirks) X(provider_quirks_config)

#define PARAMS_ALL(X) PARAMS_OF_DOMAINS(X) PARAMS_OF_THE_MODULE(X) PARAMS_WITHOUT_MEANING(X)
/* clang-format on */

#endif
