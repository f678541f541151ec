/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring/loop.h"

#include "ktls/clock.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	RING_ENTRIES = 128, /* operations that can be submitted at once; any number may be under way */
	RING_ENTRIES_MIN = 32,
	URGENT_A_TURN = 64, /* what they started must be submitted soon */
	BULK_MS = 1,
	URGENT_MS = 5,      /* ... or no more of them, if one takes so long */
	PATIENT_A_TURN = 4, /* one may cost a signature */
	PROBED = 256,       /* as many operations as a kernel can have */
};

/* By rounds. */
struct rounds {
	TAILQ_HEAD(ops, uring_op) ops;
	uint64_t round; /* of the one that ran last */
};

struct uring_loop {
	struct io_uring ring;
	TAILQ_HEAD(, uring_op) urgent; /* completed, but not run yet */
	struct rounds patient, bulk;   /* the same */
	int event;                     /* eventfd(2) for another event loop, or -1 */
};

/* What the engine needs. All of it is in Linux 5.6; the wakeups that make it cheap (fast poll) are in 5.7. */
static const int needed_opcodes[] = {
	IORING_OP_ACCEPT,
	IORING_OP_RECV,
	IORING_OP_SEND,
	IORING_OP_RECVMSG,
	IORING_OP_POLL_ADD,
	IORING_OP_TIMEOUT,
	IORING_OP_ASYNC_CANCEL,
};

static int open_ring_of(struct uring_loop *loop, unsigned entries, unsigned flags)
{
	static const unsigned variants[] = {
		IORING_SETUP_CLAMP | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, /* 6.1 */
		IORING_SETUP_CLAMP | IORING_SETUP_COOP_TASKRUN,                               /* 5.19 */
		IORING_SETUP_CLAMP,
	};
	int rc = -EINVAL;

	for (unsigned i = 0; rc == -EINVAL && i < sizeof(variants) / sizeof(variants[0]); i++)
		rc = io_uring_queue_init(entries, &loop->ring, variants[i] | flags);
	return rc;
}

/*
 * Before Linux 5.12, and again in newer kernels (seen in 6.18), the memory of all of a user's rings counts as
 * locked. If it is short, a smaller ring works, too, with more system calls.
 */
static int open_ring(struct uring_loop *loop, unsigned flags)
{
	int rc = -ENOMEM;

	for (unsigned entries = RING_ENTRIES; rc == -ENOMEM && entries >= RING_ENTRIES_MIN; entries /= 4)
		rc = open_ring_of(loop, entries, flags);
	return rc;
}

static int is_refused(int error)
{
	return error == -ENOSYS || error == -EPERM || error == -EACCES;
}

/* Returns 0, -EOPNOTSUPP if the kernel lacks one, or what a filter of system calls answers. */
static int check_opcodes(struct io_uring *ring)
{
	struct io_uring_probe *probe = calloc(1, sizeof(*probe) + PROBED * sizeof(probe->ops[0]));
	int rc;

	if (!probe)
		return -ENOMEM;
	rc = io_uring_register_probe(ring, probe, PROBED);
	if (rc && !is_refused(rc))
		rc = -EOPNOTSUPP;
	for (unsigned i = 0; !rc && i < sizeof(needed_opcodes) / sizeof(needed_opcodes[0]); i++)
		rc = io_uring_opcode_supported(probe, needed_opcodes[i]) ? 0 : -EOPNOTSUPP;
	free(probe);
	return rc;
}

static const char *why_no_ring(int error)
{
	if (is_refused(error))
		return "io_uring is not allowed here: set sysctl kernel.io_uring_disabled to 0, and let the "
		       "seccomp filter of the service or container permit io_uring_setup, io_uring_enter "
		       "and io_uring_register";
	switch (error) {
	case -EOPNOTSUPP:
		return "this kernel's io_uring is too old: Linux 5.10 or newer is needed";
	case -EMFILE:
	case -ENFILE:
		return "no ring could be made: raise the limit of open files (ulimit -n)";
	default:
		return "no ring could be made: raise the limit of locked memory (ulimit -l)";
	}
}

static int enter(struct io_uring *ring)
{
	return io_uring_enter((unsigned)ring->ring_fd, 0, 0, 0, NULL);
}

/*
 * Of register operations only a harmless one is on the list, so that nobody can take a restriction back; with
 * none, newer kernels (seen in 7.2) restrict no register operation at all. liburing 2.3 declares functions
 * for both calls, but does not export them.
 */
static int restrict_ring(struct io_uring *ring)
{
	enum {
		OPCODES = sizeof(needed_opcodes) / sizeof(needed_opcodes[0]),
	};
	struct io_uring_restriction allowed[OPCODES + 2] = {
		{.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_IO_LINK},
		{.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_PROBE}};
	int rc;

	for (unsigned i = 0; i < OPCODES; i++)
		allowed[i + 2] = (struct io_uring_restriction){
			.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = (uint8_t)needed_opcodes[i]};
	rc = io_uring_register((unsigned)ring->ring_fd, IORING_REGISTER_RESTRICTIONS, allowed, OPCODES + 2);
	if (!rc)
		rc = io_uring_register((unsigned)ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	/* Some kernels 5.10 say that the ring is enabled, but it is not: seen in 5.10.46. */
	return rc ? rc : enter(ring);
}

static int prepare_ring(struct io_uring *ring, unsigned flags, const char **why)
{
	int restricted = flags & IORING_SETUP_R_DISABLED;
	int rc = ring->features & IORING_FEAT_FAST_POLL ? check_opcodes(ring) : -EOPNOTSUPP;

	if (!rc && !restricted)
		rc = enter(ring);
	*why = why_no_ring(rc);
	if (rc || !restricted)
		return rc;
	*why = "this kernel's io_uring takes no restrictions";
	return restrict_ring(ring);
}

static void init_rounds(struct rounds *r)
{
	TAILQ_INIT(&r->ops);
	r->round = 1;
}

static int new_loop(struct uring_loop **loop, const char **why, unsigned flags)
{
	struct uring_loop *l = calloc(1, sizeof(*l));
	int rc;

	*why = "out of memory";
	if (!l)
		return -ENOMEM;
	TAILQ_INIT(&l->urgent);
	init_rounds(&l->patient);
	init_rounds(&l->bulk);
	l->event = -1;
	rc = open_ring(l, flags);
	if (rc) {
		*why = why_no_ring(rc);
		free(l);
		return rc;
	}
	rc = prepare_ring(&l->ring, flags, why);
	if (rc) {
		uring_loop_free(l);
		return rc;
	}
	*loop = l;
	return 0;
}

int uring_loop_new(struct uring_loop **loop, const char **why)
{
	return new_loop(loop, why, 0);
}

int uring_loop_new_restricted(struct uring_loop **loop, const char **why)
{
	return new_loop(loop, why, IORING_SETUP_R_DISABLED);
}

void uring_loop_free(struct uring_loop *loop)
{
	if (!loop)
		return;
	io_uring_queue_exit(&loop->ring);
	if (loop->event >= 0)
		close(loop->event);
	free(loop);
}

static struct io_uring_sqe *get_sqe(struct uring_loop *loop)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->ring);

	if (sqe)
		return sqe;
	io_uring_submit(&loop->ring);
	return io_uring_get_sqe(&loop->ring);
}

int uring_accept(struct uring_loop *loop, struct uring_op *op, int fd, struct sockaddr *addr, socklen_t *len)
{
	struct io_uring_sqe *sqe = get_sqe(loop);

	if (!sqe)
		return -EBUSY;
	/* Not SOCK_NONBLOCK, because io_uring would then complete reads with EAGAIN instead of waiting. */
	io_uring_prep_accept(sqe, fd, addr, len, SOCK_CLOEXEC);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int uring_recv(struct uring_loop *loop, struct uring_op *op, int fd, void *buf, size_t len)
{
	struct io_uring_sqe *sqe = get_sqe(loop);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_recv(sqe, fd, buf, len, 0);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int uring_recvmsg(struct uring_loop *loop, struct uring_op *op, int fd, struct msghdr *msg)
{
	struct io_uring_sqe *sqe;

	/* The kernel links them only if both are in one submission. */
	if (io_uring_sq_space_left(&loop->ring) < 2)
		io_uring_submit(&loop->ring);
	if (io_uring_sq_space_left(&loop->ring) < 2)
		return -EBUSY;
	sqe = io_uring_get_sqe(&loop->ring);
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	sqe->flags |= IOSQE_IO_LINK;
	io_uring_sqe_set_data(sqe, NULL);
	sqe = io_uring_get_sqe(&loop->ring);
	io_uring_prep_recvmsg(sqe, fd, msg, MSG_DONTWAIT);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int uring_send(struct uring_loop *loop, struct uring_op *op, int fd, const void *buf, size_t len)
{
	struct io_uring_sqe *sqe = get_sqe(loop);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_send(sqe, fd, buf, len, MSG_NOSIGNAL);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int uring_poll(struct uring_loop *loop, struct uring_op *op, int fd, unsigned events)
{
	struct io_uring_sqe *sqe = get_sqe(loop);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_poll_add(sqe, fd, events);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int uring_timeout(struct uring_loop *loop, struct uring_op *op, struct __kernel_timespec *ts)
{
	struct io_uring_sqe *sqe = get_sqe(loop);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_timeout(sqe, ts, 0, 0);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int uring_cancel(struct uring_loop *loop, struct uring_op *op)
{
	struct io_uring_sqe *sqe = get_sqe(loop);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, NULL);
	return 0;
}

static void queue_urgent(struct uring_loop *loop, struct uring_op *op, int res)
{
	op->res = res;
	op->due = 1;
	TAILQ_INSERT_TAIL(&loop->urgent, op, link);
}

/*
 * Fair queueing: each owner has one operation in a round, and whoever had none for a while comes in the round
 * that is under way.
 */
static void queue_by_rounds(struct rounds *r, struct uring_op *op, int res)
{
	struct uring_op *before;

	op->res = res;
	op->due = 1;
	op->round = r->round;
	if (op->owner) {
		if (*op->owner >= op->round)
			op->round = *op->owner + 1;
		*op->owner = op->round;
	}
	TAILQ_FOREACH_REVERSE(before, &r->ops, ops, link)
	{
		if (before->round <= op->round)
			break;
	}
	if (before)
		TAILQ_INSERT_AFTER(&r->ops, before, op, link);
	else
		TAILQ_INSERT_HEAD(&r->ops, op, link);
}

void uring_again(struct uring_loop *loop, struct uring_op *op)
{
	queue_by_rounds(&loop->patient, op, -EBUSY);
}

void uring_hurry(struct uring_loop *loop, struct uring_op *op)
{
	struct rounds *r = op->patient == URING_BULK ? &loop->bulk : &loop->patient;

	TAILQ_REMOVE(&r->ops, op, link);
	if (op->owner && *op->owner > r->round)
		--*op->owner; /* it gives its turn back */
	TAILQ_INSERT_TAIL(&loop->urgent, op, link);
}

/* All of them, so that a patient one does not wait behind urgent ones to be known. */
static void take_completions(struct uring_loop *loop)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&loop->ring, &cqe)) {
		struct uring_op *op = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&loop->ring, cqe);
		if (op && op->patient)
			queue_by_rounds(op->patient == URING_BULK ? &loop->bulk : &loop->patient, op, res);
		else if (op)
			queue_urgent(loop, op, res);
	}
}

static void run(struct uring_op *op)
{
	op->due = 0;
	op->done(op, op->res);
}

static void run_urgent(struct uring_loop *loop, int64_t end)
{
	struct uring_op *op;

	for (int left = URGENT_A_TURN; left && (op = TAILQ_FIRST(&loop->urgent)); left--) {
		TAILQ_REMOVE(&loop->urgent, op, link);
		run(op);
		if (ktls_clock_ms() >= end)
			break;
	}
}

/* Returns 0 if there is none. */
static int run_next(struct rounds *r)
{
	struct uring_op *op = TAILQ_FIRST(&r->ops);

	if (!op)
		return 0;
	TAILQ_REMOVE(&r->ops, op, link);
	r->round = op->round;
	run(op);
	return 1;
}

static void run_bulk(struct uring_loop *loop)
{
	int64_t end = ktls_clock_ms() + BULK_MS;

	while (run_next(&loop->bulk) && ktls_clock_ms() < end)
		;
}

static void run_patient(struct uring_loop *loop, int most)
{
	while (most-- && (!TAILQ_EMPTY(&loop->patient.ops) || !TAILQ_EMPTY(&loop->bulk.ops))) {
		run_next(&loop->patient);
		run_bulk(loop);
	}
}

/* EBUSY and EAGAIN: we must take completions before the kernel accepts more. */
static int is_fatal(int rc)
{
	return rc < 0 && rc != -EINTR && rc != -EBUSY && rc != -EAGAIN;
}

/*
 * Before patient ones run, urgent ones that others have started may complete: if each connection that is
 * accepted had to wait for some signatures, whoever connects often would fill the kernel's backlog.
 */
static void run_completed(struct uring_loop *loop)
{
	int64_t end = ktls_clock_ms() + URGENT_MS;

	do {
		take_completions(loop);
		run_urgent(loop, end);
	} while (!TAILQ_EMPTY(&loop->patient.ops) && io_uring_sq_ready(&loop->ring) &&
		 ktls_clock_ms() < end && io_uring_submit_and_get_events(&loop->ring) >= 0);
	/* At least one of them gets its turn, even if urgent ones never end. */
	run_patient(loop, TAILQ_EMPTY(&loop->urgent) ? PATIENT_A_TURN : 1);
}

static int has_completed(const struct uring_loop *loop)
{
	return !TAILQ_EMPTY(&loop->urgent) || !TAILQ_EMPTY(&loop->patient.ops) ||
	       !TAILQ_EMPTY(&loop->bulk.ops);
}

int uring_turn(struct uring_loop *loop)
{
	int rc = has_completed(loop) ? io_uring_submit_and_get_events(&loop->ring)
				     : io_uring_submit_and_wait(&loop->ring, 1);

	if (is_fatal(rc))
		return rc;
	run_completed(loop);
	return 0;
}

/*
 * Not the ring's own descriptor: with IORING_SETUP_DEFER_TASKRUN nobody who polls it is woken (seen on 6.18).
 */
int uring_loop_fd(struct uring_loop *loop)
{
	int rc, fd;

	if (loop->event >= 0)
		return loop->event;
	fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK); /* it is not told of what has completed already */
	if (fd < 0)
		return -errno;
	rc = io_uring_register_eventfd(&loop->ring, fd);
	if (rc) {
		close(fd);
		return rc;
	}
	loop->event = fd;
	return fd;
}

static void take_events(const struct uring_loop *loop)
{
	eventfd_t count;

	if (loop->event >= 0)
		eventfd_read(loop->event, &count);
}

int uring_turn_now(struct uring_loop *loop)
{
	int rc;

	take_events(loop);
	rc = io_uring_submit_and_get_events(&loop->ring);
	if (is_fatal(rc))
		return rc;
	run_completed(loop);
	/* What was started must be on its way before anybody waits. */
	rc = io_uring_submit(&loop->ring);
	if (is_fatal(rc))
		return rc;
	return rc < 0 || io_uring_cq_ready(&loop->ring) || has_completed(loop);
}
