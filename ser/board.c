/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/board.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

struct board {
	struct board_engine engines[BOARD_ENGINES_MAX];
	struct board_settings settings;
	uint32_t connections;
	uint32_t next_serial, next_id;
	pid_t tcp_main;
	_Alignas(64) uint32_t keys_gone; /* read with each record: what is written often lies elsewhere */
	_Alignas(64) uint32_t sources[2][BOARD_SOURCE_SLOTS];
};

static struct board *board;
static uint64_t keys[2];

struct board_engine *board_engines;
uint32_t *board_keys_gone;

int board_init(void)
{
	/* Pages that nobody writes cost nothing. */
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		return -ENOMEM;
	board_engines = board->engines;
	board_keys_gone = &board->keys_gone;
	return getrandom(keys, sizeof(keys), 0) == sizeof(keys) ? 0 : -ENOMEM;
}

#define COPY(to, from, member)                                                                               \
	__atomic_store_n(&(to)->member, __atomic_load_n(&(from)->member, __ATOMIC_RELAXED), __ATOMIC_RELAXED)

static void copy(struct board_settings *to, const struct board_settings *from)
{
	COPY(to, from, tls_log);
	COPY(to, from, connection_timeout);
	COPY(to, from, low_mem_threshold1);
	COPY(to, from, max_connections);
	COPY(to, from, max_tls_connections);
}

void board_set_settings(const struct board_settings *now)
{
	copy(&board->settings, now);
}

struct board_settings board_get_settings(void)
{
	struct board_settings now;

	copy(&now, &board->settings);
	return now;
}

unsigned board_connections(void)
{
	return __atomic_load_n(&board->connections, __ATOMIC_RELAXED);
}

void board_count_connections(int change)
{
	__atomic_add_fetch(&board->connections, (uint32_t)change, __ATOMIC_RELAXED);
}

/* The finalizer of splitmix64: enough against collisions on purpose, as long as the key is secret. */
static uint32_t slot_of(uint64_t address, uint64_t key)
{
	uint64_t x = address ^ key;

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	x += key;
	x = (x ^ x >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(x >> 40) % BOARD_SOURCE_SLOTS;
}

struct board_source board_source_of(const union uring_address *remote)
{
	uint64_t address = 0;

	if (remote->any.sa_family == AF_INET)
		address = remote->in.sin_addr.s_addr;
	else if (IN6_IS_ADDR_V4MAPPED(&remote->in6.sin6_addr))
		address = remote->in6.sin6_addr.s6_addr32[3];
	else
		memcpy(&address, &remote->in6.sin6_addr, sizeof(address));
	return (struct board_source){{slot_of(address, keys[0]), slot_of(address, keys[1])}};
}

unsigned board_source_connections(const struct board_source *s)
{
	unsigned a = __atomic_load_n(&board->sources[0][s->slot[0]], __ATOMIC_RELAXED);
	unsigned b = __atomic_load_n(&board->sources[1][s->slot[1]], __ATOMIC_RELAXED);

	return a < b ? a : b;
}

void board_source_enter(const struct board_source *s)
{
	for (int i = 0; i < 2; i++)
		__atomic_add_fetch(&board->sources[i][s->slot[i]], 1, __ATOMIC_RELAXED);
}

void board_source_leave(const struct board_source *s)
{
	for (int i = 0; i < 2; i++)
		__atomic_sub_fetch(&board->sources[i][s->slot[i]], 1, __ATOMIC_RELAXED);
}

uint32_t board_next_serial(void)
{
	return __atomic_add_fetch(&board->next_serial, 1, __ATOMIC_RELAXED);
}

int board_next_id(void)
{
	uint32_t n = __atomic_fetch_add(&board->next_id, 1, __ATOMIC_RELAXED);

	return BOARD_FIRST_ID + BOARD_ENGINES_MAX * BOARD_IDS_EACH + (int)(n % BOARD_IDS_EACH);
}

pid_t board_tcp_main(void)
{
	return __atomic_load_n(&board->tcp_main, __ATOMIC_ACQUIRE);
}

void board_set_tcp_main(pid_t pid)
{
	__atomic_store_n(&board->tcp_main, pid, __ATOMIC_RELEASE);
}
