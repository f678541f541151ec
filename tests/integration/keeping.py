# SPDX-License-Identifier: GPL-2.0-or-later
"""The program ser-ktls-keeper, the messages that it speaks, and TLS connections to be kept: made by the standard
library, so that the form of a record is written down a second time."""
import hashlib
import hmac
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading

import settings

KEEP, TAKE, NO_MORE = 1, 2, 3
MAGIC, VERSION = 0x534b6570, 1
MESSAGE_MAX = 192 * 1024
# A suite's number in a stream's state, its key's length and its hash.
SUITES = {"TLS_AES_128_GCM_SHA256": (0, 16, "sha256"), "TLS_AES_256_GCM_SHA384": (1, 32, "sha384"),
          "TLS_CHACHA20_POLY1305_SHA256": (2, 32, "sha256")}


def program():
    """Beside the module, in the folder of the build or in the one where it is installed."""
    built = os.path.join(os.path.dirname(settings.MODULE), "..", "keeper", "ser-ktls-keeper")
    return built if os.path.exists(built) else shutil.which("ser-ktls-keeper", path="/usr/local/sbin:/usr/sbin")


def header(kind, magic=MAGIC, version=VERSION):
    """Of a message."""
    return struct.pack("=IHH", magic, version, kind)


class Keeper:
    """A running keeper; `with` ends it."""

    def __init__(self, path, *options, **how):
        self.path, self.lines, self.news = path, [], threading.Condition()
        self.process = subprocess.Popen([program(), *options, path], stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}, **how)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def __enter__(self):
        self.says("ready at ")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def read(self):
        """Collects the log."""
        with self.process.stderr as log:
            for line in log:
                with self.news:
                    self.lines.append(line.rstrip("\n"))
                    self.news.notify_all()
        with self.news:
            self.lines.append("(end)")
            self.news.notify_all()

    def says(self, pattern):
        """Waits for a line that has the pattern in it, and returns the match."""
        def found():
            return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)

        with self.news:
            assert self.news.wait_for(lambda: found() or "(end)" in self.lines, settings.PATIENCE), \
                f"no line has {pattern}:\n" + "\n".join(self.lines)
            assert found(), f"no line has {pattern}:\n" + "\n".join(self.lines)
            return found()

    def stop(self):
        """With SIGTERM. Returns its exit status."""
        self.process.terminate()
        return self.process.wait(settings.PATIENCE)


class Visit(socket.socket):
    """A connection to a keeper, as a SER has one."""

    def __init__(self, keeper):
        super().__init__(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.settimeout(settings.PATIENCE)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MESSAGE_MAX)
        self.connect(keeper.path)

    def say(self, message, *sockets):
        """One message with these sockets."""
        socket.send_fds(self, [message], [one.fileno() for one in sockets])

    def keep(self, record, connection):
        """Leaves a connection and closes our side of it."""
        self.say(header(KEEP) + record, connection)
        connection.close()

    def ask(self):
        """For all that is kept."""
        self.say(header(TAKE))

    def take_one(self):
        """The next record and its socket, or None when there are no more."""
        message, fds, *_ = socket.recv_fds(self, MESSAGE_MAX + 1, 2)
        if message == header(NO_MORE):
            assert not fds
            return None
        assert message[:8] == header(KEEP) and len(fds) == 1
        return message[8:], socket.socket(fileno=fds[0])

    def take_all(self):
        """What is left to come."""
        return list(iter(self.take_one, None))

    def is_sent_away(self):
        """Waits until the keeper has closed its side."""
        try:
            return self.recv(1) == b""
        except ConnectionResetError:
            return True


def tcp_pair():
    """Both ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    client.settimeout(settings.PATIENCE)
    return client, server


def with_length(content):
    """With its length in front."""
    return struct.pack(">I", len(content)) + content


def address(host, port):
    """IPv4 only."""
    return struct.pack(">B16sHI", 4, socket.inet_aton(host), port, 0)


def record(stream, why=1, home=0, unread=b"", data=b"\0" * 8):
    """Of a connection that came in; data are the texts of its snapshot."""
    snapshot = struct.pack("=IiQIHBBBB6H2xIII", 52 + len(data), 0, 0x1234, 7, 256, home, 0, 0, 0, *[0] * 6, 0, 0, 0)
    addresses = b"".join(address("192.0.2.1", 5061) for _ in range(5))
    texts = b"".join(with_length(text + b"\0") for text in (b"server:default", b"", b""))
    return b"".join([struct.pack(">I", 1700000000), with_length(snapshot + data), struct.pack(">BBH", 0, why, 0), addresses,
                     texts, b"\0", with_length(b""), with_length(stream), with_length(unread)])


def expand(secret, label, length, hash_):
    """HKDF-Expand-Label of RFC 8446 7.1 without a context, for one block."""
    info = struct.pack(">HB", length, 6 + len(label)) + b"tls13 " + label + b"\0"
    return hmac.digest(secret, info + b"\1", hash_)[:length]


def key(suite, secret):
    """A direction of a stream's state."""
    aead, length, hash_ = SUITES[suite]
    return struct.pack(">HB32s12sQB48s", 0x304, aead, expand(secret, b"key", length, hash_),
                       expand(secret, b"iv", 12, hash_), 0, len(secret), secret)


def stream_state(suite, their_secret, our_secret):
    """Of a server's TLS 1.3 stream in user space, right after its handshake."""
    return struct.pack(">HBBHBBBBHBBQ4sBI", 1, 0, 0, 0x304, 0, 0, 0, 0, 0, 0, 0, 0, b"", 0, 0) + \
        key(suite, their_secret) + key(suite, our_secret) + with_length(b"") + with_length(b"")


def secrets(keylog):
    """Those of the two sides' application data."""
    with open(keylog, encoding="ascii") as lines:
        found = {line.split()[0]: bytes.fromhex(line.split()[2]) for line in lines if line[0] != "#"}
    return found["CLIENT_TRAFFIC_SECRET_0"], found["SERVER_TRAFFIC_SECRET_0"]


def tls_pair(pki, folder):
    """A client that has shaken hands, its server's socket, and the record of that."""
    folder.mkdir(exist_ok=True)
    keylog = folder / f"keys-{len(os.listdir(folder))}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.server.cert, pki.server.key)
    context.num_tickets, context.minimum_version = 0, ssl.TLSVersion.TLSv1_3
    context.keylog_filename = os.fspath(keylog)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_tls = context.wrap_bio(incoming, outgoing, server_side=True)
    plain, server = tcp_pair()
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(pki.ca.cert)
    client = trusting.wrap_socket(plain, server_hostname=pki.server.name, do_handshake_on_connect=False,
                                  suppress_ragged_eofs=False)
    shaking = threading.Thread(target=client.do_handshake)
    shaking.start()
    shaken = False
    while not shaken:
        try:
            server_tls.do_handshake()
            shaken = True
        except ssl.SSLWantReadError:
            server.sendall(outgoing.read())
            incoming.write(server.recv(65536))
    shaking.join()
    return client, server, record(stream_state(server_tls.cipher()[0], *secrets(keylog)))
