/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream's state as bytes, so that another process, of another version of the program perhaps, goes on with
 * the connection. The socket itself must get there, too: over AF_UNIX with SCM_RIGHTS, see unix(7).
 *
 * The bytes have a version of their own and do not depend on the layout of a structure. They hold the record
 * keys if the records live in user space. With records in the kernel they hold none, but TLS 1.3's traffic
 * secrets, from which the next keys are derived, where that kernel takes new keys for a live connection.
 * Whoever has the bytes wipes them.
 */
#ifndef KTLS_STREAM_STATE_H
#define KTLS_STREAM_STATE_H

#include "ktls/stream.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum {
	/* Of what ktls_stream_save() writes: what was read ahead, and the rest. */
	KTLS_STREAM_STATE_MAX = KTLS_STREAM_CHUNK + 512,
};

/*
 * Writes the state of a stream that nobody reads or writes meanwhile to out (cap bytes). The stream stays as
 * it is; from now on only one of the two may be used, and the other must be wiped. Returns the number of
 * bytes; -ENOTSUP for KTLS_HOME_RELAYED, whose other end is a process; or -ENOSPC.
 */
ssize_t ktls_stream_save(const struct ktls_stream *s, uint8_t *out, size_t cap);

/*
 * Makes a stream of len bytes, all of them, that ktls_stream_save() wrote. They may come from anywhere:
 * everything is checked that could make later calls leave their memory. mem is for what was read ahead.
 * Returns 0; -EPROTONOSUPPORT if another version wrote them; -EINVAL; or -ENOMEM. The stream is wiped on
 * error.
 */
int ktls_stream_restore(
	struct ktls_stream *s, const uint8_t *in, size_t len, const struct ktls_allocator *mem);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
