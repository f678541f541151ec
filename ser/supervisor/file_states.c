/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/file_states.h"

#include <string.h>
#include <sys/stat.h>

static const uint64_t FNV_BASIS = 0xcbf29ce484222325, FNV_PRIME = 0x100000001b3;

static void mix(uint64_t *sum, uint64_t n)
{
	*sum = (*sum ^ n) * FNV_PRIME;
}

static void mix_times(uint64_t *sum, const struct stat *s)
{
	mix(sum, (uint64_t)s->st_mtim.tv_sec);
	mix(sum, (uint64_t)s->st_mtim.tv_nsec);
	mix(sum, (uint64_t)s->st_ctim.tv_sec);
	mix(sum, (uint64_t)s->st_ctim.tv_nsec);
}

/* What a link points to counts; a link that is replaced leads to another file. */
static void mix_file(uint64_t *sum, const char *path)
{
	struct stat s;

	if (!path || stat(path, &s))
		return;
	mix(sum, (uint64_t)s.st_dev);
	mix(sum, (uint64_t)s.st_ino);
	mix(sum, (uint64_t)s.st_size);
	mix_times(sum, &s);
}

uint64_t file_state(const char *path)
{
	uint64_t sum = FNV_BASIS;

	mix_file(&sum, path);
	return sum;
}

uint64_t file_states(const struct cfg_config *config, const struct params *params)
{
	uint64_t sum = FNV_BASIS;

	for (unsigned i = 0; i < config->count; i++) {
		const struct cfg_domain *d = config->domains[i];

		mix_file(&sum, d->file);
		mix_file(&sum, d->certificate);
		mix_file(&sum, d->private_key);
		mix_file(&sum, d->certificate2);
		mix_file(&sum, d->private_key2);
		mix_file(&sum, d->ca_list);
		mix_file(&sum, d->ca_path);
		mix_file(&sum, d->crl);
	}
	mix_file(&sum, params->session_ticket_keys);
	return sum;
}
