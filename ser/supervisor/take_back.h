/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes back what the keeper holds of a SER before (ser/connection/keep.h), and gives it to the core as if an
 * engine had accepted it. What does not fit this configuration any more is closed with close_notify.
 *
 * For one supervisor. It begins when tcp_main runs. Nothing waits: connections come as the loop finds them.
 */
#ifndef SER_SUPERVISOR_TAKE_BACK_H
#define SER_SUPERVISOR_TAKE_BACK_H

/* Call it when an engine is active. Does nothing without the parameter keeper. */
void take_back_start(void);

#endif
