/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages between a supervisor and its engine, over a SOCK_SEQPACKET socket pair. Each message is one
 * datagram that begins with its kind; none carries a pointer. An engine's messages are only trusted after
 * ser/supervisor/message_check.h has checked them.
 */
#ifndef SER_SHARED_MESSAGES_H
#define SER_SHARED_MESSAGES_H

#include "ktls/handshake.h"
#include "select/snapshot.h"
#include "uring/address.h"

#include <stdint.h>

enum message_kind {
	/* From the supervisor: */
	MESSAGE_RETIRE = 1, /* stop accepting, end with the last connection */
	/*
	 * Look for waiting connections. An engine accepts none before the first of these messages. The kernel
	 * wakes one process for a new connection. If that one has just stopped accepting, nobody takes the
	 * connection until somebody looks.
	 */
	MESSAGE_LOOK,
	MESSAGE_ORDER,   /* with a socket: do the client's handshake on it */
	MESSAGE_TICKETS, /* session tickets that came on a connection whose handshake an engine did */

	/* From the engine: */
	MESSAGE_STOPPED,     /* it has stopped accepting */
	MESSAGE_ESTABLISHED, /* with a descriptor: a handshake is done */
	MESSAGE_FAILED,      /* an order cannot be carried out */
	MESSAGE_LOG,         /* a line for SER's log */
	MESSAGE_KEYS,        /* lines for the key log */
};

/* For RETIRE, LOOK and STOPPED. */
struct message_plain {
	uint32_t kind;
};

enum {
	CHOICE_SERVER_ID_MAX = 127,
	CHOICE_SERVER_NAME_MAX = 255, /* RFC 1035 2.3.4 */
};

/* What the script chose for a connection that SER opens. Empty strings: it chose nothing. */
struct connect_choice {
	char server_id[CHOICE_SERVER_ID_MAX + 1];
	char server_name[CHOICE_SERVER_NAME_MAX + 1];
};

struct message_order {
	uint32_t kind;
	uint32_t id;              /* not 0; repeated in the answer, ESTABLISHED or FAILED */
	uint32_t connect_timeout; /* seconds */
	union uring_address remote, local;
	struct connect_choice choice;
};

struct message_tickets {
	uint32_t kind;
	uint32_t order;
	uint32_t len; /* bytes of messages */
	uint8_t messages[KTLS_TICKETS_MAX];
};

/* Why a connection's records live where they do. */
enum home_why {
	HOME_WHY_KERNEL,    /* the kernel took the keys */
	HOME_WHY_OFF,       /* ktls is 0 for the domain */
	HOME_WHY_NOT_TAKEN, /* this kernel does not support the suite, version or direction */
	HOME_WHY_NO_REKEY,  /* ktls_rekey_required, and this kernel cannot change keys */
	HOME_WHY_FRAGMENTS, /* max_fragment_length was negotiated, and this kernel cannot limit records */
	HOME_WHY_REFUSED,   /* the kernel supports such keys, but refused these */
	HOME_WHY_NO_AEAD,   /* the suite's keys cannot leave OpenSSL */
	HOME_WHYS
};

struct message_established {
	uint32_t kind;
	uint32_t order;    /* id of the struct message_order; 0: the peer opened the connection */
	uint32_t listener; /* number of the listener at which it came in */
	uint32_t domain;   /* its domain's number in the engine's configuration */
	union uring_address remote, local, transport_remote, transport_local;
	uint8_t why;       /* enum home_why */
	uint8_t can_rekey; /* for ktls_stream_init() */
	int16_t why_error; /* negative errno, or 0 */
	struct ktls_session_keys keys;
	struct snapshot snapshot; /* must be last, because it has a tail */
};

enum {
	/* OpenSSL accepts certificates of up to 100 KB (SSL_MAX_CERT_LIST_DEFAULT). */
	MESSAGE_MAX = 160 * 1024,
	MESSAGE_REASON_MAX = 240,
	MESSAGE_LINE_MAX = 1024,
	MESSAGE_PLACE_MAX = 64,
};

struct message_failed {
	uint32_t kind;
	uint32_t order;
	int32_t why;                     /* enum uring_client_failure */
	char reason[MESSAGE_REASON_MAX]; /* a phrase, with its NUL */
};

struct message_log {
	uint32_t kind;
	int32_t level;                                             /* enum log_level */
	int32_t line;                                              /* of that file */
	char file[MESSAGE_PLACE_MAX], function[MESSAGE_PLACE_MAX]; /* with their NULs */
	char text[MESSAGE_LINE_MAX]; /* as long as the message, including its NUL */
};

/* Whole lines of one connection. */
struct message_keys {
	uint32_t kind;
	char text[KTLS_KEY_LOG_MAX]; /* as long as the message, including its NUL */
};

#endif
