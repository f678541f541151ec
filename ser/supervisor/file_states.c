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
static void mix_file(void *arg, const char *path)
{
	uint64_t *sum = arg;
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

void file_states_each(const struct cfg_domain *d, void (*f)(void *arg, const char *path), void *arg)
{
	f(arg, d->certificate);
	f(arg, d->private_key);
	f(arg, d->certificate2);
	f(arg, d->private_key2);
	f(arg, d->ocsp_file);
	f(arg, d->ocsp_file2);
	f(arg, d->ca_list);
	f(arg, d->ca_path);
	f(arg, d->crl);
}

uint64_t file_states(const struct cfg_config *config, const struct params *params)
{
	uint64_t sum = FNV_BASIS;

	for (unsigned i = 0; i < config->count; i++) {
		mix_file(&sum, config->domains[i]->file);
		file_states_each(config->domains[i], mix_file, &sum);
	}
	mix_file(&sum, params->session_ticket_keys);
	return sum;
}
