/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way to the keeper, which holds connections while no SER runs (ser/shared/kept.h). */
#ifndef SER_CONNECTION_KEEPER_H
#define SER_CONNECTION_KEEPER_H

/*
 * Connects to the keeper's socket. Waits for a second at most. Returns a descriptor that waits as long when
 * it sends, or -1 with a phrase in *why.
 */
int keeper_connect(const char *path, const char **why);

#endif
