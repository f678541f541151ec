/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes the key log (SSLKEYLOGFILE): to a file, which is opened anew for each connection and so may be
 * moved away or removed at any time, and to a UDP peer. Nothing here waits for a peer. What cannot be written
 * is lost, with a line in SER's log.
 */
#ifndef SER_SUPERVISOR_KEY_LOG_H
#define SER_SUPERVISOR_KEY_LOG_H

#include "ser/shared/params.h"

enum {
	KEY_LOG_FILE_MAX = 64 << 20, /* bytes; some 70,000 connections */
};

/* Once in each process that writes; the first one warns that there is a key log, and tries the file. */
void key_log_start(const struct params *params, int first);

/* The lines of one connection, each with its newline. */
void key_log_write(const struct params *params, const char *lines);

#endif
