# SPDX-License-Identifier: GPL-2.0-or-later
"""A client made of GnuTLS's library: it can ask for a renegotiation and live on when that is refused."""
import ctypes
import socket

import settings
import sip
from kernel import TALLY

CLIENT, CRD_CERTIFICATE = 2, 1  # gnutls.h
E_WARNING_ALERT_RECEIVED = -16
A_NO_RENEGOTIATION = 100


def load():
    """The library that gnutls-cli has."""
    library = ctypes.CDLL("libgnutls.so.30")
    library.gnutls_record_send.restype = library.gnutls_record_recv.restype = ctypes.c_ssize_t
    library.gnutls_strerror.restype = ctypes.c_char_p
    library.gnutls_certificate_free_credentials.argtypes = [ctypes.c_void_p]
    library.gnutls_record_send.argtypes = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    library.gnutls_record_recv.argtypes = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    library.gnutls_transport_set_int2.argtypes = ctypes.c_void_p, ctypes.c_int, ctypes.c_int
    library.gnutls_transport_set_int2.restype = None
    library.gnutls_credentials_set.argtypes = ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
    for name in "handshake", "alert_get", "deinit":
        getattr(library, "gnutls_" + name).argtypes = [ctypes.c_void_p]
    return library


class Client:
    """A TLS connection; every wait has an end, that of the socket's timeouts."""

    def __init__(self, address, priority, offload):
        self.library, self.offload, self.answered = load(), offload, False
        self.session, self.credentials = ctypes.c_void_p(), ctypes.c_void_p()
        self.sock = socket.create_connection(address, timeout=settings.PATIENCE)
        self.sock.settimeout(None)
        patience = sip.struct.pack("ll", settings.PATIENCE, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
        self.call("certificate_allocate_credentials", ctypes.byref(self.credentials))
        self.call("init", ctypes.byref(self.session), CLIENT)
        self.call("priority_set_direct", self.session, priority.encode(), None)
        self.call("credentials_set", self.session, CRD_CERTIFICATE, self.credentials)
        self.library.gnutls_transport_set_int2(self.session, self.sock.fileno(), self.sock.fileno())
        TALLY.add(made=1, offload=offload)
        self.call("handshake", self.session)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.gnutls_deinit(self.session)
        self.library.gnutls_certificate_free_credentials(self.credentials)
        self.sock.close()

    def call(self, name, *args):
        """A function of the library that has to succeed."""
        result = getattr(self.library, "gnutls_" + name)(*args)
        assert result >= 0, f"gnutls_{name}: {self.library.gnutls_strerror(int(result)).decode()}"
        return result

    def ask(self):
        """A request and its answer."""
        message, data, answer = sip.request(), b"", None
        self.call("record_send", self.session, message, len(message))
        buffer = ctypes.create_string_buffer(65536)
        while not answer:
            count = self.call("record_recv", self.session, buffer, len(buffer))
            assert count, "the server ended the connection"
            answer, data = sip.take_answer(data + buffer.raw[:count])
        answer.check(self.offload)
        assert answer.call_id == sip.call_id(message) and not data
        if not self.answered:
            self.answered = True
            TALLY.add(answered=1, offload=self.offload)
        return answer

    def is_refused_a_renegotiation(self):
        """Asks for one; true if the answer is the warning no_renegotiation."""
        result = self.library.gnutls_handshake(self.session)
        return result == E_WARNING_ALERT_RECEIVED and \
            self.library.gnutls_alert_get(self.session) == A_NO_RENEGOTIATION
