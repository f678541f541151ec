/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/confinement.h"

#include <assert.h>
#include <string.h>

#define ALL_NAMES "memory, ring, files, system calls"

static_assert(sizeof(ALL_NAMES) <= CONFINEMENT_TEXT, "all names fit");

void confinement_text(uint32_t bits, char text[CONFINEMENT_TEXT])
{
	static const char *const names[CONFINEMENTS] = {
		[CONFINEMENT_MEMORY] = "memory",
		[CONFINEMENT_RING] = "ring",
		[CONFINEMENT_FILES] = "files",
		[CONFINEMENT_SYSTEM_CALLS] = "system calls",
	};

	text[0] = '\0';
	for (int i = 0; i < CONFINEMENTS; i++) {
		if (!(bits & 1u << i))
			continue;
		if (text[0])
			strcat(text, ", ");
		strcat(text, names[i]);
	}
	if (!text[0])
		strcpy(text, "none");
}
