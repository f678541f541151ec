/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core's services for the other folders (ser/shared/services.h), and its locks and counters. */
#ifndef SER_HOST_SERVICES_H
#define SER_HOST_SERVICES_H

#include <stdint.h>

/* Fills in services; call it at loadmodule, before anything else. */
void host_provide_services(void);

/* The core's locks. If it is built with USE_FUTEX on x86-64, they are the same as in ser/shared/lock.h. */
void host_lock(int *lock);
int host_trylock(int *lock); /* 1 if it was taken */
void host_unlock(int *lock);

/* Adds 1 to one of the core's counters, by its handle (tcp_cnts_h). */
void host_count(uint16_t handle);
void host_count_more(uint16_t handle, long n);

/* Notes on the scoreboard how full SER is. */
void host_publish_load(void);

/* For a process that does not follow changes of the core's settings: keeps the values that it has valid. */
void host_hold_settings(void);

#endif
