/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads tls.cfg, which is a file or a folder of files. */
#include "cfg/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads to the end, at most cap bytes. Returns the number of bytes, or -1 with errno. */
static ssize_t read_all(int fd, char *out, size_t cap)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n = read(fd, out + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* *left: how many bytes may still be read from files. */
static int parse_one(struct cfg_config *config, const char *path, size_t *left, struct cfg_errors *errors)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	ssize_t len = -1;
	struct stat st;
	int rc;

	if (fd < 0)
		return cfg_add_error(errors,
			"config: cannot read '%.300s': %s; name a file or folder that the server's user may "
			"read",
			path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		rc = cfg_add_error(errors, "config: '%.300s' is neither a file nor a folder", path);
	else if ((size_t)st.st_size > *left)
		rc = cfg_add_error(errors, "config: '%.300s' makes more than %d bytes", path, CFG_FILE_MAX);
	else if (!(text = malloc(*left + 1)))
		rc = cfg_add_error(errors, "config: out of memory for '%.300s'", path);
	else if ((len = read_all(fd, text, *left + 1)) < 0)
		rc = cfg_add_error(errors,
			"config: cannot read '%.300s': %s; name a file or folder that the server's user may "
			"read",
			path, strerror(errno));
	else if ((size_t)len > *left)
		rc = cfg_add_error(errors, "config: '%.300s' makes more than %d bytes", path, CFG_FILE_MAX);
	else
		rc = cfg_parse_text(config, path, text, (size_t)len, errors);
	if (len > 0) {
		*left -= (size_t)len < *left ? (size_t)len : *left;
		OPENSSL_cleanse(text, (size_t)len);
	}
	free(text);
	close(fd);
	return rc;
}

static int is_candidate(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Sorts by bytes, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int parse_entry(struct cfg_config *config, const char *folder, const char *name, size_t *left,
	struct cfg_errors *errors)
{
	struct stat st;
	char *path;
	int rc = 0;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return cfg_add_error(errors, "config: out of memory for '%.300s'", folder);
	if (stat(path, &st) || S_ISREG(st.st_mode)) /* skips folders */
		rc = parse_one(config, path, left, errors);
	free(path);
	return rc;
}

static int parse_folder(struct cfg_config *config, const char *path, struct cfg_errors *errors)
{
	struct dirent **entries;
	size_t left = CFG_FILE_MAX;
	int rc = 0, count = scandir(path, &entries, is_candidate, by_name);

	if (count < 0)
		return cfg_add_error(errors,
			"config: cannot read '%.300s': %s; name a file or folder that the server's user may "
			"read",
			path, strerror(errno));
	if (count > CFG_FILES_MAX)
		rc = cfg_add_error(errors, "config: '%.300s' holds more than %d files", path, CFG_FILES_MAX);
	for (int i = 0; i < count; i++) {
		if (count <= CFG_FILES_MAX && parse_entry(config, path, entries[i]->d_name, &left, errors))
			rc = -1;
		free(entries[i]);
	}
	free(entries);
	return rc;
}

int cfg_parse_file(struct cfg_config *config, const char *path, struct cfg_errors *errors)
{
	size_t left = CFG_FILE_MAX;
	char *resolved = cfg_resolve_path(config->main_config, path);
	struct stat st;
	int rc;

	if (!resolved)
		return cfg_add_error(errors, "config: out of memory for '%.300s'", path);
	config->has_file = 1;
	if (!stat(resolved, &st) && S_ISDIR(st.st_mode))
		rc = parse_folder(config, resolved, errors);
	else
		rc = parse_one(config, resolved, &left, errors);
	free(resolved);
	return rc;
}
