/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/send_queue.h"

#include "ktls/kernel.h"
#include "ser/shared/lock.h"
#include "ser/shared/scoreboard.h"
#include "ser/shared/services.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum {
	CHUNK_SIZE = 4096,   /* the least, including its head, so that many small messages share a chunk */
	WRITES_AT_ONCE = 16, /* before other connections get their turn */
};

struct send_chunk {
	struct send_chunk *next;
	size_t off, end, size; /* first byte not written, end of the bytes, room */
	uint8_t bytes[];
};

/* In shared memory: of queues with limits of their own, which wait for handshakes, and of all others. */
static struct totals {
	size_t own, others;
} * totals;

int send_queue_prepare(void)
{
	totals = services.memory.alloc(sizeof(*totals));
	if (!totals)
		return -ENOMEM;
	*totals = (struct totals){0};
	return 0;
}

size_t send_queue_total(void)
{
	return __atomic_load_n(&totals->own, __ATOMIC_RELAXED) +
	       __atomic_load_n(&totals->others, __ATOMIC_RELAXED);
}

static size_t *total_of(const struct send_queue *q)
{
	return q->max_all ? &totals->own : &totals->others;
}

void send_queue_init(struct send_queue *q)
{
	*q = (struct send_queue){.alert = -1};
}

static void account(struct send_queue *q, ssize_t change)
{
	q->len += (size_t)change;
	__atomic_add_fetch(total_of(q), (size_t)change, __ATOMIC_RELAXED);
}

static void drop_first(struct send_queue *q)
{
	struct send_chunk *c = q->first;

	account(q, -(ssize_t)(c->end - c->off));
	q->first = c->next;
	if (!q->first)
		q->last = NULL;
	services.memory.release(c);
}

void send_queue_free(struct send_queue *q)
{
	while (q->first)
		drop_first(q);
}

static void set_busy(struct send_queue *q, int busy)
{
	__atomic_store_n(&q->busy, busy, __ATOMIC_RELEASE);
}

int send_queue_is_busy(const struct send_queue *q)
{
	return __atomic_load_n(&q->busy, __ATOMIC_ACQUIRE);
}

/* The sum may exceed its limit by what several processes append at the same moment. */
static int over_limit(const struct send_queue *q, size_t len)
{
	const struct scoreboard_settings now = scoreboard_get_settings();

	if (q->len + len > (q->max ? q->max : now.conn_wq_max))
		return -ENOBUFS;
	return __atomic_load_n(total_of(q), __ATOMIC_RELAXED) + len > (q->max_all ? q->max_all : now.wq_max)
		       ? -EDQUOT
		       : 0;
}

static size_t fill_last(struct send_queue *q, const uint8_t *p, size_t len)
{
	struct send_chunk *c = q->last;

	if (!c)
		return 0;
	if (len > c->size - c->end)
		len = c->size - c->end;
	memcpy(c->bytes + c->end, p, len);
	c->end += len;
	account(q, (ssize_t)len);
	return len;
}

static int add_chunk(struct send_queue *q, size_t len)
{
	size_t size =
		len > CHUNK_SIZE - sizeof(struct send_chunk) ? len : CHUNK_SIZE - sizeof(struct send_chunk);
	struct send_chunk *c = services.memory.alloc(sizeof(*c) + size);

	if (!c)
		return -ENOMEM;
	*c = (struct send_chunk){.size = size};
	if (q->last)
		q->last->next = c;
	else
		q->first = c;
	q->last = c;
	return 0;
}

static int append(struct send_queue *q, const uint8_t *p, size_t len)
{
	int rc = over_limit(q, len);
	size_t n;

	if (rc)
		return rc;
	n = fill_last(q, p, len);
	if (n == len)
		return 0;
	rc = add_chunk(q, len - n);
	if (!rc)
		fill_last(q, p + n, len - n);
	return rc;
}

static void break_locked(struct send_queue *q)
{
	q->broken = 1;
	q->alert = -1;
	send_queue_free(q);
}

static int put(struct send_queue *q, const void *p, size_t len, int begin)
{
	int rc;

	lock_get(&q->lock);
	if (q->broken) {
		rc = -EPIPE;
	} else if (!q->busy && !begin) {
		rc = 0;
	} else {
		rc = append(q, p, len);
		if (rc)
			break_locked(q);
		else
			set_busy(q, 1);
		rc = rc ? rc : !begin;
	}
	lock_release(&q->lock);
	return rc;
}

int send_queue_follow(struct send_queue *q, const void *p, size_t len)
{
	return put(q, p, len, 0);
}

int send_queue_begin(struct send_queue *q, const void *p, size_t len)
{
	return put(q, p, len, 1);
}

static size_t take(struct send_queue *q, uint8_t *buf, size_t size)
{
	struct send_chunk *c;
	size_t n, taken = 0;

	while ((c = q->first) && taken < size) {
		n = c->end - c->off < size - taken ? c->end - c->off : size - taken;
		memcpy(buf + taken, c->bytes + c->off, n);
		taken += n;
		c->off += n;
		account(q, -(ssize_t)n);
		if (c->off == c->end)
			drop_first(q);
	}
	return taken;
}

ssize_t send_queue_take(struct send_queue *q, void *buf, size_t size)
{
	ssize_t n = -EPIPE;

	lock_get(&q->lock);
	if (!q->broken) {
		n = (ssize_t)take(q, buf, size);
		if (!n)
			set_busy(q, 0);
	}
	lock_release(&q->lock);
	return n;
}

int send_queue_follow_alert(struct send_queue *q, uint8_t description)
{
	int rc;

	lock_get(&q->lock);
	rc = q->broken ? -EPIPE : q->busy;
	if (rc > 0)
		q->alert = description;
	lock_release(&q->lock);
	return rc;
}

ssize_t send_queue_break(struct send_queue *q)
{
	ssize_t lost;

	lock_get(&q->lock);
	lost = q->broken ? -EPIPE : (ssize_t)q->len;
	break_locked(q);
	lock_release(&q->lock);
	return lost;
}

int send_queue_close(struct send_queue *q)
{
	int rc;

	lock_get(&q->lock);
	rc = q->broken ? -EPIPE : q->busy;
	if (rc > 0)
		q->closing = 1;
	lock_release(&q->lock);
	return rc;
}

static int end_flush(struct send_queue *q)
{
	set_busy(q, 0);
	return q->closing ? SEND_QUEUE_LAST : SEND_QUEUE_EMPTY;
}

static int send_last_alert(struct send_queue *q, int fd)
{
	uint8_t alert[2] = {(uint8_t)ktls_alert_level((uint8_t)q->alert), (uint8_t)q->alert};
	int rc = ktls_kernel_send_control(fd, KTLS_ALERT, alert, sizeof(alert));

	if (rc == -EAGAIN || rc == -EINTR)
		return SEND_QUEUE_WAITS;
	q->alert = -1;
	return rc ? rc : end_flush(q);
}

static int write_first(struct send_queue *q, int fd)
{
	struct send_chunk *c = q->first;
	ssize_t n = send(fd, c->bytes + c->off, c->end - c->off, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	c->off += (size_t)n;
	account(q, -n);
	if (c->off < c->end)
		return -EAGAIN;
	drop_first(q);
	return 0;
}

/* Takes one step. Returns 1 if there may be another. */
static int flush_step(struct send_queue *q, int fd, int *progress, int *state)
{
	size_t before = q->len;
	int rc;

	*state = SEND_QUEUE_WAITS;
	if (q->broken) {
		*state = -EPIPE;
	} else if (!q->first) {
		*state = q->alert >= 0 ? send_last_alert(q, fd) : end_flush(q);
	} else {
		rc = write_first(q, fd);
		*progress |= q->len < before;
		if (!rc)
			return 1;
		if (rc != -EAGAIN)
			*state = rc;
	}
	return 0;
}

int send_queue_flush(struct send_queue *q, int fd, int *progress)
{
	int state = SEND_QUEUE_WAITS, more = 1;

	*progress = 0;
	for (int i = 0; more && i < WRITES_AT_ONCE; i++) {
		lock_get(&q->lock);
		more = flush_step(q, fd, progress, &state);
		lock_release(&q->lock);
	}
	return state;
}
