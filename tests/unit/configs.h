/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configurations made of text. */
#ifndef UNIT_CONFIGS_H
#define UNIT_CONFIGS_H

#include "support.h"

#include "cfg/config.h"

/* What was said in the last call below that has no list of its own. */
extern struct cfg_errors errors, warnings;

/* Beside it lie the files that configurations name. */
extern const char *main_config;

/* Forgets what was said. */
void hear_nothing(void);

/* tls.cfg's contents, finished, without an error; named "tls.cfg". cfg_config_unref(). */
struct cfg_config *config_of(const char *text);

/* Parses it; some sentence must hold all of the words, which end with NULL. */
void refuse_config(const char *text, ...);

/* Whether some sentence holds the text. */
int said(const struct cfg_errors *list, const char *text);

/* An address for lookups, in static memory: "192.0.2.1:5061"; NULL for NULL. */
const struct sockaddr *address_of(const char *text);

/* The index of the domain that begins in that line. */
const struct cfg_domain *domain_at(const struct cfg_config *config, unsigned line);

#endif
