/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asks the kernel whether a network card works on the records of a connection that an engine hands over.
 *
 * The supervisor asks, once, when the engine has installed the keys: an engine may not make sockets, and one
 * that was taken over would learn the addresses of all connections of the machine. The answer stays with the
 * connection's facts, where scripts and commands read it without a lock.
 */
#ifndef SER_SUPERVISOR_NIC_H
#define SER_SUPERVISOR_NIC_H

#include "ser/shared/messages.h"

#include <stdint.h>

/* The directions (enum ktls_nic) of the connection with that socket; 0 if there are none or nobody says. */
uint8_t nic_directions(const struct message_established *m, int fd);

#endif
