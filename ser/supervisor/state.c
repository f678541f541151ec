/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of the supervisor that this process is, for all files of this folder. */
#include "ser/supervisor/private.h"

struct supervisor supervisor;
