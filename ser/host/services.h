/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core's services as the other rooms use them (ser/shared/services.h), and its locks and counters. */
#ifndef SER_HOST_SERVICES_H
#define SER_HOST_SERVICES_H

#include <stdint.h>

/* Fills in services; call it at loadmodule, before anything else. */
void host_provide_services(void);

/* The core's locks: where it is built with USE_FUTEX on x86-64 they are those of ser/shared/lock.h. */
void host_lock(int *lock);
int host_trylock(int *lock); /* 1 when it was taken */
void host_unlock(int *lock);

/* Adds 1 to one of the core's counters, by its handle (tcp_cnts_h). */
void host_count(uint16_t handle);
void host_count_more(uint16_t handle, long n);

/* Tells the scoreboard how full SER is. */
void host_publish_load(void);

/* For a process that will not follow the core's changes of its settings: what it knows must not vanish. */
void host_hold_settings(void);

#endif
