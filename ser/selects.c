/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/selects.h"

#include "select/answer.h"
#include "ser/conn.h"
#include "ser/host.h"

enum { /* what the divergent parts of a name mean */
	PEER = 1,
	OWN,
	SUBJECT,
	ISSUER,
};

/* The core copies a value before it evaluates the next select of the same level, but keeps a few at a time.
 */
enum {
	ANSWERS_KEPT = 8,
};

static int put_answer(struct host_str *res, const struct host_sip_msg *msg, enum answer_field field)
{
	static char buffers[ANSWERS_KEPT][ANSWER_MAX];
	static unsigned next;
	struct conn *conn = msg ? conn_of_message(msg) : NULL;
	char *buf = buffers[next++ % ANSWERS_KEPT];
	ssize_t len;

	if (!conn)
		return -1;
	len = answer(&conn->snapshot, field, buf);
	conn_put(conn);
	if (len < 0)
		return -1;
	res->s = buf;
	res->len = (int)len;
	return 0;
}

static int select_description(struct host_str *res, struct host_select *s, struct host_sip_msg *msg)
{
	(void)s;
	return put_answer(res, msg, ANSWER_DESCRIPTION);
}

/* A function of its own: rows of the table hang on it. */
static int select_tls(struct host_str *res, struct host_select *s, struct host_sip_msg *msg)
{
	return select_description(res, s, msg);
}

static int select_version(struct host_str *res, struct host_select *s, struct host_sip_msg *msg)
{
	(void)s;
	return put_answer(res, msg, ANSWER_VERSION);
}

static int select_cipher(struct host_str *res, struct host_select *s, struct host_sip_msg *msg)
{
	(void)s;
	return put_answer(res, msg, ANSWER_CIPHER);
}

static int select_bits(struct host_str *res, struct host_select *s, struct host_sip_msg *msg)
{
	(void)s;
	return put_answer(res, msg, ANSWER_BITS);
}

static int select_offload(struct host_str *res, struct host_select *s, struct host_sip_msg *msg)
{
	(void)s;
	return put_answer(res, msg, ANSWER_OFFLOAD);
}

/* Parameters of a select: [0] "tls", [1] whose certificate, [2] which name of it. */
static int own_certificate(const struct host_select *s)
{
	return s->params[1].v.i == OWN;
}

static int select_cert(struct host_str *res, struct host_select *s, struct host_sip_msg *msg)
{
	return put_answer(res, msg, own_certificate(s) ? ANSWER_OWN_SUBJECT_CN : ANSWER_PEER_SUBJECT_CN);
}

static int select_name(struct host_str *res, struct host_select *s, struct host_sip_msg *msg)
{
	int issuer = s->params[2].v.i == ISSUER;

	if (own_certificate(s))
		return put_answer(res, msg, issuer ? ANSWER_OWN_ISSUER_CN : ANSWER_OWN_SUBJECT_CN);
	return put_answer(res, msg, issuer ? ANSWER_PEER_ISSUER_CN : ANSWER_PEER_SUBJECT_CN);
}

static int select_verified(struct host_str *res, struct host_select *s, struct host_sip_msg *msg)
{
	/* SER's own module verifies nothing about the certificate it shows itself: null. */
	return own_certificate(s) ? -1 : put_answer(res, msg, ANSWER_PEER_VERIFIED);
}

#define ROW(parent, text, f, flags)                                                                          \
	{                                                                                                    \
		parent, HOST_SEL_PARAM_STR, {text, sizeof(text) - 1}, f, flags                               \
	}
#define END_OF_ROWS                                                                                          \
	{                                                                                                    \
		NULL, HOST_SEL_PARAM_INT, {NULL, 0}, NULL, 0                                                 \
	}

static struct host_select_row rows[] = {
	ROW(NULL, "tls", select_tls, 0),
	ROW(select_tls, "desc", select_description, 0),
	ROW(select_tls, "description", select_description, 0),
	ROW(select_tls, "version", select_version, 0),
	ROW(select_tls, "cipher", select_cipher, 0),
	ROW(select_cipher, "bits", select_bits, 0),
	ROW(select_tls, "offload", select_offload, 0),
	ROW(select_tls, "peer", select_cert, HOST_SEL_DIVERSION | PEER),
	ROW(select_tls, "me", select_cert, HOST_SEL_DIVERSION | OWN),
	ROW(select_tls, "my", select_cert, HOST_SEL_DIVERSION | OWN),
	ROW(select_tls, "myself", select_cert, HOST_SEL_DIVERSION | OWN),
	ROW(select_cert, "subject", select_name, HOST_SEL_DIVERSION | SUBJECT),
	ROW(select_cert, "subj", select_name, HOST_SEL_DIVERSION | SUBJECT),
	ROW(select_cert, "issuer", select_name, HOST_SEL_DIVERSION | ISSUER),
	ROW(select_cert, "verified", select_verified, 0),
	END_OF_ROWS,
};

int selects_register(void)
{
	return register_select_table(rows);
}
