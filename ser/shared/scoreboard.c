/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/scoreboard.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

struct scoreboard {
	struct scoreboard_engine engines[SCOREBOARD_ENGINES_MAX];
	struct scoreboard_settings settings;
	uint32_t connections;
	uint32_t next_serial, next_id;
	pid_t tcp_main;
	_Alignas(64) uint32_t keys_gone; /* read with each record: what is written often lies elsewhere */
	_Alignas(64) uint32_t sources[2][SCOREBOARD_SOURCE_SLOTS];
};

static struct scoreboard *board;
static uint64_t keys[2];

struct scoreboard_engine *scoreboard_engines;
uint32_t *scoreboard_keys_gone;

int scoreboard_init(void)
{
	/* Pages that nobody writes cost nothing. */
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		return -ENOMEM;
	scoreboard_engines = board->engines;
	scoreboard_keys_gone = &board->keys_gone;
	return getrandom(keys, sizeof(keys), 0) == sizeof(keys) ? 0 : -ENOMEM;
}

#define COPY(to, from, member)                                                                               \
	__atomic_store_n(&(to)->member, __atomic_load_n(&(from)->member, __ATOMIC_RELAXED), __ATOMIC_RELAXED)

static void copy(struct scoreboard_settings *to, const struct scoreboard_settings *from)
{
	COPY(to, from, tls_log);
	COPY(to, from, connection_timeout);
	COPY(to, from, low_mem_threshold1);
	COPY(to, from, max_connections);
	COPY(to, from, max_tls_connections);
}

void scoreboard_set_settings(const struct scoreboard_settings *now)
{
	copy(&board->settings, now);
}

struct scoreboard_settings scoreboard_get_settings(void)
{
	struct scoreboard_settings now;

	copy(&now, &board->settings);
	return now;
}

unsigned scoreboard_connections(void)
{
	return __atomic_load_n(&board->connections, __ATOMIC_RELAXED);
}

void scoreboard_count_connections(int change)
{
	__atomic_add_fetch(&board->connections, (uint32_t)change, __ATOMIC_RELAXED);
}

struct scoreboard_source scoreboard_source_of(const union uring_address *remote)
{
	uint64_t host = uring_address_host(remote);
	struct scoreboard_source s;

	for (int i = 0; i < 2; i++)
		s.slot[i] = (uint32_t)(uring_host_hash(host, keys[i]) % SCOREBOARD_SOURCE_SLOTS);
	return s;
}

unsigned scoreboard_source_connections(const struct scoreboard_source *s)
{
	unsigned a = __atomic_load_n(&board->sources[0][s->slot[0]], __ATOMIC_RELAXED);
	unsigned b = __atomic_load_n(&board->sources[1][s->slot[1]], __ATOMIC_RELAXED);

	return a < b ? a : b;
}

void scoreboard_source_enter(const struct scoreboard_source *s)
{
	for (int i = 0; i < 2; i++)
		__atomic_add_fetch(&board->sources[i][s->slot[i]], 1, __ATOMIC_RELAXED);
}

void scoreboard_source_leave(const struct scoreboard_source *s)
{
	for (int i = 0; i < 2; i++)
		__atomic_sub_fetch(&board->sources[i][s->slot[i]], 1, __ATOMIC_RELAXED);
}

uint32_t scoreboard_next_serial(void)
{
	return __atomic_add_fetch(&board->next_serial, 1, __ATOMIC_RELAXED);
}

int scoreboard_next_id(void)
{
	uint32_t n = __atomic_fetch_add(&board->next_id, 1, __ATOMIC_RELAXED);

	return SCOREBOARD_FIRST_ID + SCOREBOARD_ENGINES_MAX * SCOREBOARD_IDS_EACH +
	       (int)(n % SCOREBOARD_IDS_EACH);
}

pid_t scoreboard_tcp_main(void)
{
	return __atomic_load_n(&board->tcp_main, __ATOMIC_ACQUIRE);
}

void scoreboard_set_tcp_main(pid_t pid)
{
	__atomic_store_n(&board->tcp_main, pid, __ATOMIC_RELEASE);
}
