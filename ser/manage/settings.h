/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The group "tls" in the core's run-time configuration (kamcmd cfg.get, cfg.set_now_int, cfg.list), with the
 * stock module's names. Engines and supervisors do not follow the core's changes, so one of SER's timers
 * writes the values in force to the scoreboard once a second (ser/shared/scoreboard.h).
 */
#ifndef SER_MANAGE_SETTINGS_H
#define SER_MANAGE_SETTINGS_H

#include "cfg/config.h"
#include "ser/shared/params.h"

/*
 * Declares the group with the values of the parameters and of the default server domain, and writes them to
 * the scoreboard. Call it in mod_init(), after scoreboard_init(). Both must stay. Returns 0, or -1 with a log
 * line.
 */
int settings_declare(const struct params *p, const struct cfg_config *c);

/* For one of SER's own processes: writes the values in force to the scoreboard, as the timer does. */
void settings_publish(void);

/*
 * For one of SER's own processes that follows the core's changes: the value of a setting, by its name in the
 * group ("log", "connection_timeout", "low_mem_threshold1"; "config", as written, or NULL). The text is valid
 * until the process takes over the next change, which it does between two requests.
 */
int settings_number(const char *name);
const char *settings_config(void);

#endif
