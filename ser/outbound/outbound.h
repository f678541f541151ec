/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections that SER opens.
 *
 * The worker that opens one puts an end of a socketpair, the placeholder, where the core has its socket, and
 * sends the socket to a supervisor (ser/outbound/orders.h), whose engine shakes hands. Meanwhile what is said
 * is kept in shared memory as text. With the keys of the finished handshake comes a byte with the socket over
 * the placeholder: so tcp_main gives the connection to a reader, which puts the socket in the placeholder's
 * place (ser/outbound/descriptor_swap.h) and sends the text. The core's connection, with its id, is one and
 * the same throughout.
 *
 * Nothing here waits for a peer, with tcp_async=yes or no; with no it is the core's own connect() that does.
 */
#ifndef SER_OUTBOUND_OUTBOUND_H
#define SER_OUTBOUND_OUTBOUND_H

#include "ser/module/params.h"
#include "ser/outbound/choice.h"
#include "ser/shared/conn.h"

enum outbound_phase {
	OUTBOUND_OPENING, /* the engine connects and shakes hands */
	OUTBOUND_READY,   /* keys and facts are in the record; a reader gets the socket next */
	OUTBOUND_ESTABLISHED,
	OUTBOUND_FAILED,
};

/* The part of a struct conn. */
struct outbound {
	int lock;       /* shared_lock(): closed, and the change from OPENING */
	uint8_t phase;  /* enum outbound_phase */
	uint8_t closed; /* the core is done with it */
	uint8_t handed; /* the socket is with a supervisor */
	uint8_t fresh;  /* its opener has not said its first message yet */
	uint8_t close;  /* to be closed behind the text */
	uint8_t spare;  /* another one of its identity was there first: it ends unused */
	int opener;     /* process_no */
	uint32_t order; /* the desk's number */
	union uring_address remote, local;
	struct send_queue text;              /* busy until the connection is up; broken when it failed */
	struct conn *next, **link;           /* ser/outbound/identity.h */
	const char *server_id, *server_name; /* in names; empty where the script chose nothing */
	char names[];
};

/* Once, before the first fork; texts of the parameters stay the caller's. Returns 0 or a negative errno. */
int outbound_prepare(const struct params *p);

/*
 * The hook on_tcpconn_init for a connection that this process opens. sock is its connected socket, or -1 when
 * the core is about to make one. Returns 0, or -1 with a log line.
 */
int outbound_begin(struct host_tcp_connection *c, int sock);

/*
 * The hook encode, which holds the write lock. Returns 0 when the message is to be written as on any other
 * connection; 1 when it is taken care of; -1 with a log line when the connection must be closed.
 */
int outbound_say(struct host_tcp_connection *c, const char *p, size_t len, unsigned send_flags);

/*
 * Keeps a message until the connection is up. Returns 1; 0 when it is up; -1 with a log line when it failed,
 * maybe for this message: with it too much would wait.
 */
int outbound_keep(struct conn *conn, const char *p, size_t len, unsigned send_flags);

/* 1 when the record's stream may be used; of a connection that was accepted always. */
int outbound_is_established(const struct conn *conn);

/*
 * The hook read for one that is not up: takes the socket and says what was kept. Returns 0 when it is up from
 * now on, -1 when it is over; the reason is logged.
 */
int outbound_take_over(struct host_tcp_connection *c);

/* From here on it is FAILED, unless it is already. Returns how many bytes that were kept are lost, or
 * -EALREADY. */
ssize_t outbound_fail(struct conn *conn);

/* The core is done with the connection. */
void outbound_closed(struct conn *conn);

#endif
