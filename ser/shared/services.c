/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/services.h"

struct services services;
