/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of contexts made of text, and handshakes with them. */
#ifndef UNIT_SETS_H
#define UNIT_SETS_H

#include "configs.h"
#include "connection.h"

#include "cfg/set.h"

/* The folder with its files, and ser.cfg in it: set-up and clean-up around all others. */
void sets_open_folder(void);
void sets_close_folder(void);

/* tls.cfg's contents, built for both kinds, without an error. cfg_set_unref(). */
struct cfg_set *set_of(const char *text);

/* The same, with a hook. */
struct cfg_set *set_with(const char *text, const struct cfg_build *how);

/* Builds; must fail. What was said is in errors. */
void refuse_set(const char *text);

/* A connection that came in at local, with a client that asks for name (or does not, for NULL). */
void connection_open_at(struct connection *c, const struct cfg_set *set, const char *local, SSL_CTX *client,
	const char *name);

/* Shakes hands; the domain that begins in that line must be chosen and that certificate be shown. */
void connection_check(struct connection *c, unsigned line, const struct identity *shown);

/* The whole of it for a client without a certificate. */
void check_chosen(const struct cfg_set *set, const char *local, int version, const char *name, unsigned line,
	const struct identity *shown);

/* Whether the handshake succeeds on both sides. */
int connection_works(struct connection *c);

/* The line of the domain that the server chose. */
unsigned chosen_line(const struct connection *c);

#endif
