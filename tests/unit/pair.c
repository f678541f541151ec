/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pair.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static const uint16_t versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

struct ktls_kernel_caps caps;

unsigned count_supported(void)
{
	unsigned count = 0;

	for (unsigned v = 0; v < COUNT(versions); v++)
		for (int aead = 0; aead < KTLS_AEADS; aead++)
			count += ktls_kernel_supports(&caps, versions[v], aead) == 0;
	return count;
}

void pair_open(struct pair *p, uint16_t version, enum ktls_aead aead)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct timeval patience = {.tv_sec = 10};
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
	p->a = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(p->a, (struct sockaddr *)&addr, len), 0);
	p->b = accept(listener, NULL, NULL);
	assert_true(p->b >= 0);
	close(listener);
	assert_int_equal(setsockopt(p->a, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	p->a_tx = make_key(version, aead, 1);
	p->b_tx = make_key(version, aead, 2);
	p->a_tx.seq = 1;
	p->b_tx.seq = 0x1ff;
}

void pair_close(struct pair *p)
{
	close(p->a);
	close(p->b);
}

void pair_install(struct pair *p)
{
	pair_install_limited(p, 0);
}

void pair_install_limited(struct pair *p, uint16_t max_fragment)
{
	assert_int_equal(ktls_kernel_install(p->b, &p->b_tx, &p->a_tx, max_fragment), 0);
}

void for_each_supported(void (*check)(struct pair *p))
{
	if (!count_supported())
		skip();
	for (unsigned v = 0; v < COUNT(versions); v++)
		for (int aead = 0; aead < KTLS_AEADS; aead++)
			if (!ktls_kernel_supports(&caps, versions[v], aead)) {
				struct pair p;

				pair_open(&p, versions[v], aead);
				check(&p);
				pair_close(&p);
			}
}

/* Waits until there is something, then reads it. */
ssize_t kernel_recv_patiently(int fd, void *buf, size_t len, enum ktls_content_type *type)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	ssize_t n;

	do {
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		n = ktls_kernel_recv(fd, buf, len, type);
	} while (n == -EAGAIN);
	return n;
}

void assert_kernel_reads(int fd, const void *expected, size_t len)
{
	static uint8_t buf[40000];
	enum ktls_content_type type;

	for (size_t have = 0; have < len;) {
		ssize_t n = kernel_recv_patiently(fd, buf + have, len - have, &type);

		assert_true(n > 0);
		assert_int_equal(type, KTLS_APPLICATION_DATA);
		have += (size_t)n;
		if (have == len)
			assert_memory_equal(buf, expected, len);
	}
}

void assert_kernel_reads_alert(int fd, const char *expected)
{
	enum ktls_content_type type;
	uint8_t buf[100];

	assert_int_equal(kernel_recv_patiently(fd, buf, sizeof(buf), &type), 2);
	assert_int_equal(type, KTLS_ALERT);
	assert_memory_equal(buf, expected, 2);
}

/* a's side in user space: one record sent, one received and compared. */
void peer_writes(struct pair *p, enum ktls_content_type type, const void *data, size_t len)
{
	uint8_t record[KTLS_MAX_RECORD];
	ssize_t n = ktls_record_seal(&p->a_tx, type, data, len, record, sizeof(record));

	assert_true(n > 0);
	assert_int_equal(send(p->a, record, (size_t)n, 0), n);
}

void assert_peer_reads(struct pair *p, enum ktls_content_type type, const void *expected, size_t len)
{
	assert_record(p->a, MSG_WAITALL, &p->b_tx, type, expected, len);
}
