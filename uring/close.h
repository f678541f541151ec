/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Closes TCP sockets so that the last bytes arrive. */
#ifndef URING_CLOSE_H
#define URING_CLOSE_H

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/*
 * Closes a TCP socket so that what was written last reaches the peer: ends the sending side and takes,
 * without waiting, a bounded number of unread bytes first.
 */
void uring_close_politely(int fd);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
