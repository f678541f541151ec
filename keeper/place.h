/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket at which SER finds the keeper. */
#ifndef KEEPER_PLACE_H
#define KEEPER_PLACE_H

/*
 * Makes the listening AF_UNIX socket at path, for its owner only, instead of one that nobody answers at.
 * Returns its descriptor, or -1 with a sentence in the log.
 */
int place_open(const char *path);

#endif
