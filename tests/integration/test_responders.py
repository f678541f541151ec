# SPDX-License-Identifier: GPL-2.0-or-later
"""The SIP responders of bench, which are what embeds the library: on libserktls and on OpenSSL, with TLS and without."""
import contextlib
import json
import os
import signal
import ssl
import subprocess
import tempfile
import time

import pytest

import settings
import sip
import tools
from kernel import TALLY, counters
from patience import settle

BENCH = os.path.join(os.path.dirname(os.path.dirname(settings.MODULE or "")), "bench")
# Where the kernel has no records, all are in user space without being asked to.
TLS_KINDS = ["serktls", *(["serktls-user"] if settings.EXPECT == "kernel" else []), "openssl"]
KINDS = [*TLS_KINDS, "serktls-plain", "openssl-plain"]
with_tls = pytest.mark.parametrize("start", TLS_KINDS, indirect=True)


class Responder:
    """One responder. home is where the records of its connections are counted, None where nobody counts."""

    def __init__(self, kind, pki, options):
        self.name, _, variant = kind.partition("-")
        self.tls = variant != "plain"
        self.home = None if self.name != "serktls" or not self.tls else "user" if variant else settings.EXPECT
        words = ["--certificate", pki.server.cert, "--private-key", pki.server.key] if self.tls else []
        words += ["--no-ktls"] if variant == "user" else []
        before = counters()
        with tempfile.TemporaryFile("w+") as errors:
            self.process = subprocess.Popen([os.path.join(BENCH, "responder-" + self.name), *words, *options],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True)
            line = self.process.stdout.readline()
            errors.seek(0)
            assert line, errors.read()
        self.address = "127.0.0.1", json.loads(line)["port"]
        self.shaken = 0
        with self.client() as client:  # behind it the kernel was asked what it takes
            client.ask()
        TALLY.started(before)
        if self.home == settings.EXPECT:
            TALLY.made, TALLY.answered = TALLY.made - 1, TALLY.answered - 1
        self.files = self.descriptors_at_rest()

    def client(self, **options):
        """A client, not yet connected in TLS."""
        if not self.tls:
            return PlainClient(self.address, **options)
        self.shaken += 1
        return TlsClient(self.address, sip.context(), offload=self.home, **options)

    def descriptors(self):
        """How many it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def descriptors_at_rest(self):
        """Once its clients are gone and it has seen that."""
        end = time.monotonic() + settings.PATIENCE
        found = [self.descriptors()]
        while len(found) < 4 or len(set(found[-4:])) > 1:
            assert time.monotonic() < end, found
            time.sleep(0.05)
            found.append(self.descriptors())
        return found[-1]

    def settle(self):
        """Until it has no descriptor more than at first."""
        settle(lambda: self.descriptors() == self.files, lambda: f"{self.descriptors()} descriptors, at first {self.files}")

    def end(self):
        """Its last words."""
        self.settle()
        self.process.send_signal(signal.SIGTERM)
        told, _ = self.process.communicate(timeout=settings.PATIENCE)
        assert self.process.returncode == 0
        counts = json.loads(told.splitlines()[-1])
        for home in "kernel", "user":
            want = self.shaken if home == (self.home or "user") and self.tls else 0
            assert counts[home] == want, counts
        return counts


class PlainClient(sip.Wire):
    """Over TCP."""


class TlsClient(sip.TlsClient):
    """Without the headers that SER's answers have."""

    def answers(self, count):
        found = sip.Wire.answers(self, count)
        if not self.counted:
            self.counted = True
            TALLY.add(answered=1, offload=self.offload)
        return found


@pytest.fixture(params=KINDS)
def start(request, pki):  # pylint: disable=unused-argument
    """start(option...) starts a responder; it is ended with all checks."""
    own = []

    def begin(*options):
        own.append(Responder(request.param, pki, options))
        return own[-1]
    yield begin
    try:
        for responder in own:
            if responder.process.returncode is None:
                responder.end()
    finally:
        for responder in own:
            responder.process.kill()
            responder.process.communicate()


@pytest.fixture
def responder(start):
    return start()


def test_answers(responder):
    """Every request but ACK, with what an answer repeats of it."""
    with responder.client() as client:
        for method in "OPTIONS", "REGISTER", "INVITE", "MESSAGE", "FOO":
            answer = client.ask(method, body=b"x" * 1000)
            assert answer.status == 200 and answer.headers["Content-Length"] == "0"
            assert answer.headers["CSeq"].endswith(method) and answer.headers["To"].endswith(";tag=responder")
        client.send(sip.request("ACK"))
        client.send(b"\r\n\r\n" + sip.request(headers=("Route: <sip:a>,\r\n <sip:b>",)).replace(
            b"Content-Length:", b"l :").replace(b"To: <sip:test@example.org>", b"t: <sip:test@example.org>;tag=own"))
        answer, = client.answers(1)
        assert answer.headers["t"].endswith(";tag=own")
        assert not client.buffer
    assert responder.end()["answered"] == 7


def test_pieces(responder):
    """Messages do not mind how they are cut."""
    messages = [sip.request(body=b"y" * (97 * number)) for number in range(40)]
    with responder.client() as client:
        client.send(b"".join(messages))
        assert [a.call_id for a in client.answers(40)] == list(map(sip.call_id, messages))
        wire = client.seal(messages[0]) if responder.tls else messages[0]
        client.put(wire, piece=7)
        client.answers(1)
        # The middle of a record, and of a message: others go on meanwhile.
        wire = client.seal(messages[1]) if responder.tls else messages[1]
        client.put(wire[:50])
        with responder.client() as other:
            for _ in range(5):
                other.ask()
        client.put(wire[50:])
        assert client.answers(1)[0].call_id == sip.call_id(messages[1])
        client.ask(size=60000)


def test_slow_peer(responder):
    """One that never reads its answers stalls itself, and nobody else."""
    sent, message = 0, sip.request()
    with responder.client(small=True) as slow:
        slow.ask()
        slow.sock.settimeout(1)
        with contextlib.suppress(TimeoutError, ssl.SSLWantWriteError):
            while sent < 64 << 20:
                slow.send(message * 100)
                sent += 100 * len(message)
        assert sent < 64 << 20, "it reads on, and keeps what it cannot send"
        with responder.client() as other:
            for _ in range(50):
                other.ask()
        slow.reset()
    with responder.client() as other:
        other.ask()


@pytest.mark.parametrize("garbage", [
    b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100, b"OPTIONS sip:a SIP/2.0\r\nno colon\r\n\r\n",
    b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n", b"OPTIONS sip:a SIP/2.0\r\nContent-Length: x\r\n\r\n",
    sip.request().replace(b"Content-Length: 0", b"Content-Length: 70000"), b"x" * 70000,
    sip.request().replace(b"Content-Length: 0\r\n", b""), sip.request() + b":\r\n\r\n",
], ids=range(9))
def test_garbage(responder, garbage):
    """Ends the connection, behind the answer to what came before."""
    with responder.client() as client:
        message = sip.request()
        client.send(message + garbage)
        assert sip.take_answer(client.receive())[0].call_id == sip.call_id(message)
        with contextlib.suppress(sip.Ended, ConnectionError):
            while True:
                client.receive()
    with responder.client() as other:
        other.ask()


@with_tls
def test_garbage_for_a_handshake(responder):
    for garbage in b"OPTIONS sip:a SIP/2.0\r\n\r\n", b"\x16\x03\x01\x40\x00" + b"x" * 0x4000, b"\x16\x03\x01":
        with sip.Wire(responder.address) as wire:
            wire.put(garbage)
            wire.sock.shutdown(sip.socket.SHUT_WR)
            assert wire.end() in ("fin", "reset")
    with responder.client() as client:
        client.ask()
    assert responder.end()["handshakes_failed"] == 3


@pytest.mark.parametrize("goodbye", [True, False], ids=["close_notify", "fin"])
def test_half_closed(responder, goodbye):
    """What was asked before the end is answered; then it ends, too."""
    with responder.client() as client:
        client.ask()
        message = sip.request() * 5
        wire = client.seal(message) if responder.tls else message
        if responder.tls and goodbye:
            with contextlib.suppress(ssl.SSLWantReadError):
                client.tls.unwrap()
            wire += client.outgoing.read()
        client.put(wire)
        client.sock.shutdown(sip.socket.SHUT_WR)
        if not (responder.tls and goodbye):  # Python's reads nothing behind its own close_notify
            assert len(client.answers(5)) == 5
        if responder.tls and not goodbye:
            assert client.end() == "close_notify"
        else:
            assert sip.Wire.end(client) == "fin"
    assert responder.end()["answered"] == 7


def test_reset(responder):
    for _ in range(20):
        with responder.client() as client:
            client.ask()
            client.reset()
    with responder.client() as client:
        client.ask()


def test_idle(start):
    """Silent peers are closed, in the middle of a handshake, too."""
    responder = start("--idle", "1")
    with sip.Wire(responder.address) as silent, responder.client() as client:
        client.ask()
        assert client.end() == ("close_notify" if responder.tls else "fin")
        assert silent.end() in ("fin", "reset")
    with responder.client() as client:
        client.ask()


def test_limit_of_peers(start):
    responder = start("--peers", "3")
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(responder.client()).ask()
        with sip.Wire(responder.address) as refused:
            assert refused.end() in ("fin", "reset")
    responder.settle()
    with responder.client() as client:
        client.ask()


def test_many_at_once(responder):
    """The load generator, which is OpenSSL's, checks every answer."""
    load = [os.path.join(BENCH, "load"), "closed", "--to", "127.0.0.1:{}".format(responder.address[1]), "--seconds", "1",
            "--connections", "20", "--body", "3000"]
    responder.shaken += 20
    if responder.home == settings.EXPECT:
        TALLY.add(made=20, answered=20)
    done = subprocess.run([*load, *(["--tls"] if responder.tls else [])], capture_output=True, text=True, check=True,
                          timeout=settings.PATIENCE)
    result = json.loads(done.stdout)
    assert result["messages"] >= 20 and result["errors"] == 0, done


@with_tls
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_openssl(responder, version):
    """s_client; where its kernel can, the responder follows a change of keys and changes its own."""
    updates = version == "1.3" and (responder.home != "kernel" or os.environ.get("EXPECT_REKEY"))
    responder.shaken += 1
    if responder.home == settings.EXPECT:
        TALLY.add(answered=1)
    with tools.Command(["openssl", "s_client", "-connect", f"127.0.0.1:{responder.address[1]}",
                        "-tls" + version.replace(".", "_")], responder.home) as client:
        for number in range(1, 4):
            client.type(sip.request())
            client.wait_for(b"SIP/2.0 200 OK\r\n", number)
            if updates:
                client.type(b"K\n")
                client.wait_for(b"KEYUPDATE\n", number)
