/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of everything that can be set in a domain, for tls.cfg and for modparams. */
#ifndef CFG_ATTRIBUTE_H
#define CFG_ATTRIBUTE_H

#include "cfg/domain.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum cfg_type {
	CFG_TYPE_METHOD,
	CFG_TYPE_BOOL,
	CFG_TYPE_INT,
	CFG_TYPE_VERIFY_CLIENT,
	CFG_TYPE_STRING,
	CFG_TYPE_PATH,
	CFG_TYPE_KEY,       /* a path or a URI */
	CFG_TYPE_SECRET,    /* a string that no message repeats */
	CFG_TYPE_NAME,      /* a host name */
	CFG_TYPE_PROTOCOLS, /* a list of names of protocols */
};

struct cfg_attribute {
	enum cfg_attribute_id id;
	const char *names[2]; /* the manual's spelling, and another one or NULL */
	enum cfg_type type;
	size_t offset;  /* in struct cfg_domain */
	int min, max;   /* CFG_TYPE_INT */
	int otherwise;  /* what a number outside of them means */
	unsigned kinds; /* 1 << CFG_SERVER or 1 << CFG_CLIENT if only that kind uses it; 0: both */
	int ours;       /* not in the stock module: a modparam is the default for tls.cfg, too */
};

/* CFG_ATTRIBUTES of them, each at the index of its id. */
extern const struct cfg_attribute cfg_attributes[];

/* Finds an attribute by its name, in either spelling and in upper or lower case. NULL if there is none. */
const struct cfg_attribute *cfg_find_attribute(const char *name);

/* Where a value was written, and the file that file names in it are relative to. */
struct cfg_where {
	const char *file; /* "modparam" for modparams */
	unsigned line;    /* 0: none */
	const char *main_config;
	struct cfg_errors *warnings; /* for what is taken although it is probably a mistake */
};

/*
 * Sets an attribute from its text, replacing an earlier value. What the stock module takes although it is
 * probably a mistake is taken as there, with a warning: an empty text, a number out of range, a name that no
 * client can ask for, a second value. Returns 0, or -1 with one more sentence in *errors and the domain as it
 * was.
 */
int cfg_set_attribute(struct cfg_domain *d, const char *name, const char *value,
	const struct cfg_where *where, struct cfg_errors *errors);

/*
 * Copies what is set in from and not in d, limited to the given set of attributes, and marks it as inherited.
 * Returns 0 or -ENOMEM.
 */
int cfg_inherit(struct cfg_domain *d, const struct cfg_domain *from, uint32_t attributes);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
