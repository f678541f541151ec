/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP connections whose end b lives in this machine's kernel and whose end a is a peer in user space. */
#ifndef UNIT_PAIR_H
#define UNIT_PAIR_H

#include "support.h"

#include "ktls/kernel.h"

/* What the kernel said when it was probed; run_kernel_real_tests() fills it. */
extern struct ktls_kernel_caps caps;

/* How many of the kinds of records the kernel takes. */
unsigned count_supported(void);

struct pair {
	int a, b;
	struct ktls_key a_tx, b_tx; /* keys of what a sends and of what b sends */
};

void pair_open(struct pair *p, uint16_t version, enum ktls_aead aead);
void pair_close(struct pair *p);

/* Moves b into the kernel; max_fragment limits its records. */
void pair_install(struct pair *p);
void pair_install_limited(struct pair *p, uint16_t max_fragment);

/* Calls check() with a fresh pair for every kind of record that the kernel takes; skips the test without one.
 */
void for_each_supported(void (*check)(struct pair *p));

/* ktls_kernel_recv() that waits for something to read. */
ssize_t kernel_recv_patiently(int fd, void *buf, size_t len, enum ktls_content_type *type);

/* Ends the test unless the kernel hands out exactly these bytes, or this alert, next. */
void assert_kernel_reads(int fd, const void *expected, size_t len);
void assert_kernel_reads_alert(int fd, const char *expected);

/* a sends one record; a receives one record, which must be this. */
void peer_writes(struct pair *p, enum ktls_content_type type, const void *data, size_t len);
void assert_peer_reads(struct pair *p, enum ktls_content_type type, const void *expected, size_t len);

/* The tests that speak to this machine's kernel. They return the number of those that failed. */
int run_kernel_real_tests(void);
int run_kernel_stream_tests(void);
int run_kernel_idle_tests(void);
int run_kernel_rekey_tests(void);

#endif
