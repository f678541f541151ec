/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/stream_io.h"

#include "ktls/stream_private.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

int ktls_stream_start(
	struct ktls_stream *s, int fd, const struct ktls_handshake *h, const struct ktls_kernel_caps *caps)
{
	enum ktls_home home = KTLS_HOME_USER;
	struct ktls_session_keys keys;
	int rc = ktls_handshake_keys(h, &keys);

	if (rc)
		return rc;
	if (caps && !ktls_kernel_supports(caps, keys.tx.version, keys.tx.aead) &&
		!(keys.max_fragment && caps->max_fragment)) {
		rc = ktls_kernel_install(fd, &keys.tx, &keys.rx, keys.max_fragment);
		if (!rc)
			home = KTLS_HOME_KERNEL;
	}
	if (rc <= 0)
		ktls_stream_init(s, home, &keys, caps && !caps->rekey);
	OPENSSL_cleanse(&keys, sizeof(keys));
	return rc > 0 ? -EPIPE : 0;
}

void ktls_stream_receive(const struct ktls_stream *s, struct ktls_receive *in, void *buf, size_t len)
{
	size_t room = stream_room(s);

	memset(in, 0, sizeof(*in));
	in->iov = (struct iovec){.iov_base = buf, .iov_len = len < room ? len : room};
	in->msg.msg_iov = &in->iov;
	in->msg.msg_iovlen = 1;
	if (s->home != KTLS_HOME_KERNEL)
		return;
	in->msg.msg_control = in->control.bytes;
	in->msg.msg_controllen = sizeof(in->control.bytes);
}

ssize_t ktls_stream_received(struct ktls_stream *s, int fd, struct ktls_receive *in, ssize_t result,
	const struct ktls_allocator *mem, struct ktls_read *r)
{
	struct ktls_plain got = {.data = in->iov.iov_base};
	size_t len = in->iov.iov_len;
	ssize_t n;

	memset(r, 0, sizeof(*r));
	switch ((enum ktls_home)s->home) {
	case KTLS_HOME_KERNEL:
		n = ktls_kernel_received(fd, &in->msg, result, &got.type);
		n = stream_take_kernel(s, fd, &got, n, len, r);
		break;
	case KTLS_HOME_RELAYED:
		n = stream_take_relayed(result, len, r);
		break;
	default:
		n = stream_take_user(s, fd, in->iov.iov_base, result, len, mem, r);
	}
	r->respond = r->end == KTLS_END_NONE && __atomic_load_n(&s->owes, __ATOMIC_ACQUIRE);
	return n;
}

int ktls_stream_protect(struct ktls_stream *s, int fd, const void *in, size_t len, uint8_t *out, size_t cap,
	struct ktls_outgoing *outgoing)
{
	ssize_t n;
	int rc = 0;

	*outgoing = (struct ktls_outgoing){.bytes = in, .len = len, .taken = len};
	if (s->home == KTLS_HOME_RELAYED)
		return 0;
	if (s->home == KTLS_HOME_KERNEL) {
		/* Count first, because the count may be why the stream owes a KeyUpdate. */
		rc = ktls_stream_count_write(s, len);
		return rc ? rc : ktls_stream_respond(s, fd);
	}
	n = ktls_stream_seal(s, in, len, out, cap, &outgoing->taken);
	if (n < 0)
		return (int)n;
	outgoing->bytes = out;
	outgoing->len = (size_t)n;
	return 0;
}
