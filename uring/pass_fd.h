/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef URING_PASS_FD_H
#define URING_PASS_FD_H

#include <stddef.h>

/*
 * Sends len bytes and the descriptor fd over the AF_UNIX socket channel in one message (SCM_RIGHTS, unix(7)),
 * without waiting. The caller keeps its own copy of fd.
 * Returns 0; -EAGAIN when the channel is full for now (also where too many descriptors are under way);
 * another negative errno when it is of no use, -EPIPE when only a part of the bytes went out.
 */
int uring_pass_fd(int channel, const void *data, size_t len, int fd);

#endif
