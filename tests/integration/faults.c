/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into Kamailio by tests: makes a chosen call of one process fail once, or ends an engine at a
 * chosen step. What is chosen lies in a file that the test and all processes map; faults.py writes it.
 */
#include "ser/host/layout.h"
#include "ser/shared/scoreboard.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <limits.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

enum call { /* as in faults.py */
	NO_CALL,
	ULP,
	KEYS_TX,
	KEYS_RX,
	NONBLOCK,
	GIVE_AWAY,
	PAIR,
	ALLOCATE,
	SHARE,
	REPORT,
	STEP,
	SEND,
	ANY, /* of those that set something up, read or send, SEND, PAIR and GIVE_AWAY among them */
	RING,
	FIRST_TURN,
};

enum {             /* in place of an error, and the call does not fail */
	STOP = -1, /* the process stops */
	DIE = -2,  /* it ends */
};

struct control {
	int32_t pid; /* below 0: the children that this one has from now on */
	int32_t call;
	int32_t nth; /* 0: none fails, they are only counted */
	int32_t error;
	int32_t seen;
	int32_t failed;
	int32_t arming;  /* a number of its own for each time that something is chosen */
	int32_t counted; /* the process whose blocks are counted */
	int32_t blocks;  /* it allocated and did not free; only differences say something */
};

static struct control *control;

static void map_control(void)
{
	const char *path = getenv("FAULTS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		control = p;
}

static int32_t self;            /* asking the kernel at each allocation would take longer than the rest */
static int32_t parent, born_at; /* control->arming when it was forked */
static int is_engine;

static int is_this(int32_t pid)
{
	return pid && (pid == self || (pid == -parent && born_at == control->arming));
}

static int fails(enum call call)
{
	if (!control || control->call != (int32_t)call || !is_this(control->pid))
		return 0;
	if (++control->seen != control->nth)
		return 0;
	control->failed++;
	if (control->error < 0) {
		syscall(SYS_kill, self, control->error == STOP ? SIGSTOP : SIGKILL);
		return 0;
	}
	errno = control->error;
	return 1;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	enum call call = level == IPPROTO_TCP && name == TCP_ULP ? ULP
			 : level == SOL_TLS && name == TLS_TX    ? KEYS_TX
			 : level == SOL_TLS && name == TLS_RX    ? KEYS_RX
								 : NO_CALL;

	if (call != NO_CALL && fails(call))
		return -1;
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

int fcntl(int fd, int command, ...)
{
	va_list args;
	long arg;

	va_start(args, command);
	arg = va_arg(args, long);
	va_end(args);
	if (command == F_SETFL && fails(NONBLOCK))
		return -1;
	return (int)syscall(SYS_fcntl, fd, command, arg);
}

int fcntl64(int fd, int command, ...) __attribute__((alias("fcntl")));

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (fails(ANY) ||
		(c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && fails(GIVE_AWAY)))
		return -1;
	return syscall(SYS_sendmsg, fd, msg, flags);
}

/* RING: where it would take a message, its ring becomes full, and stays so until the loop turns again. */
static struct io_uring *full_ring;
static unsigned ring_entries;
static int (*real_submit_and_wait)(struct io_uring *ring, unsigned count);
static struct io_uring *own_ring;

int io_uring_submit_and_wait(struct io_uring *ring, unsigned count)
{
	if (!own_ring && !is_engine && control && control->call == FIRST_TURN && control->nth) {
		control->nth = 0;
		syscall(SYS_kill, self, SIGSTOP);
	}
	if (full_ring)
		full_ring->sq.ring_entries = ring_entries;
	full_ring = NULL;
	own_ring = ring;
	return real_submit_and_wait(ring, count);
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (fails(RING)) {
		full_ring = own_ring;
		ring_entries = full_ring->sq.ring_entries;
		full_ring->sq.ring_entries = 0;
	}
	return syscall(SYS_recvmsg, fd, msg, flags);
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
	if (fails(PAIR) || fails(ANY))
		return -1;
	return (int)syscall(SYS_socketpair, domain, type, protocol, fds);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	return fails(SEND) || fails(ANY) ? -1 : syscall(SYS_sendto, fd, data, len, flags, NULL, 0);
}

int open(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	return fails(ANY) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

ssize_t read(int fd, void *data, size_t len)
{
	return fails(ANY) ? -1 : syscall(SYS_read, fd, data, len);
}

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	return fails(ANY) ? MAP_FAILED : (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
}

int eventfd(unsigned value, int flags)
{
	return fails(ANY) ? -1 : (int)syscall(SYS_eventfd2, value, flags);
}

int prctl(int option, ...)
{
	unsigned long a[4];
	va_list args;

	va_start(args, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(args, unsigned long);
	va_end(args);
	return fails(ANY) ? -1 : (int)syscall(SYS_prctl, option, a[0], a[1], a[2], a[3]);
}

pid_t fork(void)
{
	static pid_t (*real)(void);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "fork");
	return fails(ANY) ? -1 : real();
}

FILE *fopen(const char *path, const char *mode)
{
	static FILE *(*real)(const char *path, const char *mode);

	if (!real) /* constructors of other libraries come first */
		*(void **)&real = dlsym(RTLD_NEXT, "fopen");
	return fails(ANY) ? NULL : real(path, mode);
}

FILE *fopen64(const char *path, const char *mode) __attribute__((alias("fopen")));

/* The engine's report goes nowhere; its supervisor reads what the test writes into the file FAULTS.report. */
int pipe2(int ends[2], int flags)
{
	char path[PATH_MAX];

	if (fails(ANY))
		return -1;
	if (!fails(REPORT))
		return (int)syscall(SYS_pipe2, ends, flags);
	snprintf(path, sizeof(path), "%s.report", getenv("FAULTS"));
	ends[0] = open(path, O_RDWR | flags);
	ends[1] = open("/dev/null", O_WRONLY | flags);
	return ends[0] < 0 || ends[1] < 0 ? -1 : 0;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static void count_blocks(int change)
{
	if (control && is_this(control->counted))
		control->blocks += change;
}

static void *count_block(void *p)
{
	if (p)
		count_blocks(1);
	return p;
}

void *malloc(size_t size)
{
	return fails(ALLOCATE) ? NULL : count_block(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	return fails(ALLOCATE) ? NULL : count_block(__libc_calloc(count, size));
}

void *realloc(void *p, size_t size)
{
	void *moved;

	if (!p)
		return malloc(size);
	if (fails(ALLOCATE))
		return NULL;
	moved = __libc_realloc(p, size);
	if (!moved && !size)
		count_blocks(-1);
	return moved;
}

void free(void *p)
{
	if (p)
		count_blocks(-1);
	__libc_free(p);
}

/* The core's allocators of shared memory are functions that it calls through pointers, one set a process. */
typedef void *shared_alloc(
	void *block, size_t size, const char *file, const char *func, unsigned line, const char *module);

static shared_alloc *core_alloc, *core_calloc;

static void *fail_alloc(
	void *block, size_t size, const char *file, const char *func, unsigned line, const char *module)
{
	return fails(SHARE) ? NULL : core_alloc(block, size, file, func, line, module);
}

static void *fail_calloc(
	void *block, size_t size, const char *file, const char *func, unsigned line, const char *module)
{
	return fails(SHARE) ? NULL : core_calloc(block, size, file, func, line, module);
}

static void stand_in_front(void)
{
	if (!_shm_root.xmalloc || _shm_root.xmalloc == fail_alloc)
		return;
	core_alloc = _shm_root.xmalloc;
	core_calloc = (shared_alloc *)_shm_root.xmallocxz;
	_shm_root.xmalloc = fail_alloc;
	_shm_root.xmallocxz = (void *)fail_calloc;
}

/*
 * STEP: from the end of a handshake until the engine waits again, its instructions run one at a time. Others
 * see its death only as what it last wrote to the scoreboard and its last system call. So each change of its
 * page, and the moments in front of and behind each system call, are steps, and it is ended at the nth.
 */
enum {
	PAGE = 4096,
	WATCHED = SCOREBOARD_PROCESSES_MAX * PAGE, /* the pages of the first engine's processes */
	ALL_PAGES = SCOREBOARD_ENGINES_MAX * WATCHED,
};

static const uint8_t *pages; /* on the scoreboard; NULL before it is there */
static int (*real_session_reused)(const void *ssl);
static int (*real_derive)(void *kdf, unsigned char *key, size_t len, const void *params);

#ifdef __x86_64__

enum {
	TRAP_FLAG = 0x100,
};

static uint8_t last_seen[WATCHED];
static int steps, in_call, paused;

static int has_changed(void)
{
	if (!memcmp(last_seen, pages, WATCHED))
		return 0;
	memcpy(last_seen, pages, WATCHED);
	return 1;
}

static void count_step(void)
{
	if (++control->seen != control->nth)
		return;
	control->failed++;
	syscall(SYS_kill, self, SIGKILL);
}

static void trapped(int sig, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	const uint8_t *next = (const uint8_t *)registers[REG_RIP];
	int is_call = next[0] == 0x0f && next[1] == 0x05; /* syscall */

	(void)sig;
	(void)info;
	if (has_changed() || is_call || in_call)
		count_step();
	in_call = is_call;
	if (paused) {
		registers[REG_EFL] &= ~TRAP_FLAG;
		return;
	}
	steps = !(is_call && registers[REG_RAX] == SYS_io_uring_enter);
	if (steps) {
		registers[REG_EFL] |= TRAP_FLAG;
		return;
	}
	registers[REG_EFL] &= ~TRAP_FLAG;
	control->pid = 0; /* for the test: it is over */
}

static void begin_steps(void)
{
	if (!control || control->call != STEP || !is_this(control->pid) || steps || !pages)
		return;
	memcpy(last_seen, pages, WATCHED);
	in_call = 0;
	__asm__ volatile("int3");
}

static int pause_steps(void)
{
	paused = steps;
	return paused;
}

static void resume_steps(void)
{
	paused = 0;
	__asm__ volatile("int3");
}

static void prepare_steps(void)
{
	struct sigaction act = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};

	sigaction(SIGTRAP, &act, NULL);
}

#else

static void begin_steps(void)
{
}

static int pause_steps(void)
{
	return 0;
}

static void resume_steps(void)
{
}

static void prepare_steps(void)
{
}

#endif

/* Called where a handshake is done and nothing was said of it yet. */
int SSL_session_reused(const void *ssl)
{
	begin_steps();
	return real_session_reused(ssl);
}

/* Nobody sees anything of it, and it has more instructions than all the rest. */
int EVP_KDF_derive(void *kdf, unsigned char *key, size_t len, const void *params)
{
	int pauses = pause_steps(), rc = real_derive(kdf, key, len, params);

	if (pauses)
		resume_steps();
	return rc;
}

static void find_others(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	void *libssl = dlopen("libssl.so.3", RTLD_NOW | RTLD_NOLOAD);
	void *liburing = dlopen("liburing.so.2", RTLD_NOW | RTLD_NOLOAD);
	unsigned long end;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "memfd:ser-ktls scoreboard") && strstr(line, " rw-s ") &&
			sscanf(line, "%*x-%lx", &end) == 1)
			pages = (const uint8_t *)(end - ALL_PAGES);
	if (maps)
		fclose(maps);
	if (!libssl || !liburing)
		return;
	*(void **)&real_submit_and_wait = dlsym(liburing, "io_uring_submit_and_wait");
	*(void **)&real_session_reused = dlsym(libssl, "SSL_session_reused");
	*(void **)&real_derive = dlsym(libssl, "EVP_KDF_derive"); /* of its libcrypto */
}

static void start_process(void)
{
	self = (int32_t)getpid();
	parent = (int32_t)getppid();
	born_at = control ? control->arming : 0;
	is_engine = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1; /* only its parent has given that up */
	stand_in_front();
	if (!pages || !real_session_reused)
		find_others();
}

static void __attribute__((constructor)) start(void)
{
	map_control();
	prepare_steps();
	start_process();
	pthread_atfork(NULL, NULL, start_process);
}
