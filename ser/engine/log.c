/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An engine's log. The engine opens no file and no socket, so its supervisor writes its lines. */
#include "ser/shared/log.h"
#include "ser/engine/private.h"
#include "ser/shared/services.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int channel;

/* Nothing here waits: if the supervisor is too busy, the line is lost. */
static void say(const struct log_place *place, int level, const char *text)
{
	struct message_log m = {.kind = MESSAGE_LOG, .level = level, .line = place->line};
	int len = snprintf(m.text, sizeof(m.text), "%s", text);

	if (len >= (int)sizeof(m.text))
		len = (int)sizeof(m.text) - 1;
	snprintf(m.file, sizeof(m.file), "%s", place->file);
	snprintf(m.function, sizeof(m.function), "%s", place->function);
	if (level <= scoreboard_get_settings().log_level)
		uring_pass_fd(channel, &m, offsetof(struct message_log, text) + (size_t)len + 1, URING_NO_FD);
}

void engine_log_to(int fd)
{
	channel = fd;
	services.log = say;
}
