/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The asking side: takes all supervisors through the steps of a reload. */
#include "ser/supervisor/reload.h"

#include "ktls/clock.h"
#include "ser/shared/lock.h"
#include "ser/shared/services.h"
#include "ser/supervisor/private.h"
#include "ser/supervisor/reload_private.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	ANSWER_WITHIN_SECONDS = 30,
	LOOK_EACH_MS = 1,
};

static const struct params *params;
struct reload_channel reload_channels[SCOREBOARD_ENGINES_MAX];
static struct {
	int turn;                                  /* the lock of whoever reloads */
	int lock;                                  /* protects last */
	uint32_t number;                           /* the last order's */
	uint32_t reload;                           /* the last reload's */
	uint32_t committed;                        /* the last reload that was decided */
	uint32_t finished[SCOREBOARD_ENGINES_MAX]; /* the last one that each supervisor has finished */
	struct reload_last last;
} * shared;

int reload_prepare(const struct params *p)
{
	int ends[2];

	params = p;
	shared = services.memory.alloc(sizeof(*shared));
	if (!shared)
		return -ENOMEM;
	memset(shared, 0, sizeof(*shared));
	clock_gettime(CLOCK_REALTIME_COARSE, &shared->last.began);
	if (p->config)
		snprintf(shared->last.config, sizeof(shared->last.config), "%s", p->config);
	for (int i = 0; i < p->engines; i++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
			return -errno;
		reload_channels[i] = (struct reload_channel){ends[0], ends[1]};
	}
	return 0;
}

int reload_is_committed(uint32_t reload)
{
	return __atomic_load_n(&shared->committed, __ATOMIC_ACQUIRE) == reload;
}

void reload_finished(uint32_t reload)
{
	__atomic_store_n(&shared->finished[supervisor.index], reload, __ATOMIC_RELEASE);
}

/* Skips answers to orders that nobody waits for any more. */
static int wait_for_answer(int fd, uint32_t number, struct reload_answer *a)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t end = ktls_clock_ms() + ANSWER_WITHIN_SECONDS * 1000, left;
	ssize_t n;

	while ((left = end - ktls_clock_ms()) > 0) {
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = recv(fd, a, sizeof(*a) - 1, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n <= (ssize_t)offsetof(struct reload_answer, text))
			continue;
		((char *)a)[n] = '\0';
		if (a->number == number)
			return a->rc;
	}
	return -ETIMEDOUT;
}

/* Returns 0 or a negative errno. */
static int tell(int i, enum reload_step step, const char *config)
{
	struct reload_order o = {.number = ++shared->number, .reload = shared->reload, .step = step};

	if (config)
		snprintf(o.config, sizeof(o.config), "%s", config);
	return send(reload_channels[i].others, &o, sizeof(o), MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(o)
		       ? 0
		       : -errno;
}

static int ask(int i, enum reload_step step, const char *config, struct reload_answer *a)
{
	int rc = tell(i, step, config);

	a->text[0] = '\0';
	if (!rc)
		rc = wait_for_answer(reload_channels[i].others, shared->number, a);
	if (rc && !a->text[0] && rc == -ETIMEDOUT)
		snprintf(a->text, sizeof(a->text),
			"the supervisor of engine %d did not answer within %d seconds; tls.engines shows "
			"whether it hangs\n",
			i, ANSWER_WITHIN_SECONDS);
	else if (rc == -EAGAIN && !a->text[0])
		snprintf(a->text, sizeof(a->text),
			"the supervisor of engine %d takes no orders; tls.engines shows whether it hangs\n",
			i);
	else if (rc && !a->text[0])
		snprintf(a->text, sizeof(a->text),
			"the supervisor of engine %d cannot be asked (%s): memory is short, or SER is "
			"ending\n",
			i, strerror(-rc));
	return rc;
}

/* All must have read the same. */
static int build_all(const char *config, struct reload_answer *a)
{
	uint64_t states = 0;
	int rc = 0;

	for (int i = 0; !rc && i < params->engines; i++) {
		rc = ask(i, RELOAD_BUILD, config, a);
		if (!i)
			states = a->states[0];
		if (rc || (a->states[0] == states && a->states[1] == states))
			continue;
		rc = -EAGAIN;
		snprintf(a->text, sizeof(a->text),
			"files changed while they were read; when all are in place, run tls.reload again\n");
	}
	return rc;
}

static int start_all(struct reload_answer *a)
{
	int rc = 0;

	for (int i = 0; !rc && i < params->engines; i++)
		rc = ask(i, RELOAD_START, NULL, a);
	return rc;
}

/* Nobody waits again for one that did not answer: it forgets when it takes the next order. */
static void forget(struct reload_answer *a, int timed_out)
{
	for (int i = 0; i < params->engines; i++) {
		if (timed_out)
			tell(i, RELOAD_FORGET, NULL);
		else
			ask(i, RELOAD_FORGET, NULL, a);
	}
}

/* One reload at a time. Returns 0, or -EBUSY if others take too long. */
static int take_turn(char text[RELOAD_TEXT])
{
	const struct timespec pause = {.tv_nsec = LOOK_EACH_MS * 1000000L};
	int64_t end = ktls_clock_ms() + ANSWER_WITHIN_SECONDS * 1000;

	while (!lock_try(&shared->turn)) {
		if (ktls_clock_ms() >= end) {
			snprintf(text, RELOAD_TEXT,
				"another reload is under way, and did not end within %d seconds; tls.engines "
				"shows whether a supervisor hangs\n",
				ANSWER_WITHIN_SECONDS);
			return -EBUSY;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

static void wait_until_finished(int i, int64_t end, char text[RELOAD_TEXT])
{
	const struct timespec pause = {.tv_nsec = LOOK_EACH_MS * 1000000L};
	size_t len = strlen(text);

	while (__atomic_load_n(&shared->finished[i], __ATOMIC_ACQUIRE) != shared->reload) {
		if (ktls_clock_ms() >= end) {
			snprintf(text + len, RELOAD_TEXT - len,
				RELOAD_WARNING
				"engine %d goes on with the configuration before until its supervisor, which "
				"is busy, takes the new one; tls.engines shows whether it hangs\n",
				i);
			return;
		}
		nanosleep(&pause, NULL);
	}
}

/* The supervisors look for the decision by themselves; telling them is only faster. */
static void commit(char text[RELOAD_TEXT])
{
	int64_t end = ktls_clock_ms() + ANSWER_WITHIN_SECONDS * 1000;

	__atomic_store_n(&shared->committed, shared->reload, __ATOMIC_RELEASE);
	for (int i = 0; i < params->engines; i++)
		tell(i, RELOAD_COMMIT, NULL);
	for (int i = 0; i < params->engines; i++)
		wait_until_finished(i, end, text);
}

static void note(struct timespec began, const char *config)
{
	lock_get(&shared->lock);
	shared->last.number++;
	shared->last.began = began;
	snprintf(shared->last.config, sizeof(shared->last.config), "%s", config ? config : "");
	lock_release(&shared->lock);
}

/* Returns 0 when nothing can go wrong any more. */
static int prepare_all(const char *config, struct reload_answer *a, char text[RELOAD_TEXT])
{
	int rc = build_all(config, a);

	snprintf(text, RELOAD_TEXT, "%s", a->text);
	if (rc)
		return rc;
	rc = start_all(a);
	if (rc)
		snprintf(text, RELOAD_TEXT, "%s", a->text);
	return rc;
}

int reload_request(const char *config, char text[RELOAD_TEXT])
{
	static struct reload_answer a;
	struct timespec began;
	int rc;

	rc = take_turn(text);
	if (rc)
		return rc;
	shared->reload++;
	clock_gettime(CLOCK_REALTIME_COARSE, &began);
	rc = prepare_all(config, &a, text);
	if (rc) {
		forget(&a, rc == -ETIMEDOUT);
	} else {
		commit(text);
		note(began, config);
	}
	lock_release(&shared->turn);
	return rc;
}

struct reload_last reload_last(void)
{
	struct reload_last last;

	lock_get(&shared->lock);
	last = shared->last;
	lock_release(&shared->lock);
	return last;
}
