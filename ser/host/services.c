/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/host/services.h"

#include "ser/host/layout.h"
#include "ser/host/log.h"
#include "ser/shared/lock.h"
#include "ser/shared/scoreboard.h"
#include "ser/shared/services.h"

static void *alloc(size_t len)
{
	return _shm_root.xmalloc(_shm_root.block, len, __FILE__, __func__, __LINE__, "tls");
}

static void release(void *p)
{
	_shm_root.xfree(_shm_root.block, p, __FILE__, __func__, __LINE__, "tls");
}

void host_provide_services(void)
{
	services = (struct services){.memory = {.alloc = alloc, .release = release}, .log = host_log};
}

void host_lock(int *lock)
{
	lock_get(lock);
}

int host_trylock(int *lock)
{
	return lock_try(lock);
}

void host_unlock(int *lock)
{
	lock_release(lock);
}

void host_count(uint16_t handle)
{
	host_count_more(handle, 1);
}

void host_count_more(uint16_t handle, long n)
{
	__atomic_add_fetch(&_cnts_vals[process_no * _cnts_row_len + handle], n, __ATOMIC_RELAXED);
}

void host_publish_load(void)
{
	struct host_tcp_gen_info info;
	int plain;

	tcp_get_info(&info);
	plain = info.tcp_connections_no - info.tls_connections_no;
	scoreboard_set_load(&(struct scoreboard_load){
		.plain = (uint32_t)(plain < 0 ? 0 : plain), /* the core takes one that ends off one after the
							       other */
		.tls = (uint32_t)info.tls_connections_no,
		.free_memory = (uint32_t)(_shm_root.xavailable(_shm_root.block) / 1024),
	});
}

void host_hold_settings(void)
{
	__atomic_add_fetch(&(*cfg_global)->refcnt, 1, __ATOMIC_RELAXED);
	cfg_child_no_cb_init();
}
