/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/nic.h"

#include "ktls/clock.h"
#include "ktls/nic.h"
#include "ser/shared/log.h"
#include "ser/shared/shortage.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
	LOOK_MS = 1000,
	STAT_MAX = 4096, /* 600 bytes in Linux 7.2 */
};

static enum {
	NO_CARD, /* the kernel has not given any connection to one */
	ASKING,
	GIVEN_UP,
} state;
static int questions;

/* Also without the rest of /proc, as with ProcSubset=pid. */
static int was_used(void)
{
	char text[STAT_MAX];
	int fd = open("/proc/self/net/tls_stat", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return ktls_nic_was_used(text);
}

static const char *why_not(int error)
{
	switch (error) {
	case -ENODATA:
		return "this kernel tells it only to processes with CAP_NET_ADMIN";
	case -EPROTONOSUPPORT:
		return "the kernel's module tcp_diag is missing: run 'modprobe tcp_diag' before the start";
	case -EAFNOSUPPORT:
		return "the service may not ask: add AF_NETLINK to RestrictAddressFamilies";
	default:
		return shortage_text(error);
	}
}

/* What is short now may be there for the next connection. */
static int is_short(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS ||
	       error == -EAGAIN;
}

static void note_failure(int error)
{
	if (is_short(error))
		return;
	state = GIVEN_UP;
	ser_log(LOG_LEVEL_NOTICE,
		"a network card of this machine encrypts TLS, but it cannot be seen for which "
		"connections, so all with records in the kernel are shown as kernel: %s",
		why_not(error));
}

/*
 * A machine without such a card must not pay: until the kernel has counted a connection, nobody is asked, and
 * no module of the kernel is loaded for a question. The count is read when a connection is handed over, but
 * once a second at the most.
 */
static void look(void)
{
	static int64_t next;
	int64_t now = ktls_clock_ms();

	if (now < next)
		return;
	next = now + LOOK_MS;
	if (!was_used())
		return;
	questions = ktls_nic_open();
	if (questions < 0)
		note_failure(questions);
	else
		state = ASKING;
}

uint8_t nic_directions(const struct message_established *m, int fd)
{
	int rc;

	if (m->snapshot.home != KTLS_HOME_KERNEL || fd < 0)
		return 0;
	if (state == NO_CARD)
		look();
	if (state != ASKING)
		return 0;
	rc = ktls_nic_ask(questions, fd);
	if (rc >= 0)
		return (uint8_t)rc;
	if (rc != -ENOENT)
		note_failure(rc);
	if (state == GIVEN_UP)
		close(questions);
	return 0;
}
