/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into Kamailio by tests: makes one engine lie. What it does to its next message of a kind lies in
 * a file that the test and all processes map; liar.py writes it.
 */
#include "ser/shared/messages.h"
#include "ser/shared/scoreboard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where fields are, for liar.py. */
#define FIELD(name)                                                                                          \
	{                                                                                                    \
#name, offsetof(struct message_established, name),                                           \
			sizeof(((struct message_established *)0)->name)                                      \
	}
const struct field {
	const char *name;
	size_t offset, size;
} liar_fields[] = {FIELD(kind), FIELD(order), FIELD(listener), FIELD(domain), FIELD(remote.any.sa_family),
	FIELD(local.any.sa_family), FIELD(transport_remote.any.sa_family),
	FIELD(transport_local.any.sa_family), FIELD(why), FIELD(can_rekey), FIELD(why_error),
	FIELD(keys.role), FIELD(keys.rx.version), FIELD(keys.rx.aead), FIELD(keys.rx.seq),
	FIELD(keys.tx.version), FIELD(keys.tx.aead), FIELD(keys.tx.seq), FIELD(keys.rx_secret.len),
	FIELD(keys.tx_secret.len), FIELD(snapshot.size), FIELD(snapshot.home), FIELD(snapshot.nic),
	FIELD(snapshot.resumed), FIELD(snapshot.alpn_len), FIELD(snapshot.chain_certs),
	FIELD(snapshot.version), FIELD(snapshot.cipher), FIELD(snapshot.description),
	FIELD(snapshot.server_name), FIELD(snapshot.group), FIELD(snapshot.alpn), FIELD(snapshot.peer),
	FIELD(snapshot.peer_len), FIELD(snapshot.chain), {NULL, 0, 0}};

enum lie { /* as in liar.py */
	NO_LIE,
	OVERWRITE, /* length bytes at offset */
	CUT,       /* to length bytes */
	SAY,       /* length bytes, count times, before the message */
	REPEAT,    /* the message count times more, with its descriptor; counted, if offset is 1 */
	GIVE,      /* another descriptor, of kind offset */
	HANG_UP,   /* an empty message in front, with its descriptor */
	SWALLOW,   /* nothing at all */
};

enum gift { /* as in liar.py */
	NOTHING,
	TWICE,
	THREE,
	PIPE,
	NULL_DEVICE,
	LISTENER,
	DATAGRAMS,
	UNIX_STREAM,
	UNCONNECTED,
	BLOCKING,
	LINGERING,
};

static struct control {
	int32_t pid;  /* of the engine; 0: nobody lies */
	int32_t kind; /* of the message; the engine lies once */
	int32_t lie, offset, length, count;
	int32_t told, finished; /* lies that it began and ended to tell */
	uint8_t bytes[2048];
} * control;

static void __attribute__((constructor)) map_control(void)
{
	const char *path = getenv("LIAR");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		control = p;
}

/* Waits while the channel is full, so that each message goes out. */
static ssize_t put(int fd, const struct msghdr *msg)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	ssize_t n;

	while ((n = syscall(SYS_sendmsg, fd, msg, MSG_DONTWAIT | MSG_NOSIGNAL)) < 0 &&
		(errno == EAGAIN || errno == ETOOMANYREFS))
		poll(&p, 1, 1);
	return n;
}

static ssize_t say(int fd, void *bytes, size_t len)
{
	struct iovec iov = {bytes, len};

	return put(fd, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1});
}

static int make_gift(enum gift gift, int own)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 1000};
	int fd, ends[2];

	switch (gift) {
	case PIPE:
		return pipe2(ends, O_NONBLOCK) ? -1 : ends[0];
	case NULL_DEVICE:
		return open("/dev/null", O_RDWR | O_NONBLOCK);
	case LISTENER:
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		listen(fd, 1);
		return fd;
	case DATAGRAMS:
		return socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	case UNIX_STREAM:
		return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	case UNCONNECTED:
		return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	case BLOCKING:
		syscall(SYS_fcntl, own, F_SETFL, 0);
		return own;
	case LINGERING:
		setsockopt(own, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		return own;
	default:
		return own;
	}
}

static ssize_t give(int fd, const struct msghdr *msg, enum gift gift)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(3 * sizeof(int))];
	} room = {.bytes = {0}};
	const size_t count = gift == NOTHING ? 0 : gift == TWICE ? 2 : gift == THREE ? 3 : 1;
	struct msghdr changed = *msg;
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int own, fds[3];

	memcpy(&own, CMSG_DATA(c), sizeof(own));
	fds[0] = fds[1] = fds[2] = make_gift(gift, own);
	changed.msg_control = count ? room.bytes : NULL;
	changed.msg_controllen = count ? CMSG_SPACE(count * sizeof(int)) : 0;
	room.align = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))};
	memcpy(CMSG_DATA(&room.align), fds, count * sizeof(int));
	return put(fd, &changed);
}

/* As an engine counts what it hands over. Which of the pages is its own does not matter here. */
static void count(int32_t more)
{
	enum {
		PAGE = 4096,
		ALL_PAGES = SCOREBOARD_ENGINES_MAX * SCOREBOARD_PROCESSES_MAX * PAGE,
	};
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long end;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "memfd:ser-ktls scoreboard") || !strstr(line, " rw-s ") ||
			sscanf(line, "%*x-%lx", &end) != 1)
			continue;
		for (unsigned i = 0; i < SCOREBOARD_PROCESSES_MAX; i++)
			((struct engine_page *)(end - ALL_PAGES + i * PAGE))->handed += (uint32_t)more;
	}
	if (maps)
		fclose(maps);
}

/* The engine's own memory stays as it is. */
static ssize_t tell_lie(int fd, const struct msghdr *msg, enum lie lie)
{
	static uint8_t copy[MESSAGE_MAX];
	struct iovec iov = {copy, msg->msg_iov->iov_len};
	struct msghdr changed = *msg;

	memcpy(copy, msg->msg_iov->iov_base, iov.iov_len);
	changed.msg_iov = &iov;
	switch (lie) {
	case OVERWRITE:
		memcpy(copy + control->offset, control->bytes, (size_t)control->length);
		break;
	case CUT:
		iov.iov_len = (size_t)control->length;
		break;
	case SAY:
		for (int i = 0; i < control->count; i++)
			if (say(fd, control->bytes, (size_t)control->length) < 0)
				return -1;
		break;
	case REPEAT:
		if (control->offset)
			count(control->count);
		for (int i = 0; i < control->count; i++)
			if (put(fd, &changed) < 0)
				return -1;
		break;
	case GIVE:
		return give(fd, &changed, (enum gift)control->offset);
	case HANG_UP:
		iov.iov_len = 0;
		put(fd, &changed);
		iov.iov_len = msg->msg_iov->iov_len;
		break;
	case SWALLOW:
		return 0;
	default:
		break;
	}
	return put(fd, &changed);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t asked = msg->msg_iovlen == 1 ? (ssize_t)msg->msg_iov->iov_len : 0, n;
	enum lie lie;

	if (!control || control->pid != (int32_t)getpid() || !control->lie || asked < 4 ||
		asked > MESSAGE_MAX || memcmp(msg->msg_iov->iov_base, &control->kind, 4))
		return syscall(SYS_sendmsg, fd, msg, flags);
	lie = (enum lie)control->lie;
	control->lie = NO_LIE;
	control->told++;
	n = tell_lie(fd, msg, lie);
	control->finished++;
	return n < 0 ? n : asked; /* so that the engine believes that it told the truth */
}
