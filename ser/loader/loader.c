/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tls.so: finds out which core loads it and opens the module made for that core's layout, which lies beside
 * it. The core compares module_version and module_flags with its own before it calls anything, and logs both
 * when they differ; so a core that is not known is told in these strings what is.
 */
#include "ser/loader/flags.h"
#include "ser/loader/layouts.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* The core's: "kamailio 6.0.1 (x86_64/linux) " and perhaps the state of its source. */
extern const char full_version[], ver_flags[];

/* struct host_module_exports; it is the same in all layouts, and its content is the layout's. */
struct module_exports {
	void *opaque[10];
};

typedef int register_f(char *path, int *dlflags, void *reserved1, void *reserved2);

EXPORT const char *module_version;
EXPORT const char *module_flags;
EXPORT unsigned module_interface_ver = 4;
EXPORT struct module_exports exports;
EXPORT register_f mod_register;

static char version[128], refusal[PATH_MAX + 1024], flags[1024];
static register_f *layout_register;

/* The release in the core's version, or NULL; the version as the core compares it goes to version[]. */
static const char *release_of_core(void)
{
	static char release[16];
	int end = 0;

	if (sscanf(full_version, "kamailio %15[0-9.] (x86_64/%*[Ll]inux)%n", release, &end) != 1 || !end ||
		(size_t)end >= sizeof(version))
		return NULL;
	memcpy(version, full_version, (size_t)end);
	return release;
}

static const struct layout *layout_of(const char *release)
{
	for (const struct layout *l = layouts; release && l->name; l++)
		for (const char *const *r = l->releases; *r; r++)
			if (!strcmp(*r, release))
				return l;
	return NULL;
}

static void refuse_release(void)
{
	int n = snprintf(refusal, sizeof(refusal), "ser-ktls, which knows Kamailio");

	for (const struct layout *l = layouts; l->name; l++)
		for (const char *const *r = l->releases; *r; r++)
			n += snprintf(refusal + n, sizeof(refusal) - (size_t)n, " %s", *r);
	snprintf(refusal + n, sizeof(refusal) - (size_t)n,
		" on x86_64; for another one build it with -DKAMAILIO_SOURCE_DIR=FOLDER (docs/install.md)");
	module_version = refusal;
}

/* Opens the layout's module in the folder of this one. */
static void *open_layout(const char *name)
{
	char real[PATH_MAX], path[PATH_MAX + 32];
	Dl_info self;
	void *handle;

	if (!dladdr(&module_version, &self) || !realpath(self.dli_fname, real))
		return NULL;
	*strrchr(real, '/') = 0;
	snprintf(path, sizeof(path), "%s/tls-%s.so", real, name);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		snprintf(refusal, sizeof(refusal), "ser-ktls, which cannot open its part for this core: %s",
			dlerror());
	return handle;
}

static int take(void *handle)
{
	const void *theirs = dlsym(handle, "layout_exports");

	layout_register = (register_f *)dlsym(handle, "layout_register");
	if (!theirs || !layout_register)
		return -1;
	memcpy(&exports, theirs, sizeof(exports));
	return 0;
}

__attribute__((constructor)) static void introduce(void)
{
	const struct layout *layout = layout_of(release_of_core());
	const char *word;
	void *handle;

	module_version = version;
	module_flags = flags;
	if (!layout) {
		refuse_release();
		return;
	}
	word = flags_compared(ver_flags, flags, sizeof(flags));
	if (word) {
		snprintf(flags, sizeof(flags), "ser-ktls, which is not made for a core built %s", word);
		return;
	}
	handle = open_layout(layout->name);
	if (!handle || take(handle))
		module_version = refusal;
}

int mod_register(char *path, int *dlflags, void *reserved1, void *reserved2)
{
	return layout_register(path, dlflags, reserved1, reserved2);
}
