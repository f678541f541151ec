/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/outbound/opening.h"

#include "ser/shared/lock.h"
#include "ser/shared/log.h"

#include <errno.h>

ssize_t opening_fail(struct conn *conn)
{
	struct outbound *out = conn->outbound;
	ssize_t lost = -EALREADY;

	lock_get(&out->lock);
	if (out->phase != OUTBOUND_FAILED) {
		__atomic_store_n(&out->phase, OUTBOUND_FAILED, __ATOMIC_RELEASE);
		lost = send_queue_break(&out->text);
	}
	lock_release(&out->lock);
	return lost;
}

static void give_up(struct conn *conn, int error)
{
	static struct log_limit limit;
	char peer[URING_ADDRESS_TEXT];

	opening_fail(conn);
	uring_address_text(&conn->outbound->remote.any, peer);
	ser_log_limited(&limit, LOG_LEVEL_WARNING,
		"connection to %s given up while it is opened: %s would wait for it", peer,
		error == -ENOBUFS  ? "more than con_ct_wq_max"
		: error == -EDQUOT ? "of all connections more than ct_wq_max"
				   : "more than shared memory can hold");
}

int opening_keep(struct conn *conn, const char *p, size_t len, int and_close)
{
	int rc = send_queue_follow(&conn->outbound->text, p, len);

	if (rc > 0 && and_close)
		conn->outbound->close = 1;
	if (rc < 0 && rc != -EPIPE) /* earlier failures were logged already */
		give_up(conn, rc);
	return rc < 0 ? -1 : rc;
}
