/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/sys.h"

struct ktls_sys ktls_sys = {
	.setsockopt = setsockopt,
	.getsockopt = getsockopt,
	.recv = recv,
	.send = send,
	.recvmsg = recvmsg,
	.sendmsg = sendmsg,
};
