# SPDX-License-Identifier: GPL-2.0-or-later
"""A SIP client over TLS. Records are made in memory: a test decides what goes on the wire in which piece."""
import itertools
import os
import re
import select
import socket
import ssl
import struct
import time

import settings
from kernel import TALLY

NUMBERS = itertools.count(1)
RECORD = 16384  # the most plaintext a TLS record holds


class Ended(Exception):
    """The server ended the connection where an answer was due."""


def request(method="OPTIONS", body=b"", headers=(), size=None, transport="TLS"):
    """A request with its own Call-ID, branch and CSeq; size fills the body up to that many bytes in all."""
    number = next(NUMBERS)
    lines = [f"{method} sip:test@127.0.0.1 SIP/2.0",
             f"Via: SIP/2.0/{transport} 127.0.0.1:9;rport;branch=z9hG4bK{os.getpid()}-{number}",
             "From: <sip:client@example.org>;tag=t", "To: <sip:test@example.org>",
             f"Call-ID: {number}-{os.getpid()}@example.org", f"CSeq: {number} {method}", "Max-Forwards: 9",
             *headers]
    if size:
        lines.append("Content-Type: text/plain")
        body = b"x" * (size - len("\r\n".join(lines)) - len("\r\nContent-Length: 12345\r\n\r\n"))
        assert 10000 <= len(body) <= 99999, "the length is written with five digits"
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def call_id(message):
    """Of a request or an answer, as bytes."""
    start = message.index(b"Call-ID: ")
    return message[start:message.index(b"\r\n", start)]


class Answer:
    """A SIP response."""

    def __init__(self, head, body):
        lines = head.decode().split("\r\n")
        self.raw, self.body, self.status = head + b"\r\n\r\n" + body, body, int(lines[0].split(" ")[1])
        self.headers = dict(line.split(": ", 1) for line in lines[1:])

    @property
    def call_id(self):
        """As call_id() gives it."""
        return call_id(self.raw)

    def select(self, name):
        """The value the script saw, None where it was not defined."""
        value = self.headers["X-" + name]
        assert value[0] in "HN"
        return bytes.fromhex(value[1:]).decode() if value[0] == "H" else None

    def check(self, offload=settings.EXPECT):
        """It is a good one, and the connection's keys are where they have to be."""
        assert self.status == 200
        where = self.select("tls.offload")
        assert where == offload, f"records are in {where} where {offload} was expected"


def take_parts(buffer):
    """The head of the first message in a buffer, its body and the rest; None, None where it is not complete."""
    head, blank, rest = buffer.partition(b"\r\n\r\n")
    if not blank:
        return None, None, buffer
    found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
    assert found, f"no length in {buffer[:500]}"
    length = int(found[1])
    return (head, rest[:length], rest[length:]) if len(rest) >= length else (None, None, buffer)


def take_answer(buffer):
    """The first answer in a buffer and the rest; None where it is not complete."""
    head, body, rest = take_parts(buffer)
    if head is None:
        return None, buffer
    assert head.startswith(b"SIP/2.0 "), f"not an answer: {buffer[:100]}"
    return Answer(head, body), rest


def context(pair=None, version=None, ciphers=None):
    """A client's settings: own certificate, "1.2" or "1.3" only, suites of TLS 1.2."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # Python's default takes a bare FIN for a close_notify
    if pair:
        made.load_cert_chain(pair.cert, pair.key)
    if version:
        made.minimum_version = made.maximum_version = {
            "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    if ciphers:
        made.set_ciphers(ciphers)
    return made


class Wire:
    """
    A TCP connection, from a source address on request; every wait has an end. small: segments of a usual network,
    and a buffer that does not grow, so that the sockets take some hundred kilobytes that nobody reads; on loopback
    they take megabytes.
    """

    def __init__(self, address, source=None, preamble=b"", small=False):
        self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.sock.settimeout(settings.PATIENCE)
        if small:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        try:
            if source:
                self.sock.bind((source, 0))
            self.sock.connect(address)
        except BaseException:
            self.sock.close()
            raise
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if preamble:
            self.put(preamble)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def put(self, data, piece=None):
        """Sends bytes as they are, on request in small TCP segments."""
        if not piece:
            self.sock.sendall(data)
            return
        for number, start in enumerate(range(0, len(data), piece)):
            self.sock.sendall(data[start:start + piece])
            if number % 5 == 4:
                time.sleep(0.001)  # lets the other side run, so it sees pieces

    def send(self, data):
        """Sends a message or several."""
        self.put(data)

    def receive(self):
        """Some bytes the server's SIP side sent."""
        data = self.sock.recv(65536)
        if not data:
            raise Ended("fin")
        return data

    def answers(self, count):
        """That many answers, in the order they come."""
        found = []
        while len(found) < count:
            answer, self.buffer = take_answer(self.buffer)
            if answer:
                found.append(answer)
            else:
                self.buffer += self.receive()
        return found

    def ask(self, method="OPTIONS", **kwargs):
        """Sends one request and checks that the next thing to come is its answer."""
        message = request(method, **kwargs)
        self.send(message)
        answer, = self.answers(1)
        assert answer.call_id == call_id(message)
        return answer

    def ask_all(self, messages, send):
        """send() puts the messages on the wire; each is answered once, in any order, and nothing else."""
        send()
        found = self.answers(len(messages))
        assert sorted(a.call_id for a in found) == sorted(map(call_id, messages))
        self.ask("MESSAGE")  # an answer too many would come before this one's
        assert not self.buffer
        return found

    def end(self, within=settings.PATIENCE):
        """Waits until the server ends the TCP connection: "fin" or "reset"."""
        last = time.monotonic() + within
        while True:
            left = last - time.monotonic()
            assert left > 0, f"not closed within {within} s"
            self.sock.settimeout(left)
            try:
                if not self.sock.recv(65536):
                    return "fin"
            except ConnectionError:
                return "reset"
            except TimeoutError:
                pass

    def silent(self, seconds=0.5):
        """Nothing comes from the server for that long, not its end either."""
        return not select.select([self.sock], [], [], seconds)[0]

    def reset(self):
        """Ends the connection with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class TlsClient(Wire):
    """
    A TLS connection over a Wire. Entering it as a context does the handshake unless it was done. offload is
    where the server must have its records, if not where it has to have all that can be there.
    """

    def __init__(self, address, settings_of_client=None, session=None, offload=settings.EXPECT, source=None,
                 preamble=b"", server_name=None, small=False):
        super().__init__(address, source, preamble, small)
        self.offload = offload
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (settings_of_client or context()).wrap_bio(self.incoming, self.outgoing, session=session,
                                                                       server_hostname=server_name)
        self.shaken = self.counted = False

    def __enter__(self):
        try:
            if not self.shaken:
                self.handshake()
        except BaseException:
            self.sock.close()
            raise
        return self

    def flush(self, piece=None):
        """Puts the records made so far on the wire."""
        data = self.outgoing.read()
        if data:
            self.put(data, piece)

    def feed(self):
        """Takes bytes from the wire."""
        data = self.sock.recv(65536)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def hello(self):
        """Sends the first flight of the handshake, and no more of it."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self.flush()
        return self

    def handshake(self, hold=False, piece=None):
        """To its end; hold keeps the last flight back, piece cuts flights in small segments."""
        TALLY.add(made=1, offload=self.offload)
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush(piece)
                self.feed()
            except ssl.SSLError:
                self.flush()  # our alert
                raise
        self.shaken = True
        if not hold:
            self.flush(piece)
        return self

    def seal(self, data):
        """The records of one write."""
        self.tls.write(data)
        return self.outgoing.read()

    def send(self, data):
        self.put(self.seal(data))

    def receive(self):
        while True:
            try:
                data = self.tls.read(65536)
                self.flush()
                if not data:
                    raise Ended("close_notify")
                return data
            except ssl.SSLWantReadError:
                self.flush()
                self.feed()
            except ssl.SSLError as error:
                if error.reason == "UNEXPECTED_EOF_WHILE_READING" or isinstance(error, ssl.SSLEOFError):
                    raise Ended("fin") from None
                raise

    def answers(self, count):
        found = super().answers(count)
        if not self.counted:
            self.counted = True
            TALLY.add(answered=1, offload=self.offload)
        for answer in found:
            answer.check(self.offload)
        return found

    def end(self, within=settings.PATIENCE):
        """Waits until the server ends the connection: "close_notify", "fin", "reset" or "alert NAME"."""
        last = time.monotonic() + within
        try:
            while True:
                left = last - time.monotonic()
                assert left > 0, f"not closed within {within} s"
                self.sock.settimeout(left)
                assert not self.receive(), "data where the connection was to end"
        except TimeoutError:
            raise AssertionError(f"not closed within {within} s") from None
        except ConnectionError:
            return "reset"
        except Ended as ended:
            how = str(ended)
        except ssl.SSLError as error:
            how = "alert " + (error.reason or "")
        if how != "fin":
            super().end(max(1, last - time.monotonic()))  # after its last record the TCP connection goes, too
        return how

    def close(self):
        """close_notify, then FIN."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass  # the server's own close_notify need not come
        self.flush()
        self.sock.close()
