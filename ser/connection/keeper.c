/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/connection/keeper.h"

#include "ser/shared/kept.h"
#include "ser/shared/shortage.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static const char *why_not(int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return "nobody answers there; start ser-ktls-keeper";
	case EACCES:
		return "SER's user may not connect to it; the keeper must run as that user";
	case EPROTOTYPE:
		return "it is not a keeper's socket";
	}
	return shortage_text(-error);
}

/* Whoever else listens there would get every connection. */
static int is_ours(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) && (!peer.uid || peer.uid == geteuid());
}

int keeper_connect(const char *path, const char **why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 1};
	int size = KEEPER_MESSAGE_MAX;
	int fd;

	*why = "its name is too long for a socket";
	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		*why = shortage_text(-errno);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		*why = why_not(errno);
	else if (!is_ours(fd))
		*why = "another user listens there";
	else
		return fd;
	close(fd);
	return -1;
}
