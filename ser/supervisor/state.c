/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this supervisor process is made of. */
#include "ser/supervisor/private.h"

struct supervisor supervisor;
