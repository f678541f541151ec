/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keeps a taken-over engine from harming others, and the words for it. */
#ifndef SER_SHARED_CONFINEMENT_H
#define SER_SHARED_CONFINEMENT_H

#include <stdint.h>

enum confinement {
	CONFINEMENT_MEMORY,       /* SER's memory is not mapped, what others rely on is read-only */
	CONFINEMENT_RING,         /* io_uring does only what the loop needs */
	CONFINEMENT_FILES,        /* no file, other process or abstract socket can be reached (Landlock) */
	CONFINEMENT_SYSTEM_CALLS, /* those that it needs, no others (seccomp) */
	CONFINEMENTS
};

enum {
	CONFINEMENT_TEXT = 64,
};

/* Writes the names of those whose bits (1 << enum confinement) are set, or "none". */
void confinement_text(uint32_t bits, char text[CONFINEMENT_TEXT]);

#endif
