/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The send queue of a connection: bytes that its socket did not take at once, in shared memory. Any process
 * appends to it, and the drainer (ser/sending/drainer.h) writes them out.
 *
 * While a queue is busy everything goes through it, which keeps the order. Appending needs the connection's
 * write lock, just as writing to the socket itself does. The queue's own lock is held for at most one write,
 * which does not wait.
 */
#ifndef SER_SHARED_SEND_QUEUE_H
#define SER_SHARED_SEND_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct send_chunk;

struct send_queue {
	int lock; /* ser/shared/lock.h */
	int busy; /* the drainer has the connection or is about to get it */
	struct send_chunk *first, *last;
	size_t len;            /* bytes that wait */
	uint32_t max, max_all; /* 0: tcp_conn_wq_max, tcp_wq_max */
	uint8_t broken;        /* earlier bytes are lost, so nothing may be sent any more */
	uint8_t closing;       /* the core has closed the connection, but what waits is still written */
	int16_t alert; /* an alert to send after the last byte, if records are in the kernel; -1: none */
};

/* Call it once, before the processes are forked. Returns 0 or -ENOMEM. */
int send_queue_prepare(void);

/* How many bytes wait for all connections together. */
size_t send_queue_total(void);

void send_queue_init(struct send_queue *q);

/* Frees what waits. Nobody else may be using the queue. */
void send_queue_free(struct send_queue *q);

/* 1 while bytes must not be written to the socket itself. Without the write lock this is only a hint. */
int send_queue_is_busy(const struct send_queue *q);

/*
 * Appends bytes to a busy queue. Returns 1; 0 if the queue is not busy, so that they may be written to the
 * socket itself; or a negative errno if the connection must be closed: -EPIPE if an earlier call said so
 * already, -ENOBUFS if max is reached, -EDQUOT if max_all is, -ENOMEM if shared memory is used up. The queue
 * is broken then.
 */
int send_queue_follow(struct send_queue *q, const void *p, size_t len);

/*
 * Puts the first bytes into a queue that is not busy, which makes it busy. The drainer must get the
 * connection next. Returns 0 or an error as above.
 */
int send_queue_begin(struct send_queue *q, const void *p, size_t len);

/*
 * Takes up to size bytes from the front. Returns their number; 0 if there are none, and then the queue is no
 * longer busy; -EPIPE if it is broken. Only for queues that the drainer does not have.
 */
ssize_t send_queue_take(struct send_queue *q, void *buf, size_t size);

/* KTLS_HOME_KERNEL only: like send_queue_follow(), but for an alert, whose record the kernel makes. */
int send_queue_follow_alert(struct send_queue *q, uint8_t description);

/* Drops what waits, for good. Returns the number of bytes, or -EPIPE if they were dropped before. */
ssize_t send_queue_break(struct send_queue *q);

/*
 * The core is closing its descriptor. Returns 1 if bytes wait that should still be written, 0 if there are
 * none, -EPIPE if the queue is broken.
 */
int send_queue_close(struct send_queue *q);

enum send_queue_state {
	SEND_QUEUE_WAITS, /* waits for room in the socket */
	SEND_QUEUE_EMPTY, /* no longer busy: the drainer must release the connection */
	SEND_QUEUE_LAST,  /* the same, and the core has closed it */
};

/*
 * For the drainer: writes as much as fd takes, up to a limit, and sets *progress if it wrote something.
 * Returns a state or a negative errno; -EPIPE also means that the queue is broken.
 */
int send_queue_flush(struct send_queue *q, int fd, int *progress);

#endif
