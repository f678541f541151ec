/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A structure's fields to bytes and back, for another process, perhaps of another version of the program. One
 * list of fields serves both ways, so that the two cannot differ. Numbers are big-endian.
 */
#ifndef KTLS_PACK_H
#define KTLS_PACK_H

#include <stddef.h>
#include <stdint.h>

/* Bytes to write to, or to read from; then they are never written to. */
struct ktls_pack {
	uint8_t *at;
	size_t left;
	int reading;
	int failed; /* there were too few bytes; what was read of them is 0 */
};

void ktls_pack_bytes(struct ktls_pack *p, void *bytes, size_t len);
void ktls_pack_u8(struct ktls_pack *p, uint8_t *value);
void ktls_pack_u16(struct ktls_pack *p, uint16_t *value);
void ktls_pack_u32(struct ktls_pack *p, uint32_t *value);
void ktls_pack_u64(struct ktls_pack *p, uint64_t *value);

/* A length of 32 bits and so many bytes. On the way back *block points to them in the bytes. */
void ktls_pack_block(struct ktls_pack *p, const uint8_t **block, size_t *len);

#endif
