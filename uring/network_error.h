/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the network did to a connection, in words. */
#ifndef URING_NETWORK_ERROR_H
#define URING_NETWORK_ERROR_H

/*
 * A phrase for a negative errno of a socket whose other end is the peer. For an error that says nothing about
 * the network it quotes the system; such a phrase is valid until this thread asks again.
 */
const char *uring_network_error(int error);

#endif
