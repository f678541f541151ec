/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/scoreboard.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE /* since Linux 5.1, like io_uring */
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

enum {
	PAGES = SCOREBOARD_ENGINES_MAX * SCOREBOARD_PROCESSES_MAX,
};

struct scoreboard {
	struct scoreboard_engine engines[SCOREBOARD_ENGINES_MAX];
	struct scoreboard_settings settings;
	struct scoreboard_load load;
	uint32_t connections;
	uint32_t next_serial, next_id;
	pid_t tcp_main;
	uint64_t counters[COUNTER_SLOTS], gone[COUNTER_SLOTS], known[COUNTER_SLOTS];
	/* Read with each record: apart from what is often written. */
	_Alignas(64) uint32_t keys_gone;
	uint32_t outbound_closed;
	_Alignas(64) uint32_t sources[2][SCOREBOARD_SOURCE_SLOTS];
};

static struct scoreboard *scoreboard;
static uint8_t *writable, *read_only; /* one memory, mapped twice: the scoreboard, then engines' pages */
static size_t page_size, first_page;
static uint64_t keys[2];

struct scoreboard_engine *scoreboard_engines;
uint32_t *scoreboard_keys_gone;

static_assert(sizeof(struct engine_page) <= 4096, "an engine's page is a page");

static size_t size_of_all(void)
{
	return first_page + PAGES * page_size;
}

/* Memory that nobody writes to costs nothing. */
static int map(int fd)
{
	if (ftruncate(fd, (off_t)size_of_all()))
		return -errno;
	writable = mmap(NULL, size_of_all(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (writable == MAP_FAILED)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE))
		return -errno;
	read_only = mmap(NULL, size_of_all(), PROT_READ, MAP_SHARED, fd, 0);
	return read_only == MAP_FAILED ? -errno : 0;
}

int scoreboard_init(void)
{
	int fd, rc;

	page_size = (size_t)sysconf(_SC_PAGESIZE);
	first_page = (sizeof(struct scoreboard) + page_size - 1) / page_size * page_size;
	fd = memfd_create("ser-ktls scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	rc = map(fd);
	close(fd);
	if (rc)
		return rc;
	scoreboard = (struct scoreboard *)writable;
	scoreboard_engines = scoreboard->engines;
	scoreboard_keys_gone = &scoreboard->keys_gone;
	return getrandom(keys, sizeof(keys), 0) == sizeof(keys) ? 0 : -errno;
}

static size_t offset_of_page(unsigned engine, unsigned process)
{
	return first_page + (engine * SCOREBOARD_PROCESSES_MAX + process) * page_size;
}

struct engine_page *scoreboard_page(unsigned engine, unsigned process)
{
	return (struct engine_page *)(writable + offset_of_page(engine, process));
}

struct iovec scoreboard_memory(void)
{
	return (struct iovec){writable, size_of_all()};
}

/*
 * The page is moved aside, the read-only mapping replaces the whole, and then the page is moved back into it.
 */
int scoreboard_confine(unsigned engine, unsigned process)
{
	uint8_t *page = writable + offset_of_page(engine, process);
	void *aside = mmap(NULL, page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (aside == MAP_FAILED ||
		mremap(page, page_size, page_size, MREMAP_MAYMOVE | MREMAP_FIXED, aside) != aside ||
		mremap(read_only, size_of_all(), size_of_all(), MREMAP_MAYMOVE | MREMAP_FIXED, writable) !=
			writable ||
		mremap(aside, page_size, page_size, MREMAP_MAYMOVE | MREMAP_FIXED, page) != page)
		return -errno;
	return 0;
}

#define LOAD(from)             __atomic_load_n(&(from), __ATOMIC_RELAXED)
#define STORE(to, value)       __atomic_store_n(&(to), value, __ATOMIC_RELAXED)
#define COPY(to, from, member) STORE((to)->member, LOAD((from)->member))

void scoreboard_clear_page(unsigned engine, unsigned process)
{
	struct engine_page *page = scoreboard_page(engine, process);

	__atomic_add_fetch(
		&scoreboard->engines[engine].established, LOAD(page->established), __ATOMIC_RELAXED);
	STORE(page->established, 0);
	for (unsigned i = 0; i < COUNTER_SLOTS; i++) {
		__atomic_add_fetch(&scoreboard->gone[i], LOAD(page->counters[i]), __ATOMIC_RELAXED);
		STORE(page->counters[i], 0);
	}
	memset(page, 0, sizeof(*page));
	STORE(scoreboard->engines[engine].taken[process], 0);
}

uint32_t scoreboard_established(unsigned engine)
{
	uint32_t n = LOAD(scoreboard->engines[engine].established);

	for (unsigned i = 0; i < SCOREBOARD_PROCESSES_MAX; i++)
		n += LOAD(scoreboard_page(engine, i)->established);
	return n;
}

static const struct engine_page *active_page(unsigned engine)
{
	return scoreboard_page(engine, LOAD(scoreboard->engines[engine].page) % SCOREBOARD_PROCESSES_MAX);
}

uint32_t scoreboard_handshakes(unsigned engine)
{
	return LOAD(active_page(engine)->handshakes);
}

uint32_t scoreboard_ready(unsigned engine)
{
	return LOAD(active_page(engine)->ready);
}

uint32_t scoreboard_relayed(unsigned engine)
{
	return LOAD(active_page(engine)->relayed);
}

uint32_t scoreboard_confined(unsigned engine)
{
	return LOAD(active_page(engine)->confined);
}

uint32_t scoreboard_on_the_way(unsigned engine, unsigned process)
{
	return LOAD(scoreboard_page(engine, process)->handed) -
	       LOAD(scoreboard->engines[engine].taken[process]);
}

static void copy_settings(struct scoreboard_settings *to, const struct scoreboard_settings *from)
{
	COPY(to, from, tls_log);
	COPY(to, from, connection_timeout);
	COPY(to, from, low_mem_threshold1);
	COPY(to, from, max_connections);
	COPY(to, from, max_tls_connections);
	COPY(to, from, conn_wq_max);
	COPY(to, from, wq_max);
	COPY(to, from, log_level);
	COPY(to, from, keep_chain);
}

void scoreboard_set_settings(const struct scoreboard_settings *now)
{
	copy_settings(&scoreboard->settings, now);
}

struct scoreboard_settings scoreboard_get_settings(void)
{
	struct scoreboard_settings now;

	copy_settings(&now, &scoreboard->settings);
	return now;
}

static void copy_load(struct scoreboard_load *to, const struct scoreboard_load *from)
{
	COPY(to, from, plain);
	COPY(to, from, tls);
	COPY(to, from, free_memory);
}

void scoreboard_set_load(const struct scoreboard_load *now)
{
	copy_load(&scoreboard->load, now);
}

struct scoreboard_load scoreboard_get_load(void)
{
	struct scoreboard_load now;

	copy_load(&now, &scoreboard->load);
	return now;
}

unsigned scoreboard_connections(void)
{
	return LOAD(scoreboard->connections);
}

void scoreboard_count_connections(int change)
{
	__atomic_add_fetch(&scoreboard->connections, (uint32_t)change, __ATOMIC_RELAXED);
}

static uint32_t slot_of(uint64_t host, uint64_t key)
{
	return (uint32_t)(uring_host_hash(host, key) % SCOREBOARD_SOURCE_SLOTS);
}

uint32_t scoreboard_outbound_closed(void)
{
	return __atomic_load_n(&scoreboard->outbound_closed, __ATOMIC_ACQUIRE);
}

void scoreboard_count_outbound_closed(void)
{
	__atomic_add_fetch(&scoreboard->outbound_closed, 1, __ATOMIC_RELEASE);
}

struct scoreboard_source scoreboard_source_of(const union uring_address *remote)
{
	uint64_t host = uring_address_host(remote);

	return (struct scoreboard_source){{slot_of(host, keys[0]), slot_of(host, keys[1])}};
}

unsigned scoreboard_source_connections(const struct scoreboard_source *s)
{
	unsigned a = LOAD(scoreboard->sources[0][s->slot[0]]);
	unsigned b = LOAD(scoreboard->sources[1][s->slot[1]]);

	return a < b ? a : b;
}

void scoreboard_source_enter(const struct scoreboard_source *s)
{
	for (int i = 0; i < 2; i++)
		__atomic_add_fetch(&scoreboard->sources[i][s->slot[i]], 1, __ATOMIC_RELAXED);
}

void scoreboard_source_leave(const struct scoreboard_source *s)
{
	for (int i = 0; i < 2; i++)
		__atomic_sub_fetch(&scoreboard->sources[i][s->slot[i]], 1, __ATOMIC_RELAXED);
}

uint32_t scoreboard_next_serial(void)
{
	return __atomic_add_fetch(&scoreboard->next_serial, 1, __ATOMIC_RELAXED);
}

int scoreboard_next_id(void)
{
	uint32_t n = __atomic_fetch_add(&scoreboard->next_id, 1, __ATOMIC_RELAXED);

	return SCOREBOARD_FIRST_ID + SCOREBOARD_ENGINES_MAX * SCOREBOARD_IDS_EACH +
	       (int)(n % SCOREBOARD_IDS_EACH);
}

pid_t scoreboard_tcp_main(void)
{
	return __atomic_load_n(&scoreboard->tcp_main, __ATOMIC_ACQUIRE);
}

void scoreboard_set_tcp_main(pid_t pid)
{
	__atomic_store_n(&scoreboard->tcp_main, pid, __ATOMIC_RELEASE);
}

uint64_t *scoreboard_counters(void)
{
	return scoreboard->counters;
}

uint64_t scoreboard_sum(unsigned slot)
{
	uint64_t sum = LOAD(scoreboard->counters[slot]) + LOAD(scoreboard->gone[slot]);

	for (unsigned engine = 0; engine < SCOREBOARD_ENGINES_MAX; engine++)
		for (unsigned i = 0; i < SCOREBOARD_PROCESSES_MAX; i++)
			sum += LOAD(scoreboard_page(engine, i)->counters[slot]);
	return sum;
}

uint64_t scoreboard_exchange_known(unsigned slot, uint64_t sum)
{
	return __atomic_exchange_n(&scoreboard->known[slot], sum, __ATOMIC_RELAXED);
}
