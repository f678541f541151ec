/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Landlock (landlock(7)): no file, no TCP port, no signal to others, no abstract socket, as far as the kernel
 * knows these. The headers of Linux 6.1 know the first version only, so what is needed of later ones is here.
 */
#include "ser/engine/confine_private.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct landlock_ruleset_attr; a kernel takes the part that its version has. */
struct ruleset {
	uint64_t files, ports, scopes;
};

static_assert(sizeof(struct ruleset) == 24 && offsetof(struct ruleset, scopes) == 16,
	"the kernel's layout has no gaps");

enum {
	ASK_VERSION = 1 << 0, /* LANDLOCK_CREATE_RULESET_VERSION */
	ALL_PORTS = 3,        /* to bind and to connect */
	ALL_SCOPES = 3,       /* abstract sockets and signals */
	RIGHTS_1 = 13,        /* rights of files in version 1 */
	VERSION_PORTS = 4,
	VERSION_SCOPES = 6,
};

/* Versions 2, 3 and 5 have one right more each. */
static struct ruleset nothing_allowed(int version)
{
	int rights = RIGHTS_1 + (version >= 2) + (version >= 3) + (version >= 5);

	return (struct ruleset){
		.files = ((uint64_t)1 << rights) - 1,
		.ports = version >= VERSION_PORTS ? ALL_PORTS : 0,
		.scopes = version >= VERSION_SCOPES ? ALL_SCOPES : 0,
	};
}

static size_t size_of(int version)
{
	return version >= VERSION_SCOPES  ? sizeof(struct ruleset)
	       : version >= VERSION_PORTS ? offsetof(struct ruleset, scopes)
					  : offsetof(struct ruleset, ports);
}

int confine_files(void)
{
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, ASK_VERSION);
	struct ruleset rules;
	int fd, rc;

	if (version < 0)
		return -errno;
	rules = nothing_allowed(version);
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size_of(version), 0);
	if (fd < 0)
		return -errno;
	rc = syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;
	close(fd);
	return rc;
}
