/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/script/selects.h"

#include "ser/script/answer_for_message.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <strings.h>
#include <sys/mman.h>

/*
 * The core could turn the parts of a name into numbers (its flag DIVERSION), but it crashes on them when it
 * reports an unknown name. So a row's number stays in the row. The question is put together while the core
 * looks up the name, because it then calls each row's function once, without a result.
 *
 * Each number is one part of the question.
 */
enum part {
	NOTHING,
	SAFE,
	PEER,
	OWN,
	URL_ENCODED,
	FIELD,                       /* ... plus an enum answer_field */
	SAN = FIELD + ANSWER_FIELDS, /* ... plus a type of alternative name */
	COUNT = SAN + GEN_RID + 1,   /* ... likewise */
	ENTRY = COUNT + GEN_RID + 1, /* ... plus an index into entries[] */
};

static const int entries[] = {NID_commonName, NID_localityName, NID_countryName, NID_stateOrProvinceName,
	NID_organizationName, NID_organizationalUnitName, NID_userId};

enum entry {
	CN,
	L,
	C,
	ST,
	O,
	OU,
	UID
};

static int *chain_wanted; /* shared by all processes */

static void apply(struct question *q, int part)
{
	if (part >= ENTRY) {
		q->nid = entries[part - ENTRY];
	} else if (part >= COUNT) {
		q->field = ANSWER_SAN_COUNT;
		q->san = (uint8_t)(part - COUNT);
	} else if (part >= SAN) {
		q->field = ANSWER_SAN;
		q->san = (uint8_t)(part - SAN);
	} else if (part >= FIELD) {
		q->field = (uint8_t)(part - FIELD);
	} else if (part == NOTHING) {
		return;
	} else if (part == SAFE) {
		q->escaped = 1;
	} else if (part == URL_ENCODED) {
		q->field = ANSWER_PEM;
		q->escaped = 1;
	} else { /* a certificate alone means its common name */
		q->field = ANSWER_SUBJECT;
		q->own = part == OWN;
	}
}

/* Stored after the parts of the name, for which there is far more room than we need. */
static struct question *question_of(struct host_select *s)
{
	static_assert(sizeof(struct question) <= sizeof(s->params[0].v), "a question fits into a parameter");
	return (struct question *)&s->params[HOST_SEL_PARAMS_MAX - 1].v;
}

static void prepare(struct host_select *s);

static int select_any(struct host_str *res, struct host_select *s, const struct host_sip_msg *msg)
{
	if (res)
		return answer_for_message(msg, question_of(s), res);
	prepare(s);
	return 0;
}

/* Separate functions, because they tell the core which rows of the table may follow. */
#define SELECT(name)                                                                                         \
	static int name(struct host_str *res, struct host_select *s, struct host_sip_msg *msg)               \
	{                                                                                                    \
		return select_any(res, s, msg);                                                              \
	}
SELECT(tls)
SELECT(safe)
SELECT(cipher)
SELECT(certificate)
SELECT(name)
SELECT(count)
SELECT(value) /* nothing follows */

static int chain(struct host_str *res, struct host_select *s, struct host_sip_msg *msg)
{
	if (!res)
		__atomic_store_n(chain_wanted, 1, __ATOMIC_RELAXED);
	return select_any(res, s, msg);
}

#define ROW(parent, text, f, number_and_flags)                                                               \
	{                                                                                                    \
		parent, HOST_SEL_PARAM_STR, {text, sizeof(text) - 1}, f,                                     \
			HOST_SEL_FIXUP_CALL | (number_and_flags)                                             \
	}
#define FIELD_OF(parent, text, what) ROW(parent, text, value, FIELD + (what))
#define CONNECTION(text, what)       FIELD_OF(tls, text, what), FIELD_OF(safe, text, what)
#define CERTIFICATE(text, what)      FIELD_OF(certificate, text, what)
/* An index in brackets may follow. */
#define SAN_OF(text, type)                                                                                   \
	ROW(certificate, text, value, (SAN + (type)) | HOST_SEL_OPTIONAL | HOST_SEL_CONSUME_NEXT_INT)
#define ENTRY_OF(text, entry) ROW(name, text, value, ENTRY + (entry))
#define END_OF_ROWS                                                                                          \
	{                                                                                                    \
		NULL, HOST_SEL_PARAM_INT, {NULL, 0}, NULL, 0                                                 \
	}

static struct host_select_row rows[] = {
	ROW(NULL, "tls", tls, NOTHING),
	ROW(tls, "safe", safe, HOST_SEL_PARAM_EXPECTED | SAFE),

	CONNECTION("desc", ANSWER_DESCRIPTION),
	CONNECTION("description", ANSWER_DESCRIPTION),
	CONNECTION("version", ANSWER_VERSION),
	ROW(tls, "cipher", cipher, FIELD + ANSWER_CIPHER),
	ROW(safe, "cipher", cipher, FIELD + ANSWER_CIPHER),
	FIELD_OF(cipher, "bits", ANSWER_BITS),
	CONNECTION("server_name", ANSWER_SERVER_NAME),
	CONNECTION("serverName", ANSWER_SERVER_NAME),
	CONNECTION("offload", ANSWER_OFFLOAD),
	CONNECTION("alpn", ANSWER_ALPN),
	CONNECTION("group", ANSWER_GROUP),
	CONNECTION("resumed", ANSWER_RESUMED),
	CONNECTION("handshake_time", ANSWER_HANDSHAKE_TIME),

	ROW(tls, "peer", certificate, PEER),
	ROW(tls, "me", certificate, OWN),
	ROW(tls, "my", certificate, OWN),
	ROW(tls, "myself", certificate, OWN),
	ROW(safe, "peer", certificate, PEER),
	ROW(safe, "me", certificate, OWN),
	ROW(safe, "my", certificate, OWN),
	ROW(safe, "myself", certificate, OWN),

	CERTIFICATE("verified", ANSWER_VERIFIED),
	CERTIFICATE("revoked", ANSWER_REVOKED),
	CERTIFICATE("expired", ANSWER_EXPIRED),
	CERTIFICATE("self_signed", ANSWER_SELF_SIGNED),
	CERTIFICATE("version", ANSWER_CERT_VERSION),
	CERTIFICATE("sn", ANSWER_SERIAL),
	CERTIFICATE("serialNumber", ANSWER_SERIAL),
	CERTIFICATE("serial_number", ANSWER_SERIAL),
	CERTIFICATE("notBefore", ANSWER_NOT_BEFORE),
	CERTIFICATE("not_before", ANSWER_NOT_BEFORE),
	CERTIFICATE("notAfter", ANSWER_NOT_AFTER),
	CERTIFICATE("not_after", ANSWER_NOT_AFTER),
	CERTIFICATE("rawCert", ANSWER_PEM),
	CERTIFICATE("raw_cert", ANSWER_PEM),
	ROW(certificate, "URLEncodedCert", value, URL_ENCODED),
	ROW(certificate, "urlencoded_cert", value, URL_ENCODED),
	CERTIFICATE("fingerprint", ANSWER_FINGERPRINT),
	ROW(certificate, "verified_cert_chain", chain, (FIELD + ANSWER_CHAIN) | HOST_SEL_CONSUME_NEXT_INT),

	SAN_OF("email", GEN_EMAIL),
	SAN_OF("emailAddress", GEN_EMAIL),
	SAN_OF("email_address", GEN_EMAIL),
	SAN_OF("host", GEN_DNS),
	SAN_OF("hostname", GEN_DNS),
	SAN_OF("dns", GEN_DNS),
	SAN_OF("uri", GEN_URI),
	SAN_OF("url", GEN_URI),
	SAN_OF("urn", GEN_URI),
	SAN_OF("ip", GEN_IPADD),
	SAN_OF("IPAddress", GEN_IPADD),
	SAN_OF("ip_address", GEN_IPADD),
	ROW(certificate, "count", count, HOST_SEL_PARAM_EXPECTED | NOTHING),
	ROW(count, "EMAIL", value, COUNT + GEN_EMAIL),
	ROW(count, "DNS", value, COUNT + GEN_DNS),
	ROW(count, "URI", value, COUNT + GEN_URI),
	ROW(count, "IP", value, COUNT + GEN_IPADD),

	ROW(certificate, "subject", name, FIELD + ANSWER_SUBJECT),
	ROW(certificate, "subj", name, FIELD + ANSWER_SUBJECT),
	ROW(certificate, "issuer", name, FIELD + ANSWER_ISSUER),
	ENTRY_OF("cn", CN),
	ENTRY_OF("commonName", CN),
	ENTRY_OF("common_name", CN),
	ENTRY_OF("name", CN),
	ENTRY_OF("l", L),
	ENTRY_OF("localityName", L),
	ENTRY_OF("locality_name", L),
	ENTRY_OF("locality", L),
	ENTRY_OF("c", C),
	ENTRY_OF("countryName", C),
	ENTRY_OF("country_name", C),
	ENTRY_OF("country", C),
	ENTRY_OF("st", ST),
	ENTRY_OF("stateOrProvinceName", ST),
	ENTRY_OF("state_or_province_name", ST),
	ENTRY_OF("state", ST),
	ENTRY_OF("o", O),
	ENTRY_OF("organizationName", O),
	ENTRY_OF("organization_name", O),
	ENTRY_OF("organization", O),
	ENTRY_OF("ou", OU),
	ENTRY_OF("organizationalUnitName", OU),
	ENTRY_OF("organizational_unit_name", OU),
	ENTRY_OF("unit", OU),
	ENTRY_OF("uid", UID),
	ENTRY_OF("uniqueIdentifier", UID),
	ENTRY_OF("unique_identifier", UID),
	END_OF_ROWS,
};

static const struct host_select_row *find(host_select_f parent, const struct host_str *text)
{
	for (const struct host_select_row *row = rows; row->f; row++)
		if (row->parent == parent && row->name.len == text->len &&
			!strncasecmp(row->name.s, text->s, (size_t)text->len))
			return row;
	return NULL;
}

/* Called for the name as far as the core has read it; the last call sees all of it. */
static void prepare(struct host_select *s)
{
	struct question q = {.field = ANSWER_DESCRIPTION, .nid = NID_commonName};
	const struct host_select_row *row;
	host_select_f f = NULL;

	for (int i = 0; i < s->n; i++) {
		if (s->params[i].type == HOST_SEL_PARAM_INT) {
			q.index = s->params[i].v.i;
			continue;
		}
		row = find(f, &s->params[i].v.s);
		if (!row)
			break; /* the core will report it */
		apply(&q, row->flags & HOST_SEL_NUMBER);
		f = row->f;
	}
	*question_of(s) = q;
}

int selects_register(void)
{
	void *page =
		mmap(NULL, sizeof(*chain_wanted), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return -1;
	chain_wanted = page;
	return register_select_table(rows);
}

int selects_want_chain(void)
{
	return __atomic_load_n(chain_wanted, __ATOMIC_RELAXED);
}
