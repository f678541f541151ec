/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/place.h"

#include "ser/shared/log.h"
#include "ser/shared/shortage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 16,
};

static int new_socket(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* A socket of another type, or one that is busy, has an owner, too. */
static int is_stale(const struct sockaddr_un *at)
{
	struct stat st;
	int fd, rc;

	if (lstat(at->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return 0;
	fd = new_socket();
	rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)at, sizeof(*at));
	rc = rc && errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Returns 0 or a negative errno. */
static int bind_for_owner(int fd, const struct sockaddr_un *at)
{
	mode_t mask = umask(0177);
	int rc = bind(fd, (const struct sockaddr *)at, sizeof(*at)) ? -errno : 0;

	umask(mask);
	return rc;
}

static int open_at(const struct sockaddr_un *at)
{
	int fd = new_socket(), rc;

	if (fd < 0)
		return -errno;
	rc = bind_for_owner(fd, at);
	if (rc == -EADDRINUSE && is_stale(at) && !unlink(at->sun_path))
		rc = bind_for_owner(fd, at);
	if (!rc && listen(fd, BACKLOG))
		rc = -errno;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

int place_open(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd;

	if (!*path || strlen(path) >= sizeof(at.sun_path)) {
		ser_log(LOG_LEVEL_ERROR, "the socket's path has 1 to %zu characters, this has %zu",
			sizeof(at.sun_path) - 1, strlen(path));
		return -1;
	}
	memcpy(at.sun_path, path, strlen(path));
	fd = open_at(&at);
	if (fd >= 0)
		return fd;
	if (fd == -EADDRINUSE)
		ser_log(LOG_LEVEL_ERROR,
			"%s is taken: another keeper answers there, or it is no socket; end that one, remove "
			"it, or name another path",
			path);
	else if (fd == -ENOENT)
		ser_log(LOG_LEVEL_ERROR, "no socket can be made at %s: its folder is not there", path);
	else
		ser_log(LOG_LEVEL_ERROR, "no socket can be made at %s: %s", path, shortage_text(fd));
	return -1;
}
