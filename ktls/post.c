/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/post.h"

#include "ktls/alert.h"

#include <string.h>

enum handshake_type { /* RFC 8446 4, RFC 5246 7.4 */
	HELLO_REQUEST = 0,
	CLIENT_HELLO = 1,
	NEW_SESSION_TICKET = 4,
	KEY_UPDATE = 24,
};

enum {
	LONGEST_HELLO = 65536,
	LONGEST_TICKET = 65535 + 65535 + 264, /* ticket, extensions, nonce and numbers: RFC 8446 4.6.1 */
};

int ktls_post_pending(const struct ktls_post *p)
{
	return p->have > 0;
}

/* The alert that a message of this type and length deserves, or 0. */
static int check(uint8_t type, uint32_t len, enum ktls_role role, uint16_t version)
{
	if (version == TLS1_3_VERSION && type == KEY_UPDATE)
		return len == 1 ? 0 : KTLS_DECODE_ERROR;
	if (version == TLS1_3_VERSION && type == NEW_SESSION_TICKET && role == KTLS_CLIENT)
		return len <= LONGEST_TICKET ? 0 : KTLS_DECODE_ERROR;
	if (version == TLS1_2_VERSION && type == CLIENT_HELLO && role == KTLS_SERVER)
		return len <= LONGEST_HELLO ? 0 : KTLS_DECODE_ERROR;
	if (version == TLS1_2_VERSION && type == HELLO_REQUEST && role == KTLS_CLIENT)
		return len == 0 ? 0 : KTLS_DECODE_ERROR;
	return KTLS_UNEXPECTED_MESSAGE;
}

static void finish(struct ktls_post *p, struct ktls_post_events *ev)
{
	switch (p->header[0]) {
	case KEY_UPDATE:
		ev->key_update = 1;
		break;
	case NEW_SESSION_TICKET:
		ev->tickets++;
		break;
	default:
		ev->renegotiation = 1;
		break;
	}
	p->have = 0;
}

int ktls_post_take(struct ktls_post *p, enum ktls_role role, uint16_t version, const uint8_t *data,
	size_t len, struct ktls_post_events *ev)
{
	const uint8_t *message = NULL; /* the current message, if it began here */

	memset(ev, 0, sizeof(*ev));
	if (!len) /* RFC 8446 5.1: no fragments of length zero */
		return KTLS_UNEXPECTED_MESSAGE;
	while (len) {
		size_t part;

		if (ev->key_update)
			return KTLS_UNEXPECTED_MESSAGE;
		if (!p->have)
			message = data;
		if (p->have < sizeof(p->header)) {
			p->header[p->have++] = *data++;
			len--;
			if (p->have < sizeof(p->header))
				continue;
			p->left = (uint32_t)p->header[1] << 16 | (uint32_t)p->header[2] << 8 | p->header[3];
			if (check(p->header[0], p->left, role, version))
				return check(p->header[0], p->left, role, version);
		} else {
			if (p->header[0] == KEY_UPDATE && *data > 1)
				return KTLS_ILLEGAL_PARAMETER;
			if (p->header[0] == KEY_UPDATE)
				ev->update_requested = *data;
			part = len < p->left ? len : p->left;
			p->left -= (uint32_t)part;
			data += part;
			len -= part;
		}
		if (p->left)
			continue;
		finish(p, ev);
		/* Among tickets only a KeyUpdate is allowed, and only after them. */
		if (message && *message == NEW_SESSION_TICKET) {
			ev->ticket = ev->ticket ? ev->ticket : message;
			ev->ticket_len = (size_t)(data - ev->ticket);
		}
	}
	return 0;
}

size_t ktls_post_copy_tickets(const struct ktls_post_events *ev, uint8_t *out, size_t have, size_t cap)
{
	const uint8_t *p = ev->ticket, *end = p + ev->ticket_len;

	while (p < end) {
		size_t n = sizeof(((struct ktls_post *)0)->header) +
			   ((size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);

		if (n <= cap - have) {
			memcpy(out + have, p, n);
			have += n;
		}
		p += n;
	}
	return have;
}
