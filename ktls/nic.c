/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/nic.h"

#include "ktls/sys.h"

#include <assert.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static_assert(sizeof(struct inet_diag_req_v2) == 56, "layout of the kernel's question");
static_assert(sizeof(struct inet_diag_msg) == 72, "layout of the kernel's answer");

enum {
	ANSWER_MAX = 8192, /* some 500 bytes in Linux 7.2 */
	ERRNO_MAX = 4095,
};

struct diag_question {
	struct nlmsghdr head;
	struct inet_diag_req_v2 about;
};

struct attribute {
	const uint8_t *content;
	size_t len;
};

/* The number behind a name at the beginning of a line; 0 if there is none. */
static unsigned long count_of(const char *text, const char *name)
{
	size_t len = strlen(name);

	while (strncmp(text, name, len) || (text[len] != ' ' && text[len] != '\t')) {
		text = strchr(text, '\n');
		if (!text)
			return 0;
		text++;
	}
	return strtoul(text + len, NULL, 10);
}

int ktls_nic_was_used(const char *text)
{
	return count_of(text, "TlsTxDevice") || count_of(text, "TlsRxDevice");
}

/* The first of that type. */
static int find(struct attribute row, unsigned type, struct attribute *found)
{
	struct nlattr head;
	size_t step;

	while (row.len >= sizeof(head)) {
		memcpy(&head, row.content, sizeof(head));
		if (head.nla_len < sizeof(head) || head.nla_len > row.len)
			return -EBADMSG;
		if ((head.nla_type & NLA_TYPE_MASK) == type) {
			found->content = row.content + sizeof(head);
			found->len = head.nla_len - sizeof(head);
			return 0;
		}
		step = NLA_ALIGN(head.nla_len);
		if (step >= row.len)
			break;
		row.content += step;
		row.len -= step;
	}
	return -ENODATA;
}

/* Whether a card works on a direction. */
static int is_in_hardware(struct attribute tls, unsigned direction)
{
	struct attribute found;
	uint16_t how;
	int rc = find(tls, direction, &found);

	if (rc)
		return rc;
	if (found.len != sizeof(how))
		return -EBADMSG;
	memcpy(&how, found.content, sizeof(how));
	return how == TLS_CONF_HW;
}

static int directions(struct attribute row)
{
	struct attribute ulp, tls;
	int rc = find(row, INET_DIAG_ULP_INFO, &ulp), tx, rx;

	if (!rc)
		rc = find(ulp, INET_ULP_INFO_TLS, &tls);
	if (rc)
		return rc;
	tx = is_in_hardware(tls, TLS_INFO_TXCONF);
	rx = is_in_hardware(tls, TLS_INFO_RXCONF);
	if (tx < 0 || rx < 0)
		return tx < 0 ? tx : rx;
	return (tx ? KTLS_NIC_TX : 0) | (rx ? KTLS_NIC_RX : 0);
}

static int refusal(const uint8_t *content, size_t len)
{
	int error;

	if (len < sizeof(error))
		return -EBADMSG;
	memcpy(&error, content, sizeof(error));
	return error < 0 && error >= -ERRNO_MAX ? error : -EBADMSG;
}

int ktls_nic_read(const void *answer, size_t len, uint64_t cookie)
{
	const uint8_t *content = (const uint8_t *)answer + sizeof(struct nlmsghdr);
	struct nlmsghdr head;
	struct inet_diag_msg msg;

	if (len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, answer, sizeof(head));
	if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > len)
		return -EBADMSG;
	if (head.nlmsg_seq != (uint32_t)cookie)
		return -ESTALE;
	len = head.nlmsg_len - sizeof(head);
	if (head.nlmsg_type == NLMSG_ERROR)
		return refusal(content, len);
	if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY || len < sizeof(msg))
		return -EBADMSG;
	memcpy(&msg, content, sizeof(msg));
	if (memcmp(msg.id.idiag_cookie, &cookie, sizeof(cookie)))
		return -ESTALE;
	return directions((struct attribute){content + sizeof(msg), len - sizeof(msg)});
}

int ktls_nic_open(void)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), rc;

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static void put_address(const union address *a, __be32 address[4], __be16 *port)
{
	if (a->any.sa_family == AF_INET6)
		memcpy(address, &a->in6.sin6_addr, sizeof(a->in6.sin6_addr));
	else
		address[0] = a->in.sin_addr.s_addr;
	*port = a->in.sin_port;
}

/* The kernel finds a socket by its addresses; the cookie keeps it from finding another that has them. */
static int fill(struct diag_question *q, int fd, uint64_t *cookie)
{
	union address local, remote;
	socklen_t local_len = sizeof(local), remote_len = sizeof(remote), cookie_len = sizeof(*cookie),
		  device_len = sizeof(q->about.id.idiag_if), family_len = sizeof(int);
	int family;

	*q = (struct diag_question){
		.head = {.nlmsg_len = sizeof(*q),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST},
		/* What is known of the ULP comes with struct tcp_info only. */
		.about = {.sdiag_protocol = IPPROTO_TCP,
			.idiag_ext = 1 << (INET_DIAG_INFO - 1),
			.idiag_states = ~0U},
	};
	if (getsockname(fd, &local.any, &local_len) || getpeername(fd, &remote.any, &remote_len))
		return errno == ENOTCONN ? -ENOENT : -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &family_len) ||
		getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &cookie_len) ||
		getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &q->about.id.idiag_if, &device_len))
		return -errno;
	if (family != local.any.sa_family)
		return -ENODATA; /* Linux 5.10 takes an IPv6 socket with keys for an IPv4 one */
	q->about.sdiag_family = (uint8_t)family;
	put_address(&local, q->about.id.idiag_src, &q->about.id.idiag_sport);
	put_address(&remote, q->about.id.idiag_dst, &q->about.id.idiag_dport);
	memcpy(q->about.id.idiag_cookie, cookie, sizeof(*cookie));
	q->head.nlmsg_seq = (uint32_t)*cookie;
	return 0;
}

static int is_connected(int fd)
{
	union address remote;
	socklen_t len = sizeof(remote);

	return !getpeername(fd, &remote.any, &len);
}

int ktls_nic_ask(int questions, int fd)
{
	uint8_t answer[ANSWER_MAX];
	struct diag_question q;
	uint64_t cookie;
	ssize_t n;
	int rc = fill(&q, fd, &cookie);

	if (rc)
		return rc;
	if (ktls_sys.send(questions, &q, sizeof(q), MSG_DONTWAIT) < 0)
		return -errno;
	do {
		n = ktls_sys.recv(questions, answer, sizeof(answer), MSG_DONTWAIT);
		if (n < 0)
			return -errno;
		rc = ktls_nic_read(answer, (size_t)n, cookie);
	} while (rc == -ESTALE);
	/* The kernel says the same if it has no such socket and if it has no tcp_diag. */
	return rc == -ENOENT && is_connected(fd) ? -EPROTONOSUPPORT : rc;
}
