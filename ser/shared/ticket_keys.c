/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/ticket_keys.h"

#include "ktls/ticket.h"
#include "ser/shared/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE /* since Linux 5.1, like io_uring */
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

static struct ktls_ticket_keys *keys;
static void *read_only;               /* the same memory */
static struct ktls_ticket_keys *next; /* of the reload under way; NULL: it brings none */
static struct uring_loop *loop;
static struct uring_op timer;
static struct __kernel_timespec period;

static int read_file(struct ktls_ticket_keys *to, const char *path, struct cfg_error *e)
{
	int rc = ktls_ticket_read(to, path);

	if (rc == -EINVAL)
		return cfg_fail(e,
			"session_ticket_keys: '%s' must have 1 to %d keys of %d bytes each, newest first; "
			"'openssl rand -out FILE %d' makes one",
			path, KTLS_TICKET_KEYS, KTLS_TICKET_KEY_BYTES, KTLS_TICKET_KEY_BYTES);
	if (rc)
		return cfg_fail(e,
			"session_ticket_keys: cannot read '%s': %s; name a file that SER's user may read",
			path, strerror(-rc));
	return 0;
}

static int map_sealed(int fd)
{
	if (ftruncate(fd, sizeof(*keys)))
		return -errno;
	keys = mmap(NULL, sizeof(*keys), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (keys == MAP_FAILED || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE))
		return -errno;
	read_only = mmap(NULL, sizeof(*keys), PROT_READ, MAP_SHARED, fd, 0);
	return read_only == MAP_FAILED ? -errno : 0;
}

static int map(void)
{
	int fd = memfd_create("ser-ktls ticket keys", MFD_CLOEXEC | MFD_ALLOW_SEALING), rc;

	if (fd < 0)
		return -errno;
	rc = map_sealed(fd);
	close(fd);
	return rc;
}

int ticket_keys_init(const struct params *params, struct cfg_error *e)
{
	int rc = map();

	if (rc)
		return cfg_fail(e,
			"memory for the keys of session tickets cannot be had (%s): free some, or raise the "
			"limit of open files (ulimit -n)",
			strerror(-rc));
	if (madvise(keys, sizeof(*keys), MADV_DONTDUMP) || madvise(read_only, sizeof(*keys), MADV_DONTDUMP) ||
		ticket_keys_inherit(0))
		return cfg_fail(e,
			"the keys of session tickets cannot be kept out of other processes (%s): a filter of "
			"system calls (SystemCallFilter) may forbid madvise()",
			strerror(errno));
	if (params->session_ticket_keys)
		return read_file(keys, params->session_ticket_keys, e);
	return ktls_ticket_rotate(keys) ? cfg_fail(e, "OpenSSL has no random bytes") : 0;
}

/* Engines that are forked meanwhile must not keep keys that are replaced later. */
static int map_next(void)
{
	if (next)
		return 0;
	next = mmap(NULL, sizeof(*next), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (next != MAP_FAILED && !madvise(next, sizeof(*next), MADV_DONTFORK) &&
		!madvise(next, sizeof(*next), MADV_DONTDUMP))
		return 0;
	if (next != MAP_FAILED)
		munmap(next, sizeof(*next));
	next = NULL;
	return -ENOMEM;
}

int ticket_keys_read_next(const struct params *params, struct cfg_error *e)
{
	if (!params->session_ticket_keys)
		return 0;
	if (map_next())
		return cfg_fail(e, "session_ticket_keys: memory is used up");
	return read_file(next, params->session_ticket_keys, e);
}

void ticket_keys_use_next(void)
{
	if (!next)
		return;
	ktls_ticket_replace(keys, next);
	ticket_keys_forget_next();
}

void ticket_keys_forget_next(void)
{
	if (!next)
		return;
	OPENSSL_cleanse(next, sizeof(*next));
	munmap(next, sizeof(*next));
	next = NULL;
}

int ticket_keys_inherit(int yes)
{
	int advice = yes ? MADV_DOFORK : MADV_DONTFORK;

	return madvise(keys, sizeof(*keys), advice) || madvise(read_only, sizeof(*keys), advice) ? -errno : 0;
}

/* Contexts have the keys' address. */
int ticket_keys_confine(void)
{
	return mremap(read_only, sizeof(*keys), sizeof(*keys), MREMAP_MAYMOVE | MREMAP_FIXED, keys) == keys
		       ? 0
		       : -errno;
}

struct iovec ticket_keys_memory(void)
{
	return (struct iovec){keys, sizeof(*keys)};
}

void ticket_keys_forget(void)
{
	munmap(keys, sizeof(*keys));
	munmap(read_only, sizeof(*keys));
	keys = NULL;
}

int ticket_keys_use(SSL_CTX *ctx, const struct params *params)
{
	/* OpenSSL's number counts for TLS 1.3 alone. */
	if (!params->session_tickets)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx, (size_t)params->session_tickets);
	return ktls_ticket_use(ctx, keys);
}

static int start_timer(void)
{
	return uring_timeout(loop, &timer, &period);
}

static void rotate(struct uring_op *op, int res)
{
	(void)op;
	(void)res;
	if (ktls_ticket_rotate(keys))
		ser_log(LOG_LEVEL_ERROR,
			"the keys of session tickets are not changed: OpenSSL has no random bytes");
	start_timer();
}

int ticket_keys_keep_fresh(struct uring_loop *l, const struct params *params)
{
	if (params->session_ticket_keys)
		return 0; /* whoever writes the file changes the keys */
	loop = l;
	timer.done = rotate;
	period.tv_sec = params->session_ticket_rotation;
	return start_timer();
}
