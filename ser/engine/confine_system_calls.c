/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls that an engine makes once it is set up (seccomp(2), libseccomp). What libraries only try
 * is answered with an error. Anything else ends the engine with a line that has the call's number.
 */
#include "ser/engine/confine_private.h"
#include "ser/shared/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

#define CALL(name) SCMP_SYS(name)

/* clang-format off */
/* Whatever their arguments are. */
static const int allowed[] = {
	/* the loop, and what wakes it */
	CALL(io_uring_enter), CALL(read), CALL(write),
	/* peers and the supervisor */
	CALL(recvfrom), CALL(recvmsg), CALL(shutdown), CALL(close), CALL(getsockname), CALL(getpeername),
	/* malloc() */
	CALL(brk), CALL(munmap), CALL(madvise),
	/* the C library's locks */
	CALL(futex), CALL(sched_yield), CALL(rseq),
	/* what the C library asks the system for before it sorts, allocates or prints */
	CALL(sysinfo), CALL(sched_getaffinity), CALL(fstat),
	/* OpenSSL's random numbers, and whether it was forked */
	CALL(getrandom), CALL(getpid), CALL(gettid),
	/* clocks where there is no vDSO, as in user-mode Linux */
	CALL(clock_gettime), CALL(gettimeofday), CALL(time), CALL(clock_getres), CALL(nanosleep), CALL(clock_nanosleep),
	/* signals and abort(); the kernel itself after a SIGSTOP */
	CALL(setitimer), CALL(rt_sigreturn), CALL(rt_sigprocmask), CALL(restart_syscall),
	/* the end */
	CALL(exit), CALL(exit_group),
};

/* What libraries can do without: they look for files, and for more memory in the same place. */
static const int answered[] = {
	CALL(open), CALL(openat), CALL(openat2), CALL(access), CALL(faccessat), CALL(faccessat2), CALL(stat), CALL(lstat),
	CALL(newfstatat), CALL(statx), CALL(readlink), CALL(readlinkat), CALL(getcwd),
	/* It would reach the pages of other engines, which lie behind one's own. realloc() copies instead. */
	CALL(mremap),
};
/* clang-format on */

/* What a number of the call's arguments must be: value under mask. */
struct rule {
	int call;
	unsigned count;
	struct {
		unsigned number;
		scmp_datum_t mask, value;
	} must[2];
};

#define ALL_BITS (~(scmp_datum_t)0)
#define INT_BITS ((scmp_datum_t)0xffffffff)

static const struct rule rules[] = {
	/* New memory is neither code nor anybody else's. */
	{CALL(mmap), 2, {{2, PROT_EXEC, 0}, {3, MAP_ANONYMOUS, MAP_ANONYMOUS}}},
	{CALL(mprotect), 1, {{2, PROT_EXEC, 0}}},
	/* To peers, not to addresses. */
	{CALL(sendto), 1, {{4, ALL_BITS, 0}}},
	/* Keys for the kernel. */
	{CALL(setsockopt), 2, {{1, INT_BITS, IPPROTO_TCP}, {2, INT_BITS, TCP_ULP}}},
	{CALL(setsockopt), 1, {{1, INT_BITS, SOL_TLS}}},
	{CALL(getsockopt), 1, {{1, INT_BITS, SOL_TLS}}},
	/* Peers: whether one is connected, and how it gets bytes. */
	{CALL(getsockopt), 2, {{1, INT_BITS, SOL_SOCKET}, {2, INT_BITS, SO_ERROR}}},
	{CALL(getsockopt), 2, {{1, INT_BITS, IPPROTO_TCP}, {2, INT_BITS, TCP_NODELAY}}},
	{CALL(setsockopt), 2, {{1, INT_BITS, IPPROTO_TCP}, {2, INT_BITS, TCP_NODELAY}}},
	{CALL(setsockopt), 2, {{1, INT_BITS, SOL_SOCKET}, {2, INT_BITS, SO_RCVLOWAT}}},
	{CALL(setsockopt), 2, {{1, INT_BITS, SOL_SOCKET}, {2, INT_BITS, SO_SNDBUF}}},
	/* What a relayed connection's other end reads. Not datagrams, which could go anywhere. */
	{CALL(socketpair), 2, {{0, INT_BITS, AF_UNIX}, {1, INT_BITS, SOCK_STREAM | SOCK_CLOEXEC}}},
	/* O_NONBLOCK is set, never cleared: SER shares the open file, and must not wait in it. */
	{CALL(fcntl), 1, {{1, INT_BITS, F_GETFL}}},
	{CALL(fcntl), 2, {{1, INT_BITS, F_SETFL}, {2, O_NONBLOCK | O_ASYNC, O_NONBLOCK}}},
	/* Whether all bytes that came are read. */
	{CALL(ioctl), 1, {{1, INT_BITS, FIONREAD}}},
};

static int add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++)
		rc = seccomp_rule_add(filter, action, calls[i], 0);
	return rc;
}

static int add_rules(scmp_filter_ctx filter)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct scmp_arg_cmp must[2];

		for (unsigned n = 0; n < rules[i].count; n++)
			must[n] = SCMP_CMP64(rules[i].must[n].number, SCMP_CMP_MASKED_EQ,
				rules[i].must[n].mask, rules[i].must[n].value);
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rules[i].call, rules[i].count, must);
	}
	return rc;
}

/*
 * Descriptors go to the supervisor, which takes them at once. Elsewhere they could wait in any number, and
 * what waits counts for all processes of SER's user: these could pass none any more (unix(7), ETOOMANYREFS).
 */
static int allow_passing(scmp_filter_ctx filter, int channel)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(sendmsg), 1,
		SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, INT_BITS, (scmp_datum_t)channel));
}

/* abort() sends a signal to this very process. */
static int allow_own_death(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(tgkill), 2,
		SCMP_CMP64(0, SCMP_CMP_EQ, (scmp_datum_t)getpid()), SCMP_CMP64(2, SCMP_CMP_EQ, SIGABRT));
}

static void refused(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	ser_log(LOG_LEVEL_CRITICAL,
		"the TLS engine ends: it made the system call %d, which it does not need; "
		"either it was taken over, or this system's libraries work differently and "
		"engine_confinement=0 helps",
		info->si_syscall);
	_exit(CONFINE_EXIT);
}

#define ADD(filter, action, calls) add(filter, action, calls, sizeof(calls) / sizeof((calls)[0]))

static int fill(scmp_filter_ctx filter, int channel)
{
	/* Without what kernels before 5.16 add against speculation, which would slow the engine down. */
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);

	if (!rc)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
	if (!rc)
		rc = ADD(filter, SCMP_ACT_ALLOW, allowed);
	if (!rc)
		rc = ADD(filter, SCMP_ACT_ERRNO(EACCES), answered);
	if (!rc)
		rc = add_rules(filter);
	if (!rc)
		rc = allow_passing(filter, channel);
	return rc ? rc : allow_own_death(filter);
}

int confine_system_calls(int channel)
{
	const struct sigaction act = {.sa_sigaction = refused, .sa_flags = SA_SIGINFO};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int rc = filter ? fill(filter, channel) : -ENOMEM;

	if (!rc && sigaction(SIGSYS, &act, NULL))
		rc = -errno;
	if (!rc)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc;
}
