/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A clock that a test can stop, and set forward. For a program that is linked with --wrap=clock_gettime. */
#ifndef UNIT_CLOCK_H
#define UNIT_CLOCK_H

#include <stdint.h>

/* It stands still from now on, for all in this program but the kernel. */
void clock_stop(void);

/* So much time has passed. */
void clock_pass(int64_t ms);

/* It goes on, from the right time. */
void clock_go(void);

#endif
