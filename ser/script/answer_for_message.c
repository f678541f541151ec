/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/script/answer_for_message.h"

#include "ser/host/connections.h"
#include "ser/shared/conn.h"

int answer_for_message(const struct host_sip_msg *msg, const struct question *q, struct host_str *value)
{
	/* Pages that no answer has reached cost nothing. */
	static char buffers[ANSWERS_KEPT][ANSWER_MAX + 1];
	static unsigned next;
	struct conn *conn = msg ? host_conn_of_message(msg) : NULL;
	char *buf;
	ssize_t len;

	if (!conn)
		return -1;
	buf = buffers[next++ % ANSWERS_KEPT];
	len = snapshot_answer(conn->facts, q, buf);
	conn_put(conn);
	if (len < 0)
		return -1;
	buf[len] = '\0';
	value->s = buf;
	value->len = (int)len;
	return 0;
}
