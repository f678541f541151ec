/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/pack.h"

#include <string.h>

static uint8_t *advance(struct ktls_pack *p, size_t len)
{
	uint8_t *at = p->at;

	if (p->failed || len > p->left) {
		p->failed = 1;
		return NULL;
	}
	p->at += len;
	p->left -= len;
	return at;
}

void ktls_pack_bytes(struct ktls_pack *p, void *bytes, size_t len)
{
	uint8_t *at = advance(p, len);

	if (p->reading && !at)
		memset(bytes, 0, len);
	else if (p->reading)
		memcpy(bytes, at, len);
	else if (at)
		memcpy(at, bytes, len);
}

static void pack_number(struct ktls_pack *p, uint64_t *value, size_t width)
{
	uint8_t bytes[sizeof(*value)];

	for (size_t i = 0; i < width; i++)
		bytes[i] = (uint8_t)(*value >> 8 * (width - 1 - i));
	ktls_pack_bytes(p, bytes, width);
	*value = 0;
	for (size_t i = 0; i < width; i++)
		*value = *value << 8 | bytes[i];
}

void ktls_pack_u8(struct ktls_pack *p, uint8_t *value)
{
	ktls_pack_bytes(p, value, sizeof(*value));
}

void ktls_pack_u16(struct ktls_pack *p, uint16_t *value)
{
	uint64_t number = *value;

	pack_number(p, &number, sizeof(*value));
	*value = (uint16_t)number;
}

void ktls_pack_u32(struct ktls_pack *p, uint32_t *value)
{
	uint64_t number = *value;

	pack_number(p, &number, sizeof(*value));
	*value = (uint32_t)number;
}

void ktls_pack_u64(struct ktls_pack *p, uint64_t *value)
{
	pack_number(p, value, sizeof(*value));
}

void ktls_pack_block(struct ktls_pack *p, const uint8_t **block, size_t *len)
{
	uint32_t number = (uint32_t)*len;
	uint8_t *at;

	ktls_pack_u32(p, &number);
	at = advance(p, number);
	if (p->reading) {
		*block = at;
		*len = at ? number : 0;
	} else if (at && number) {
		memcpy(at, *block, number);
	}
}
