/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The group "tls" of the core's run-time configuration: kamcmd cfg.get, cfg.set_now_int, cfg.list and the
 * like, with the names of the stock module. Engines and supervisors do not follow the core's changes, so a
 * timer of SER's writes what is in force on the board once a second (ser/shared/scoreboard.h).
 */
#ifndef SER_MANAGE_SETTINGS_H
#define SER_MANAGE_SETTINGS_H

#include "cfg/config.h"
#include "ser/shared/params.h"

/*
 * Declares the group with the values of the parameters and of the default server domain, and puts what is in
 * force on the board. In mod_init(), behind scoreboard_init(). Both must stay. Returns 0, or -1 with a log
 * line.
 */
int settings_declare(const struct params *p, const struct cfg_config *c);

/* For a process of SER's own: puts what is in force on the board, as the timer does. */
void settings_publish(void);

/*
 * For a process of SER's own that follows the core's changes: what was set, by the group's names ("log",
 * "connection_timeout", "low_mem_threshold1"; "config", as written, or NULL). The text is good until the
 * process takes the next change over, which it does between two requests.
 */
int settings_number(const char *name);
const char *settings_config(void);

#endif
