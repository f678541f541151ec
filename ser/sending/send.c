/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/sending/send.h"

#include "ser/host/services.h"
#include "ser/sending/drainer.h"
#include "ser/sending/fd_cache.h"
#include "ser/shared/counters.h"
#include "ser/shared/log.h"
#include "uring/address.h"
#include "uring/network_error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static void log_failure(const struct send *s, int error)
{
	static struct log_limit one, all, memory, behind, failed; /* one limit for each kind of line */
	char peer[URING_ADDRESS_TEXT];

	uring_address_text(&s->c->rcv.src_su.s, peer);
	switch (error) {
	case -EPIPE: /* the connection is over, and whoever ended it has logged why */
		break;
	case -ENOBUFS:
		host_count(tcp_cnts_h.sendq_full);
		ser_log_limited(&one, LOG_LEVEL_WARNING,
			"connection with %s closed: it does not read, and more than tcp_conn_wq_max (%u "
			"bytes) would wait for it",
			peer, tcp_cfg->conn_wq_max);
		break;
	case -EDQUOT:
		host_count(tcp_cnts_h.sendq_full);
		ser_log_limited(&all, LOG_LEVEL_WARNING,
			"connection with %s closed: it does not read, and more than tcp_wq_max (%u bytes) "
			"would wait for all connections",
			peer, tcp_cfg->wq_max);
		break;
	case -ENOMEM:
		ser_log_limited(&memory, LOG_LEVEL_ERROR,
			"connection with %s closed: it does not read, and shared memory for what waits is "
			"used up: raise it with kamailio -m",
			peer);
		break;
	case -EAGAIN:
		host_count(tcp_cnts_h.sendq_full);
		ser_log_limited(&behind, LOG_LEVEL_WARNING,
			"connection with %s closed: it does not read, and too many others have just "
			"stopped reading, too",
			peer);
		break;
	default:
		if (error == -ECONNRESET)
			host_count(tcp_cnts_h.con_reset);
		ser_log_limited(&failed, LOG_LEVEL_INFO,
			"connection with %s closed: it cannot be written: %s", peer,
			uring_network_error(error));
	}
}

void send_end(struct send *s)
{
	if (s->own)
		close(s->fd);
}

/*
 * Connections that SER opened are few and busy, so their descriptors are cached. Caching those of connections
 * that come and go would keep closed sockets.
 */
static int may_cache(const struct send *s)
{
	return tcp_cfg->fd_cache && s->conn->outbound;
}

static int ask_tcp_main(struct host_tcp_connection *c)
{
	long message[2] = {(long)c, HOST_CONN_CMD_GET_FD};
	struct host_tcp_connection *answer = NULL;
	int fd = -1;

	if (send_all(unix_tcp_sock, message, sizeof(message)) <= 0 ||
		receive_fd(unix_tcp_sock, &answer, sizeof(answer), &fd, MSG_WAITALL) <= 0 || fd < 0)
		return -EPIPE;
	if (answer == c)
		return fd;
	close(fd);
	return -EPIPE;
}

/*
 * Gets the descriptor in the core's own way, because the core does not pass its descriptor to a hook.
 * tcp_main takes the write lock where bytes of its own wait or might (ser/connection/idle.c), so whoever
 * waits for it may not hold that lock.
 */
static int get_descriptor(struct send *s)
{
	struct host_tcp_connection *c = s->c;

	if (c->reader_pid == my_pid()) {
		s->fd = c->fd;
		return s->fd < 0 ? -EPIPE : 0;
	}
	s->fd = may_cache(s) ? fd_cache_get(s->conn) : -1;
	if (s->fd >= 0)
		return 0;
	host_unlock(&c->write_lock);
	s->fd = ask_tcp_main(c);
	host_lock(&c->write_lock);
	if (s->fd < 0)
		return s->fd;
	s->own = !may_cache(s);
	if (!s->own)
		fd_cache_put(s->conn, s->fd);
	return 0;
}

/*
 * Requests of the peer that this reader has not read yet are dropped. They cannot be answered on this
 * connection any more, and the core would wait to open one of its own to the peer to answer there.
 */
static void drop_requests(struct host_tcp_connection *c)
{
	if (c->reader_pid == my_pid())
		c->req.pos = c->req.parsed;
}

static int fail(struct send *s, int error)
{
	send_queue_break(&s->conn->queue);
	drop_requests(s->c);
	log_failure(s, error);
	return -1;
}

int send_begin(struct send *s, struct host_tcp_connection *c, struct conn *conn)
{
	int rc;

	*s = (struct send){.c = c, .conn = conn, .fd = -1};
	rc = get_descriptor(s);
	if (conn->sent_last) /* by somebody else meanwhile, and what waits is not ours to break */
		return -1;
	return rc && !send_queue_is_busy(&conn->queue) ? fail(s, rc) : 0;
}

static ssize_t write_now(int fd, const void *p, size_t len)
{
	ssize_t n;

	do
		n = send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	return errno == EAGAIN ? 0 : -errno;
}

static int queue_rest(struct send *s, const void *p, size_t len)
{
	int rc = send_queue_begin(&s->conn->queue, p, len);

	if (!rc)
		rc = drainer_hand_over(s->conn, &s->c->rcv.src_su, s->fd);
	return rc;
}

static int write_or_queue(struct send *s, const uint8_t *p, size_t len)
{
	int rc = send_queue_follow(&s->conn->queue, p, len);
	ssize_t n;

	if (rc)
		return rc < 0 ? rc : 0;
	/* From here on nobody else writes, because a queue becomes busy only under the write lock. */
	n = s->fd < 0 ? -EPIPE : write_now(s->fd, p, len);
	if (n < 0)
		return (int)n;
	return (size_t)n < len ? queue_rest(s, p + n, len - (size_t)n) : 0;
}

int send_bytes(struct send *s, const void *p, size_t len)
{
	int rc = write_or_queue(s, p, len);

	return rc ? fail(s, rc) : 0;
}

/* The same that the core does after a write of its own. */
void send_close(struct send *s)
{
	struct host_tcp_connection *c = s->c;
	long message[2] = {(long)c, HOST_CONN_CMD_EOF};

	if (!s->conn->sent_last) {
		s->conn->sent_last = 1;
		send_alert(s->conn, s->fd, KTLS_CLOSE_NOTIFY);
	}
	c->state = HOST_CONN_BAD;
	c->timeout = get_ticks_raw();
	__atomic_add_fetch(&c->refcnt, 1, __ATOMIC_ACQ_REL); /* tcp_main drops it */
	host_unlock(&c->write_lock);                         /* as in get_descriptor() */
	if (send_all(unix_tcp_sock, message, sizeof(message)) <= 0)
		__atomic_sub_fetch(&c->refcnt, 1, __ATOMIC_ACQ_REL);
	host_lock(&c->write_lock);
}

void send_alert(struct conn *conn, int fd, uint8_t description)
{
	uint8_t record[KTLS_ALERT_RECORD_MAX];
	ssize_t len;

	switch (conn->stream.home) {
	case KTLS_HOME_RELAYED: /* the relay sends close_notify itself */
		return;
	case KTLS_HOME_KERNEL:
		if (!send_queue_follow_alert(&conn->queue, description))
			ktls_stream_send_alert(&conn->stream, fd, description);
		return;
	default:
		len = ktls_stream_seal_alert(&conn->stream, description, record);
		if (len > 0 && !send_queue_follow(&conn->queue, record, (size_t)len))
			write_now(fd, record, (size_t)len);
	}
}

void send_let_finish(struct conn *conn, int fd)
{
	int waits = send_queue_close(&conn->queue);
	int nothing;

	if (waits < 0)
		shutdown(fd, SHUT_RDWR); /* the drainer releases it */
	if (waits <= 0)
		return;
	nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (nothing < 0)
		return;
	dup2(nothing, fd);
	close(nothing);
}
