/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel made of paper: records what it is asked through ktls_sys and answers what a test wrote down. */
#ifndef UNIT_SEAM_H
#define UNIT_SEAM_H

#include "support.h"

#include <sys/socket.h>

enum {
	SEAM_FD = 77, /* never a real one: every call goes to the functions of the seam */
};

/* What one call of recvmsg answers. */
struct seam_answer {
	ssize_t n; /* bytes of content, or a negative errno */
	int type;  /* of the control message, 0 for none; it may come with an error, too */
	const char *content;
};

extern struct seam {
	struct {
		int level, name;
		uint8_t value[64];
		socklen_t len;
	} asked[8]; /* of setsockopt */
	unsigned asks;
	int refused_ask, refused_errno; /* the ask with that index fails; -1: none */
	/* What getsockopt says of the next record to be read: its number, or an errno; how often it did. */
	uint64_t next_number;
	int number_errno;
	unsigned numbers_told;
	const struct seam_answer *answers;
	unsigned answers_left, answers_given;
	struct {
		uint8_t type, bytes[16];
		size_t len;
	} sent[8]; /* control records */
	unsigned sends;
	int refused_send, refused_send_errno;        /* as above */
	unsigned calls, ask_calls[8], send_calls[8]; /* the order of all of them */
} seam;

/* Puts the paper kernel, which refuses nothing, in place of the real one. */
void seam_open(void);

/* Puts the real one back; fits cmocka's teardown. */
int seam_close(void **state);

/* What the next calls of recvmsg answer. One call more ends the test. */
void seam_script(const struct seam_answer *list, unsigned count);

/* The kernel's view of a key, written down field by field (64 bytes of room). Returns its length. */
socklen_t seam_key(const struct ktls_key *k, uint8_t *out);

#endif
