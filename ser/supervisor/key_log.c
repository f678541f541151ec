/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/key_log.h"

#include "ser/shared/key_log.h"
#include "ser/shared/log.h"
#include "ser/shared/shortage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int peer = -1; /* a connected UDP socket */

static const char *why_not(int error)
{
	switch (error) {
	case ELOOP:
		return "it is a symbolic link; name the file itself";
	case ENXIO: /* a socket */
	case EISDIR:
		return "it is not a regular file";
	case ENOENT:
	case ENOTDIR:
		return "its folder is not there";
	case EACCES:
	case EPERM:
		return "SER's user may not write there";
	case EROFS:
		return "its file system is read-only for SER (see ProtectSystem and ReadWritePaths of the "
		       "service)";
	case ENOSPC:
	case EDQUOT:
		return "the disk is full";
	default:
		return shortage_text(-error);
	}
}

/* Whoever owns the folder, or may write to it, must not lead the keys elsewhere. */
static const char *refusal(const struct stat *file)
{
	if (!S_ISREG(file->st_mode))
		return "it is not a regular file";
	if (file->st_uid != geteuid())
		return "it belongs to another user than SER's";
	if (file->st_nlink > 1)
		return "it has a second name (a hard link)";
	if (file->st_mode & (S_IRWXG | S_IRWXO))
		return "others than SER's user may open it; 'chmod 600' helps";
	if (file->st_size >= KEY_LOG_FILE_MAX)
		return "it has 64 MB; move or remove it";
	return NULL;
}

/* Returns a descriptor, or -1 with a phrase. */
static int open_file(const char *path, struct stat *file, const char **why)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		S_IRUSR | S_IWUSR);

	if (fd < 0) {
		*why = why_not(errno);
		return -1;
	}
	*why = fstat(fd, file) ? why_not(errno) : refusal(file);
	if (!*why)
		return fd;
	close(fd);
	return -1;
}

/* A full disk may have cut the line before off. A needless empty line, while another process writes, does no
 * harm. */
static int is_cut_off(int fd, off_t size)
{
	char last;

	return size && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

/* In one call, because the supervisors of other engines write to the file, too. Returns NULL or a phrase. */
static const char *append(int fd, off_t size, const char *lines)
{
	const size_t len = strlen(lines);
	const struct iovec parts[] = {{"\n", (size_t)is_cut_off(fd, size)}, {(char *)lines, len}};
	ssize_t n = writev(fd, parts, 2);

	if (n < 0)
		return why_not(errno);
	return (size_t)n < parts[0].iov_len + len ? why_not(ENOSPC) : NULL;
}

static void write_to_file(const char *path, const char *lines)
{
	static struct log_limit limit;
	struct stat file;
	const char *why;
	int fd = open_file(path, &file, &why);

	if (fd >= 0) {
		why = append(fd, file.st_size, lines);
		close(fd);
	}
	if (why)
		ser_log_limited(
			&limit, LOG_LEVEL_ERROR, "keys are not written to '%s' (keylog_file): %s", path, why);
}

static void complain_about_peer(const char *name, int error)
{
	static struct log_limit limit;

	ser_log_limited(&limit, LOG_LEVEL_ERROR, "keys are not sent to '%s' (keylog_peer): %s", name,
		shortage_text(error));
}

static int send_line(const char *line, size_t len)
{
	return send(peer, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* As the stock module does: a datagram for each line, without its newline. */
static void send_to_peer(const char *name, const char *lines)
{
	while (*lines && peer >= 0) {
		size_t len = strcspn(lines, "\n");
		int error = send_line(lines, len);

		if (error)
			complain_about_peer(name, error);
		/* It belonged to an earlier line, and this one was not sent: the collector may be there
		 * again. */
		if (error == -ECONNREFUSED)
			send_line(lines, len);
		lines += len + (lines[len] == '\n');
	}
}

static void open_peer(const char *name)
{
	union uring_address address;

	if (key_log_peer(name, &address))
		return; /* refused at the start already */
	peer = socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (peer < 0 || connect(peer, &address.any, sizeof(address)))
		complain_about_peer(name, -errno);
}

void key_log_start(const struct params *params, int first)
{
	const int to = params_keylog(params);

	if (to & KEYLOG_TO_PEER)
		open_peer(params->keylog_peer);
	if (!to || !first)
		return;
	ser_log(LOG_LEVEL_WARNING,
		"keys of TLS connections are logged (keylog_mode): whoever gets hold of them can read what "
		"was said; turn it off when you have seen enough");
	if (to & KEYLOG_TO_FILE)
		write_to_file(params->keylog_file, ""); /* to say at once if that cannot be */
}

void key_log_write(const struct params *params, const char *lines)
{
	const int to = params_keylog(params);

	if (to & KEYLOG_TO_FILE)
		write_to_file(params->keylog_file, lines);
	if (to & KEYLOG_TO_PEER)
		send_to_peer(params->keylog_peer, lines);
}
