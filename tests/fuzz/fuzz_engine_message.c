/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes and descriptors as an engine's message. What reads a message that passed the check gets it next:
 * the answers to scripts, the stream with its keys, the log.
 */
#include "fuzz.h"

#include "ktls/sys.h"
#include "select/answer.h"
#include "ser/supervisor/message_check.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <sanitizer/asan_interface.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LISTENERS = 2,
	ORDER = 1, /* that the engine has */
};

/* Two domains instead of a set: 0 is a server's, 1 a client's. */
SSL_CTX *cfg_set_context(const struct cfg_set *set, unsigned domain)
{
	static char contexts[2];

	(void)set;
	return domain < 2 ? (SSL_CTX *)&contexts[domain] : NULL;
}

const struct cfg_domain *cfg_context_domain(const SSL_CTX *ctx)
{
	static const struct cfg_domain domains[] = {{.kind = CFG_SERVER}, {.kind = CFG_CLIENT}};

	return &domains[(const char *)ctx - (const char *)cfg_set_context(NULL, 0)];
}

static int has_order(const struct engine_process *p, uint32_t order)
{
	(void)p;
	return order == ORDER;
}

enum {
	TCP = 2, /* the first two are no descriptors */
	UNIX,
	DESCRIPTORS = 7,
};

static const int *descriptors(void)
{
	static int fds[DESCRIPTORS] = {-1, URING_FD_LOST};
	int ends[2];

	if (fds[TCP])
		return fds;
	fds[TCP] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	fds[UNIX] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	fds[4] = socket(AF_INET, SOCK_STREAM, 0); /* it would wait */
	fds[5] = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	REQUIRE(!pipe(ends));
	fds[6] = ends[0];
	return fds;
}

static ssize_t take_nothing(int fd, void *buf, size_t len, int flags)
{
	(void)fd;
	(void)buf;
	(void)len;
	(void)flags;
	errno = EAGAIN;
	return -1;
}

static ssize_t send_away(int fd, const void *buf, size_t len, int flags)
{
	(void)fd;
	(void)buf;
	(void)flags;
	return (ssize_t)len;
}

static void use_stream(const struct message_established *e)
{
	static const struct ktls_allocator memory = {malloc, free};
	static uint8_t out[KTLS_MAX_RECORD];
	struct ktls_stream s;
	struct ktls_read r;
	size_t taken;

	ktls_stream_init(&s, e->snapshot.home, &e->keys, e->can_rekey);
	if (s.home == KTLS_HOME_USER) {
		ktls_stream_read(&s, 0, out, sizeof(out), &memory, &r);
		REQUIRE(ktls_stream_seal(&s, "text", 4, out, sizeof(out), &taken) > 0 && taken == 4);
		s.owes = KTLS_OWES_KEY_UPDATE;
		ktls_stream_respond(&s, 0);
	} else if (s.home == KTLS_HOME_KERNEL) {
		REQUIRE(!ktls_stream_count_write(&s, 100));
	}
	ktls_stream_wipe(&s, &memory);
}

/* Every question, to a copy that ends where it says. */
static void ask(const struct snapshot *from)
{
	static char answer[ANSWER_MAX];
	struct snapshot *s = malloc(from->size);

	REQUIRE(s);
	memcpy(s, from, from->size);
	for (int field = 0; field < ANSWER_FIELDS; field++)
		for (int i = 0; i <= (field == ANSWER_CHAIN ? UINT8_MAX : 1); i++) {
			const struct question q = {.field = (uint8_t)field,
				.own = (uint8_t)(i & 1 && field != ANSWER_CHAIN),
				.escaped = (uint8_t)(i & 1),
				.san = GEN_DNS,
				.nid = NID_commonName,
				.index = i};

			REQUIRE(snapshot_answer(s, &q, answer) <= ANSWER_MAX);
			REQUIRE(!ERR_peek_error());
		}
	free(s);
}

static void use_connection(const struct message_established *e, const int *fds)
{
	const int relayed = e->snapshot.home == KTLS_HOME_RELAYED;
	char text[URING_ADDRESS_TEXT];

	REQUIRE(fds[0] == URING_FD_LOST || fds[0] == descriptors()[relayed ? UNIX : TCP]);
	REQUIRE(e->order ? e->order == ORDER : e->listener < LISTENERS);
	REQUIRE(!e->snapshot.own);
	if (!e->order)
		REQUIRE(strlen(uring_address_text(&e->remote.any, text)) < sizeof(text));
	ask(&e->snapshot);
	use_stream(e);
}

static void read_text(const char *text, size_t room)
{
	size_t len = strnlen(text, room);

	REQUIRE(len < room);
	for (size_t i = 0; i < len; i++)
		REQUIRE(!iscntrl((unsigned char)text[i]));
}

static void read_lines(const char *text, size_t room)
{
	size_t len = strnlen(text, room);

	REQUIRE(len && len < room && text[len - 1] == '\n');
	for (size_t i = 0; i < len; i++)
		REQUIRE(text[i] == '\n' || isprint((unsigned char)text[i]));
}

static void use(const union engine_message *m, size_t size, const int *fds)
{
	if (m->kind == MESSAGE_ESTABLISHED)
		use_connection(&m->established, fds);
	else
		REQUIRE(fds[0] == -1);
	if (m->kind == MESSAGE_LOG) {
		read_text(m->log.file, sizeof(m->log.file));
		read_text(m->log.function, sizeof(m->log.function));
		read_text(m->log.text, size - offsetof(struct message_log, text));
	}
	if (m->kind == MESSAGE_KEYS)
		read_lines(m->keys.text, size - offsetof(struct message_keys, text));
	if (m->kind == MESSAGE_FAILED)
		read_text(m->failed.reason, sizeof(m->failed.reason));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static union engine_message m;
	struct input in = {data, len};
	const int fds[] = {descriptors()[take(&in) % DESCRIPTORS], descriptors()[take(&in) % DESCRIPTORS]};
	const struct engine_message_limits limits = {.listeners = LISTENERS,
		.on_the_way = 1,
		.may_stop = take(&in) & 1,
		.logs_keys = 1,
		.has_order = has_order};
	const size_t size = in.left < sizeof(m) ? in.left : sizeof(m);

	ktls_sys.recv = take_nothing;
	ktls_sys.send = send_away;
	memcpy(&m, in.p, size);
	/* Nobody may read behind the message. */
	ASAN_POISON_MEMORY_REGION(m.bytes + size, sizeof(m) - size);
	if (!engine_message_check(&m, size, fds, &limits))
		use(&m, size, fds);
	ASAN_UNPOISON_MEMORY_REGION(&m, sizeof(m));
	return 0;
}
