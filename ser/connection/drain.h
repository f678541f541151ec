/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lets the processes that read messages from connections finish the one that they are at, before SER ends.
 * The core ends them inside their signal handlers, and a request that was read but not answered would be
 * lost.
 *
 * A reader says when it begins to read, and when what it has read is done with. When SER is told to end, it
 * reads nothing more: it waits, so that tcp_main finds it where the core's tables are consistent, and ends
 * when tcp_main has given the connections away. All of this is for SERs with a keeper
 * (ser/connection/keep.h).
 */
#ifndef SER_CONNECTION_DRAIN_H
#define SER_CONNECTION_DRAIN_H

/* Once, before the first fork. Returns 0 or -ENOMEM. */
int drain_prepare(void);

/* 1 if drain_prepare() was called. */
int drain_is_on(void);

/* For tcp_main: from now on it can give connections away, and so others may give it some. */
void drain_tcp_main_runs(void);
int drain_has_tcp_main(void);

/*
 * For a reader, before it reads from the connection with that id. Does not return if SER ends. The first call
 * in a process takes its SIGTERM and SIGINT over.
 */
void drain_enter(int id);

/* For a reader: what it has read is done with. Does not return if SER ends. */
void drain_leave(void);

/* For tcp_main: from now on nobody begins to read. */
void drain_begin(void);

/* For tcp_main: whether nobody works on something that was read. has_reader: a reader has the connection. */
int drain_is_done(int (*has_reader)(int id));

/* For tcp_main: 1 if a reader still works on what it has read from the connection with that id. */
int drain_is_busy(int id);

/* For tcp_main, in a signal handler, too: the readers end, whatever they are at. */
void drain_end(void);

#endif
