/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sip.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A span of bytes inside the message, not terminated. */
struct span {
	const char *at;
	size_t size;
};

static const char status_prefix[] = "SIP/2.0 ";

size_t sip_build(const struct sip_request *r, uint32_t cseq, char *out)
{
	int length = snprintf(out, SIP_HEADER_MAX,
		"%s sip:bench@%s;transport=%s SIP/2.0\r\n"
		"Via: SIP/2.0/%s 127.0.0.1:9;branch=z9hG4bK%s.%u;rport\r\n"
		"Max-Forwards: 70\r\n"
		"From: <sip:load@bench.invalid>;tag=%s\r\n"
		"To: <sip:bench@bench.invalid>\r\n"
		"Call-ID: %s\r\n"
		"CSeq: %u %s\r\n"
		"User-Agent: load\r\n"
		"Content-Type: text/plain\r\n"
		"Content-Length: %zu\r\n"
		"\r\n",
		r->method, r->to, r->transport, strcmp(r->transport, "tls") == 0 ? "TLS" : "TCP", r->call_id,
		cseq, r->call_id, r->call_id, cseq, r->method, r->body);

	memset(out + length, 'x', r->body);
	return (size_t)length + r->body;
}

static struct span trim(struct span s)
{
	while (s.size && (s.at[0] == ' ' || s.at[0] == '\t')) {
		s.at++;
		s.size--;
	}
	while (s.size && (s.at[s.size - 1] == ' ' || s.at[s.size - 1] == '\t'))
		s.size--;
	return s;
}

static bool equals(struct span s, const char *text)
{
	return s.size == strlen(text) && strncasecmp(s.at, text, s.size) == 0;
}

/* Reads leading digits; false if there are none or the number exceeds 32 bits. */
static bool digits(struct span *s, uint32_t *value)
{
	uint64_t sum = 0;
	size_t i = 0;

	for (; i < s->size && s->at[i] >= '0' && s->at[i] <= '9'; i++) {
		sum = sum * 10 + (uint64_t)(s->at[i] - '0');
		if (sum > UINT32_MAX)
			return false;
	}
	s->at += i;
	s->size -= i;
	*value = (uint32_t)sum;
	return i > 0;
}

/* The value of the first header with that name (or its short form) in the header lines. */
static bool header(struct span lines, const char *name, const char *brief, struct span *value)
{
	while (lines.size) {
		const char *end = memmem(lines.at, lines.size, "\r\n", 2);
		size_t length = end ? (size_t)(end - lines.at) : lines.size;
		const char *colon = memchr(lines.at, ':', length);
		size_t before = colon ? (size_t)(colon - lines.at) : 0;
		struct span found = trim((struct span){lines.at, before});

		if (colon && (equals(found, name) || equals(found, brief))) {
			*value = trim((struct span){colon + 1, length - before - 1});
			return true;
		}
		length += end ? 2 : 0;
		lines.at += length;
		lines.size -= length;
	}
	return false;
}

static bool is_answer_to(const struct sip_request *r, uint32_t cseq, struct span lines)
{
	struct span call_id, number;
	uint32_t sequence;

	if (!header(lines, "Call-ID", "i", &call_id) || !header(lines, "CSeq", "CSeq", &number))
		return false;
	if (call_id.size != strlen(r->call_id) || memcmp(call_id.at, r->call_id, call_id.size) != 0)
		return false;
	return digits(&number, &sequence) && sequence == cseq && equals(trim(number), r->method);
}

static enum sip_verdict judge(
	const struct sip_request *r, uint32_t cseq, const char *bytes, struct span lines)
{
	if (!is_answer_to(r, cseq, lines))
		return SIP_WRONG_ANSWER;
	return memcmp(bytes + strlen(status_prefix), "200 ", 4) == 0 ? SIP_OK : SIP_WRONG_STATUS;
}

enum sip_verdict sip_check(
	const struct sip_request *r, uint32_t cseq, const char *bytes, size_t size, size_t *used)
{
	size_t prefix = strlen(status_prefix);
	struct span lines, length_text;
	uint32_t body;

	if (memcmp(bytes, status_prefix, size < prefix ? size : prefix) != 0)
		return SIP_MALFORMED;
	const char *end = memmem(bytes, size, "\r\n\r\n", 4);
	if (!end)
		return SIP_INCOMPLETE;
	const char *first = memmem(bytes, size, "\r\n", 2);
	if (first == end || (size_t)(first - bytes) < prefix + 4)
		return SIP_MALFORMED;
	lines = (struct span){first + 2, (size_t)(end - first) - 2};
	if (!header(lines, "Content-Length", "l", &length_text) || !digits(&length_text, &body) ||
		length_text.size)
		return SIP_MALFORMED;
	size_t head = (size_t)(end - bytes) + 4;
	if (body > size - head)
		return SIP_INCOMPLETE;
	*used = head + body;
	return judge(r, cseq, bytes, lines);
}
