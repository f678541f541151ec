/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/shortage.h"

#include "uring/network_error.h"

#include <errno.h>

const char *shortage_text(int error)
{
	switch (error) {
	case -EMFILE:
		return "no descriptor is left: raise the limit of open files (LimitNOFILE, ulimit -n)";
	case -ENFILE:
		return "the machine has no descriptor left: raise fs.file-max";
	case -ENOMEM:
	case -ENOBUFS:
		return "memory is used up: free some, or raise the service's limit (MemoryMax)";
	case -EPERM:
	case -EACCES:
		return "it is forbidden here: see SystemCallFilter of the service, the filter of the "
		       "container, "
		       "SELinux and AppArmor";
	case -EPIPE:
	case -ECONNRESET:
		return "the process at the other end has ended";
	default:
		return uring_network_error(error);
	}
}
