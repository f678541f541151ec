/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes that a connection's socket did not take at once, in shared memory: any process appends, the drainer
 * (ser/sending/drainer.h) writes them.
 *
 * While a queue is busy, everything goes through it, so the order is kept. Appending needs the connection's
 * write lock, as writing to the socket itself does; the queue's own lock is held for one write that does not
 * wait, at the longest.
 */
#ifndef SER_SHARED_SEND_QUEUE_H
#define SER_SHARED_SEND_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct send_chunk;

struct send_queue {
	int lock; /* ser/shared/lock.h */
	int busy; /* the drainer has the connection, or is about to get it */
	struct send_chunk *first, *last;
	size_t len;            /* bytes that wait */
	uint32_t max, max_all; /* 0: tcp_conn_wq_max, tcp_wq_max */
	uint8_t broken;        /* what was said before is lost: nothing may be sent any more */
	uint8_t closing;       /* the core has closed the connection; what waits is still written */
	int16_t alert;         /* to be sent behind the last byte, in the kernel's home; -1 for none */
};

/* Once, before the processes are forked. Returns 0 or -ENOMEM. */
int send_queue_prepare(void);

/* Bytes that wait for all connections together. */
size_t send_queue_total(void);

void send_queue_init(struct send_queue *q);

/* Frees what waits. Nobody else may use the queue any more. */
void send_queue_free(struct send_queue *q);

/* 1 while bytes must not be written to the socket itself. Without the write lock a hint only. */
int send_queue_is_busy(const struct send_queue *q);

/*
 * Puts bytes behind those that wait. Returns 1; 0 when the queue is not busy and they may be written to the
 * socket itself; a negative errno when the connection must be closed: -EPIPE when that was said before,
 * -ENOBUFS when max is reached, -EDQUOT when max_all is, -ENOMEM when shared memory is used
 * up. The queue is broken then.
 */
int send_queue_follow(struct send_queue *q, const void *p, size_t len);

/* Makes a queue that is not busy busy with bytes. The drainer must get the connection next. Returns 0 or as
 * above. */
int send_queue_begin(struct send_queue *q, const void *p, size_t len);

/*
 * Takes up to size bytes from the front. Returns their number; 0 when there are none, and from then on the
 * queue is not busy; -EPIPE when it is broken. For queues that no drainer has.
 */
ssize_t send_queue_take(struct send_queue *q, void *buf, size_t size);

/* KTLS_HOME_KERNEL only: as send_queue_follow() for an alert, whose record the kernel makes. */
int send_queue_follow_alert(struct send_queue *q, uint8_t description);

/* Drops what waits, for good. Returns the number of bytes, or -EPIPE when it had been dropped before. */
ssize_t send_queue_break(struct send_queue *q);

/*
 * The core closes its descriptor. Returns 1 when bytes wait that shall still be written, 0 when there are
 * none, -EPIPE when the queue is broken.
 */
int send_queue_close(struct send_queue *q);

enum send_queue_state {
	SEND_QUEUE_WAITS, /* for room */
	SEND_QUEUE_EMPTY, /* not busy any more: the drainer must let go of the connection */
	SEND_QUEUE_LAST,  /* the same, and the core has closed it */
};

/*
 * For the drainer: writes to fd as much as it takes, up to a bound, and sets *progress where that was
 * something. Returns a state, or a negative errno: -EPIPE also when the queue is broken.
 */
int send_queue_flush(struct send_queue *q, int fd, int *progress);

#endif
