# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers that SER opens connections to: a SIP server of Python's ssl module with good and bad manners."""
import contextlib
import socket
import ssl
import struct
import threading

import settings
import sip
from kernel import TALLY


class Request:
    """What SER forwarded."""

    def __init__(self, head, body):
        self.lines, self.body = head.decode().split("\r\n"), body
        self.method = self.lines[0].split(" ")[0]
        self.headers = dict(line.split(": ", 1) for line in reversed(self.lines[1:]))

    @property
    def call_id(self):
        """As sip.call_id() gives it."""
        return b"Call-ID: " + self.headers["Call-ID"].encode()

    def answer(self, status=200, headers=()):
        """Bytes of a response."""
        lines = [f"SIP/2.0 {status} From the peer"]
        for line in self.lines[1:]:
            name = line.split(":")[0]
            if name in ("Via", "From", "Call-ID", "CSeq", "Record-Route"):
                lines.append(line)
            elif name == "To":
                lines.append(line + ";tag=p")
        return "\r\n".join([*lines, *headers, "Content-Length: 0", "", ""]).encode()


def take_request(buffer):
    """The first request in a buffer and the rest; None where it is not complete."""
    head, body, rest = sip.take_parts(buffer)
    return (Request(head, body), rest) if head is not None else (None, buffer)


class Connection:
    """One that SER made."""

    def __init__(self, peer, sock, source):
        self.peer, self.raw, self.source = peer, sock, source[:2]
        self.tls = None
        self.certificate = None  # the common name in SER's, None where it showed none
        self.reused = None  # whether a session was resumed
        self.name = None  # what SER asked for (SNI)
        self.failed = ""  # why there was no handshake
        self.end = ""  # how SER ended it: "close_notify", "fin" or "reset"
        self.requests, self.answers, self.buffer = [], 0, b""
        self.ended = threading.Event()

    def handshake(self):
        """As a server."""
        TALLY.add(made=1, offload=self.peer.offload)
        self.tls = self.peer.context.wrap_socket(self.raw, server_side=True, do_handshake_on_connect=False)
        self.tls.connection = self
        self.tls.do_handshake()
        self.reused = self.tls.session_reused
        subject = dict(pair for part in (self.tls.getpeercert() or {}).get("subject", ()) for pair in part)
        self.certificate = subject.get("commonName")

    def receive(self):
        """The next request or response, None at the end."""
        while True:
            message, self.buffer = take_request(self.buffer)
            if message:
                break
            try:
                data = self.tls.recv(65536)
            except ssl.SSLZeroReturnError:  # the same, once our own close_notify is out
                data = b""
            if not data:
                self.end = "close_notify"
                return None
            self.buffer += data
        if not self.requests:
            TALLY.add(answered=1, offload=self.peer.offload)
        with self.peer.lock:
            self.requests.append(message)
        return message

    def answer(self, request, **kwargs):
        """Sends a response."""
        self.tls.sendall(request.answer(headers=[f"X-Peer: {self.peer.address[1]}"], **kwargs))
        self.answers += 1

    def close(self):
        """close_notify, then FIN."""
        with contextlib.suppress(OSError, ssl.SSLError):
            self.tls.settimeout(0.01)
            self.tls.unwrap()
        self.tls.close()

    def reset(self):
        """Ends it with RST."""
        sock = self.tls or self.raw
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


def context(pair, version=None, ciphers=None, ca=None, require=True):
    """A server's settings; with ca it asks for a certificate and may do without."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pair.cert, pair.key)
    made.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if ca:
        made.load_verify_locations(ca.cert)
        made.verify_mode = ssl.CERT_REQUIRED if require else ssl.CERT_OPTIONAL
    if version:
        made.minimum_version = made.maximum_version = {
            "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    if ciphers:
        made.set_ciphers(ciphers)

    def asked(tls, name, _):
        tls.connection.name = name
    made.sni_callback = asked
    return made


class Peer:
    """
    Answers every request with 200. offload is where SER has to have the records. Entered as a context it listens; at
    its end nobody may have seen what it did not expect.
    """

    receive_buffer = None  # bytes, where it is not the kernel's to choose

    def __init__(self, made, host="127.0.0.1", offload=settings.EXPECT, backlog=200):
        self.context, self.offload = made, offload
        self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if self.receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, 0))
        self.address = self.listener.getsockname()[:2]
        self.lock, self.stopping, self.errors, self.connections, self.threads = (
            threading.Lock(), threading.Event(), [], [], [])
        self.listener.listen(backlog)

    def __enter__(self):
        self.run(self.accept)
        return self

    def __exit__(self, kind, *_):
        self.stop()
        assert kind or not self.errors, self.errors

    def run(self, what, *args):
        """In a thread of its own."""
        thread = threading.Thread(target=what, args=args, daemon=True)
        self.threads = [one for one in self.threads if one.is_alive()] + [thread]
        thread.start()

    def stop(self):
        """Closes everything."""
        self.stopping.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                (connection.tls or connection.raw).shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(settings.PATIENCE)
            assert not thread.is_alive(), "a peer does not end"

    def accept(self):
        """Connections, until it is stopped."""
        while True:
            try:
                sock, source = self.listener.accept()
            except OSError:
                return
            sock.settimeout(6 * settings.PATIENCE)  # between requests, too
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock, source)
            with self.lock:
                self.connections.append(connection)
            self.run(self.serve, connection)

    def is_spare(self, connection):
        """With tcp_async=no the core connects for each message until it knows of a connection; SER uses one of them."""
        with contextlib.suppress(ConnectionError):
            if connection.raw.recv(1, socket.MSG_PEEK):
                return False
            with self.lock:
                self.connections.remove(connection)
            return True
        return False

    def serve(self, connection):
        """One connection."""
        try:
            if self.is_spare(connection):
                return
            try:
                self.greet(connection)
            except (ssl.SSLError, ConnectionError, TimeoutError) as error:
                connection.failed = getattr(error, "reason", None) or repr(error)
                return
            self.talk(connection)
        except (ConnectionError, TimeoutError):
            connection.end = "reset"
        except Exception as error:  # pylint: disable=broad-except
            if isinstance(error, ssl.SSLEOFError) or getattr(error, "reason", "") == "UNEXPECTED_EOF_WHILE_READING":
                connection.end = "fin"
            elif not self.stopping.is_set():
                self.errors.append(repr(error))
        finally:
            with contextlib.suppress(OSError):
                (connection.tls or connection.raw).close()
            connection.ended.set()

    def greet(self, connection):
        """The handshake."""
        connection.handshake()

    def talk(self, connection):
        """What comes after it."""
        while True:
            message = connection.receive()
            if not message:
                return
            if message.method != "SIP/2.0":
                self.react(connection, message)

    def react(self, connection, request):
        """To a request."""
        connection.answer(request)

    @property
    def uri(self):
        """For SER's script."""
        host, port = self.address
        return f"sip:{'[%s]' % host if ':' in host else host}:{port};transport=tls"

    @property
    def pattern(self):
        """How a log names it."""
        host, port = self.address
        return rf"\[?{host}\]?:{port}\b"

    def seen(self):
        """The Call-IDs of all requests so far, connection by connection."""
        with self.lock:
            return [request.call_id for one in self.connections for request in one.requests
                    if request.method != "SIP/2.0"]


class Slow(Peer):
    """Reads nothing for some time before its handshake."""
    seconds = 2

    def greet(self, connection):
        if self.stopping.wait(self.seconds):
            raise ConnectionError("the test is over")
        connection.handshake()


class Mute(Peer):
    """Says nothing until SER goes away."""

    def greet(self, connection):
        while connection.raw.recv(65536):
            pass
        raise ConnectionError("SER ended it")


class ResetsAtHello(Peer):
    """Sends RST once it has read something."""

    def greet(self, connection):
        connection.raw.recv(65536)
        connection.reset()
        raise ConnectionError("reset by myself")


class ResetsAfterHandshake(Peer):
    """Sends RST in place of its first answer."""

    def talk(self, connection):
        connection.receive()
        connection.reset()


class Closes(Peer):
    """Ends the connection after each answer."""

    def react(self, connection, request):
        connection.answer(request)
        connection.close()
        raise ConnectionError("closed by myself")


class HalfCloses(Peer):
    """Answers, ends its direction, and reads on."""

    def react(self, connection, request):
        connection.answer(request)
        with contextlib.suppress(TimeoutError):
            connection.tls.settimeout(0.01)
            connection.tls.unwrap()
        socket.socket.shutdown(connection.tls, socket.SHUT_WR)
        connection.tls.settimeout(6 * settings.PATIENCE)


class SlowReader(Peer):
    """Reads a little at a time and answers what it has read."""
    pause = 0.05

    def react(self, connection, request):
        self.stopping.wait(self.pause)
        connection.answer(request)


class StopsReading(Peer):
    """Answers the first request and reads nothing more until go is set."""
    receive_buffer = 8192

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.go = threading.Event()

    def react(self, connection, request):
        connection.answer(request)
        while not self.go.wait(0.1) and not self.stopping.is_set():
            pass
