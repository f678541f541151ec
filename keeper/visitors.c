/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/visitors.h"

#include "ktls/clock.h"
#include "ser/shared/kept.h"
#include "ser/shared/log.h"
#include "ser/shared/shortage.h"
#include "uring/pass_fd.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MESSAGES_A_TURN = 64, /* for one visitor, before others have their turn */
	PAUSE_MS = 5,         /* where poll() says that there is room, and there is none: uring/pass_fd.c */
};

static struct log_limit wrong_limit, strange_limit, room_limit, memory_limit, way_limit;

void visitors_init(struct visitors *v, struct store *store)
{
	*v = (struct visitors){.store = store};
	for (unsigned i = 0; i < VISITORS_MAX; i++)
		v->all[i].fd = -1;
}

/* What has become of its visit is said once, however it ended. */
static void dismiss(struct visitors *v, struct visitor *who)
{
	const int pid = (int)who->pid;

	if (who->left)
		ser_log(LOG_LEVEL_NOTICE, "connections that process %d left here: %u", pid, who->left);
	if (who->refused)
		ser_log(LOG_LEVEL_WARNING,
			"connections that process %d wanted to leave here, and that were ended: %u", pid,
			who->refused);
	if (who->taking)
		ser_log(LOG_LEVEL_WARNING,
			"process %d went away before it had taken all connections back: it has %u, %u stay "
			"here",
			pid, who->taken, v->store->count);
	close(who->fd);
	*who = (struct visitor){.fd = -1};
}

static void dismiss_for(struct visitors *v, struct visitor *who, const char *why)
{
	ser_log_limited(&wrong_limit, LOG_LEVEL_ERROR, "process %d is sent away: %s", (int)who->pid, why);
	dismiss(v, who);
}

static struct visitor *find_place(struct visitors *v)
{
	struct visitor *idle = &v->all[0];

	for (unsigned i = 0; i < VISITORS_MAX; i++) {
		if (v->all[i].fd < 0)
			return &v->all[i];
		if (v->all[i].active < idle->active)
			idle = &v->all[i];
	}
	ser_log_limited(&way_limit, LOG_LEVEL_WARNING,
		"%d processes are connected at once; process %d makes way, because it was silent for the "
		"longest time",
		VISITORS_MAX, (int)idle->pid);
	dismiss(v, idle);
	return idle;
}

/* Keys lie here, and connections that end if they are lost. */
static int is_welcome(int fd, struct ucred *who)
{
	socklen_t len = sizeof(*who);

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &len) && (who->uid == geteuid() || !who->uid))
		return 1;
	ser_log_limited(&strange_limit, LOG_LEVEL_WARNING,
		"process %d of user %d is sent away: only root and the keeper's own user, %d, may come here",
		(int)who->pid, (int)who->uid, (int)geteuid());
	return 0;
}

void visitors_accept(struct visitors *v, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), room = KEEPER_MESSAGE_MAX;
	struct ucred cred = {0};
	struct visitor *who;

	if (fd < 0)
		return;
	if (!is_welcome(fd, &cred)) {
		close(fd);
		return;
	}
	who = find_place(v);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	*who = (struct visitor){.fd = fd, .pid = cred.pid, .active = ktls_clock_ms()};
}

static int option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) ? -1 : value;
}

/* Not a listener. The peer may have closed it meanwhile. */
static int is_tcp(int fd)
{
	const int domain = option(fd, SO_DOMAIN);

	return (domain == AF_INET || domain == AF_INET6) && option(fd, SO_TYPE) == SOCK_STREAM &&
	       option(fd, SO_ACCEPTCONN) == 0;
}

static void refuse(struct visitor *who, uint8_t *message, size_t len, int fd)
{
	who->refused++;
	store_say_goodbye(message, len, fd);
}

static void keep(struct visitors *v, struct visitor *who, uint8_t *message, size_t len, int fd)
{
	switch (store_add(v->store, message, len, fd)) {
	case 0:
		who->left++;
		return;
	case -ENOSPC:
		ser_log_limited(&room_limit, LOG_LEVEL_WARNING,
			"a connection is ended, because %u are here already: raise --max, and the limit of "
			"open files (LimitNOFILE, ulimit -n)",
			v->store->count);
		break;
	default:
		ser_log_limited(
			&memory_limit, LOG_LEVEL_ERROR, "a connection is ended: %s", shortage_text(-ENOMEM));
	}
	refuse(who, message, len, fd);
}

static const char *check_header(const struct keeper_header *h, size_t len)
{
	if (len < sizeof(*h) || h->magic != KEEPER_MAGIC)
		return "it says something that is no message of SER's";
	if (h->version != KEEPER_VERSION)
		return "it is of another version; restart the keeper once no connection is here";
	return NULL;
}

/* Returns NULL, or why the visitor must go; then the descriptors still belong to the caller. */
static const char *obey(
	struct visitors *v, struct visitor *who, uint8_t *message, size_t len, const int fds[URING_PASS_MAX])
{
	const struct keeper_header *h = (const struct keeper_header *)message;
	const char *why = check_header(h, len);

	if (why)
		return why;
	if (h->kind == KEEPER_TAKE) {
		if (len != sizeof(*h) || fds[0] != -1)
			return "its wish to take connections back has something behind it";
		who->taking = 1;
		return NULL;
	}
	if (h->kind != KEEPER_KEEP || len == sizeof(*h))
		return "it says something that is no message of SER's";
	if (fds[0] == URING_FD_LOST) {
		who->refused++;
		ser_log_limited(
			&room_limit, LOG_LEVEL_ERROR, "a connection is lost: %s", shortage_text(-EMFILE));
		return NULL;
	}
	if (fds[0] < 0 || fds[1] != -1 || !is_tcp(fds[0]))
		return "it does not give exactly one TCP connection with a record";
	keep(v, who, message, len, fds[0]);
	return NULL;
}

static void listen_to(struct visitors *v, struct visitor *who)
{
	static _Alignas(8) uint8_t message[KEEPER_MESSAGE_MAX];

	for (unsigned i = 0; i < MESSAGES_A_TURN && who->fd >= 0; i++) {
		int fds[URING_PASS_MAX];
		ssize_t n = uring_take_fds(who->fd, message, sizeof(message), fds, URING_PASS_MAX);
		const char *why = NULL;

		if (n == -EAGAIN)
			return;
		who->active = ktls_clock_ms();
		if (n == -EMSGSIZE)
			why = "its message is longer than any of SER's";
		if (n > 0)
			why = obey(v, who, message, (size_t)n, fds);
		OPENSSL_cleanse(message, n > 0 ? (size_t)n : 0);
		for (unsigned j = 0; j < URING_PASS_MAX && (why || n <= 0); j++)
			if (fds[j] >= 0)
				close(fds[j]);
		if (why)
			dismiss_for(v, who, why);
		else if (n <= 0)
			dismiss(v, who);
	}
}

/* Sends the next connection, or that there is none. Returns what uring_pass_fd() does. */
static int send_next(struct visitors *v, struct visitor *who)
{
	static const struct keeper_header no_more = {KEEPER_MAGIC, KEEPER_VERSION, KEEPER_NO_MORE};
	struct stored *s = store_first(v->store);
	int rc = s ? uring_pass_fd(who->fd, s->message, s->len, s->fd)
		   : uring_pass_fd(who->fd, &no_more, sizeof(no_more), URING_NO_FD);

	if (!rc && s) {
		who->taken++;
		store_forget(v->store, s);
	} else if (!rc) {
		ser_log(LOG_LEVEL_NOTICE, "connections that process %d took back: %u", (int)who->pid,
			who->taken);
		who->taking = 0;
		who->taken = 0;
	} else if (s && rc == -EMSGSIZE) {
		ser_log_limited(&room_limit, LOG_LEVEL_ERROR,
			"a connection is ended, because its record of %zu bytes is too long for a socket "
			"here: "
			"raise net.core.wmem_max",
			s->len);
		store_end(v->store, s);
		rc = 0;
	}
	return rc;
}

static void give_to(struct visitors *v, struct visitor *who)
{
	int rc = 0;

	for (unsigned i = 0; i < MESSAGES_A_TURN && who->taking && !rc; i++) {
		rc = send_next(v, who);
		if (!rc)
			who->active = ktls_clock_ms();
	}
	if (rc == -EAGAIN || rc == -ENOBUFS || rc == -ENOMEM)
		who->resume_at = ktls_clock_ms() + PAUSE_MS;
	else if (rc)
		dismiss(v, who);
}

int visitors_poll(const struct visitors *v, struct pollfd pfds[VISITORS_MAX], int64_t now)
{
	int wait_ms = -1;

	for (unsigned i = 0; i < VISITORS_MAX; i++) {
		const struct visitor *who = &v->all[i];

		pfds[i] = (struct pollfd){.fd = who->fd, .events = POLLIN};
		if (who->fd < 0 || !who->taking)
			continue;
		if (who->resume_at > now)
			wait_ms = PAUSE_MS;
		else
			pfds[i].events |= POLLOUT;
	}
	return wait_ms;
}

void visitors_serve(struct visitors *v, const struct pollfd pfds[VISITORS_MAX])
{
	for (unsigned i = 0; i < VISITORS_MAX; i++) {
		if (pfds[i].revents & ~POLLOUT)
			listen_to(v, &v->all[i]);
		if (pfds[i].revents & POLLOUT && v->all[i].fd >= 0)
			give_to(v, &v->all[i]);
	}
}
