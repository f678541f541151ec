/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "talk.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

enum {
	ADDED_MAX = 64, /* added to the copied headers: status line, tag, length */
};

static const char status_line[] = "SIP/2.0 200 OK\r\n";
static const char tag[] = ";tag=responder";
static const char end_of_answer[] = "Content-Length: 0\r\n\r\n";

struct span {
	const char *at;
	size_t len;
};

enum header {
	VIA,
	FROM,
	TO,
	CALL_ID,
	CSEQ,
	CONTENT_LENGTH,
	OTHER,
};

static const struct {
	const char *name;
	const char *compact; /* RFC 3261 7.3.3; the same as the name if there is none */
} names[OTHER] = {
	[VIA] = {"Via", "v"},
	[FROM] = {"From", "f"},
	[TO] = {"To", "t"},
	[CALL_ID] = {"Call-ID", "i"},
	[CSEQ] = {"CSeq", "CSeq"},
	[CONTENT_LENGTH] = {"Content-Length", "l"},
};

struct message {
	size_t head_len; /* including the empty line */
	size_t len;      /* including the body */
	unsigned seen;   /* 1 << enum header */
	bool request, ack;
	char *answer; /* what is written so far */
};

void talk_sent(struct talk *t, size_t len)
{
	t->out_off += len;
	if (t->out_off == t->out_len)
		t->out_off = t->out_len = 0;
}

static bool is(struct span s, const char *text)
{
	return s.len == strlen(text) && !strncasecmp(s.at, text, s.len);
}

static struct span trim(struct span s)
{
	while (s.len && strchr(" \t\r\n", s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && strchr(" \t\r\n", s.at[s.len - 1]))
		s.len--;
	return s;
}

static enum header header_of(struct span name)
{
	for (int i = 0; i < OTHER; i++)
		if (is(name, names[i].name) || is(name, names[i].compact))
			return (enum header)i;
	return OTHER;
}

static void put(struct message *m, const char *text, size_t len)
{
	memcpy(m->answer, text, len);
	m->answer += len;
}

static int take_length(struct message *m, struct span value)
{
	size_t n = 0;

	if (!value.len)
		return -EPROTO;
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return -EPROTO;
		n = n * 10 + (size_t)(value.at[i] - '0');
		if (n > TALK_IN)
			return -EMSGSIZE;
	}
	m->len = m->head_len + n;
	return m->len > TALK_IN ? -EMSGSIZE : 0;
}

/* Copies a header that the answer repeats from its request (RFC 3261 8.2.6). line ends with CRLF. */
static void copy_header(struct message *m, enum header h, struct span line)
{
	bool tagged = h != TO || memmem(line.at, line.len, ";tag=", strlen(";tag="));

	put(m, line.at, line.len - 2);
	if (!tagged)
		put(m, tag, strlen(tag));
	put(m, "\r\n", 2);
}

static int take_header(struct message *m, struct span line)
{
	const char *colon = memchr(line.at, ':', line.len);
	struct span name = {line.at, colon ? (size_t)(colon - line.at) : 0};
	enum header h = header_of(trim(name));

	if (!colon)
		return -EPROTO;
	if (h == OTHER)
		return 0;
	if (h != VIA && m->seen & 1u << h)
		return -EPROTO;
	m->seen |= 1u << h;
	if (h != CONTENT_LENGTH) {
		copy_header(m, h, line);
		return 0;
	}
	return take_length(m, trim((struct span){colon + 1, line.len - name.len - 1}));
}

/* Finds the next header with its continuation lines (RFC 3261 7.3.1) and CRLF. */
static struct span next_line(const char *at, const char *end)
{
	const char *p = at;

	do
		p = (const char *)memmem(p, (size_t)(end - p), "\r\n", 2) + 2;
	while (p < end && (*p == ' ' || *p == '\t'));
	return (struct span){at, (size_t)(p - at)};
}

static int take_start_line(struct message *m, struct span line)
{
	static const char version[] = "SIP/2.0";
	size_t len = strlen(version);

	line = trim(line);
	m->request = line.len > len && !memcmp(line.at + line.len - len, version, len) && line.at[0] != ' ';
	m->ack = line.len > 4 && !memcmp(line.at, "ACK ", 4);
	return m->request || (line.len > len && !memcmp(line.at, version, len)) ? 0 : -EPROTO;
}

/* The head is complete; its answer goes to m->answer. */
static int take_head(struct message *m, const char *head)
{
	const unsigned needed =
		1u << VIA | 1u << FROM | 1u << TO | 1u << CALL_ID | 1u << CSEQ | 1u << CONTENT_LENGTH;
	const char *end = head + m->head_len - 2;
	struct span line = next_line(head, end);
	int rc = take_start_line(m, line);

	put(m, status_line, strlen(status_line));
	for (const char *at = head + line.len; !rc && at < end; at += line.len) {
		line = next_line(at, end);
		rc = take_header(m, line);
	}
	put(m, end_of_answer, strlen(end_of_answer));
	if (rc)
		return rc;
	return (m->seen & needed) == needed ? 0 : -EPROTO;
}

/* Do not wait for the rest of something that cannot become SIP: a first line that does not look like SIP. */
static int check_beginning(const char *in, size_t len)
{
	const char *end = memmem(in, len, "\r\n", 2);
	struct message m = {0};

	if (end)
		return take_start_line(&m, (struct span){in, (size_t)(end - in)});
	return memchr(in, 0, len) ? -EPROTO : 0;
}

/*
 * Returns the length of the message at in, whose answer is in the output then; 0 if the message is not
 * complete; or a negative errno.
 */
static ssize_t answer_one(struct talk *t, const char *in, size_t len)
{
	const char *empty = memmem(in, len, "\r\n\r\n", 4);
	struct message m = {.answer = t->out + t->out_len};
	int rc;

	if (!empty) {
		rc = check_beginning(in, len);
		return rc ? rc : len == TALK_IN ? -EMSGSIZE : 0;
	}
	m.head_len = (size_t)(empty - in) + 4;
	if (m.head_len + ADDED_MAX > TALK_OUT)
		return -EMSGSIZE;
	if (m.head_len + ADDED_MAX > TALK_OUT - t->out_len)
		return 0;
	rc = take_head(&m, in);
	if (rc)
		return rc;
	if (m.len > len)
		return 0;
	if (m.request && !m.ack) {
		t->out_len = (size_t)(m.answer - t->out);
		t->answered++;
	}
	return (ssize_t)m.len;
}

int talk_answer(struct talk *t)
{
	size_t off = 0;
	ssize_t n = 1;

	while (n > 0 && off < t->in_len) {
		/* Allowed between messages (RFC 3261 7.5), and as a keep-alive. */
		if (t->in[off] == '\r' || t->in[off] == '\n') {
			off++;
			continue;
		}
		n = answer_one(t, t->in + off, t->in_len - off);
		off += n > 0 ? (size_t)n : 0;
	}
	t->in_len -= off;
	memmove(t->in, t->in + off, t->in_len);
	return n < 0 ? (int)n : 0;
}
