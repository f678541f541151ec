# SPDX-License-Identifier: GPL-2.0-or-later
"""A connection that SER cannot have: the sender is told or the next branch tried, with one line in the log."""
import contextlib
import os
import re
import signal
import socket
from typing import NamedTuple

import pytest

import outbound
import peers
import server
import sip
from domains import from_file, section
from outbound import ASYNC, BOTH, FAILED, Client, lines_about


class Case(NamedTuple):
    """A peer that does not work, and what the log says of it."""
    reason: str
    kind: type = peers.Peer
    pair: str = "server"
    asks: bool = False  # for SER's certificate


CASES = {
    "mute": Case("timed out|timeout|no answer|took", peers.Mute),
    "reset": Case("reset|closed|ended", peers.ResetsAtHello),
    "expired": Case("expired", pair="expired"),
    "unknown": Case("self.signed|unknown|issuer|unable to get", pair="stranger"),
    "bulky": Case("certificates than we take", pair="bulky"),
    "wants-certificate": Case("certificate.required|handshake.failure|alert", asks=True),
}
CASE = pytest.mark.parametrize("case", CASES)


@pytest.fixture(name="pairs", scope="session")
def expired(pki):
    names = ",".join(f"DNS:one-of-too-many-{number}.example.org" for number in range(1000))
    return {"server": pki.server, "stranger": pki.stranger, "expired": pki.expired("expired", "sip.example.org"),
            "bulky": pki.make("bulky", "sip.example.org", pki.ca, (f"subjectAltName={names}",))}


def begin(share, pki, how="async"):
    """A server without a certificate of its own for outgoing connections."""
    return share(f"outbound failures {how}", **outbound.options(core=ASYNC[how], tls=from_file(
        section("server:default", pki.server, verify_client="optional", ca_list=pki.ca.cert),
        section("client:default", verify_certificate=1, ca_list=pki.ca.cert),
        xavp_cfg="tls", handshake_timeout=2)))


def bad_peer(case, pairs, pki):
    """The peer of a case. TLS 1.2, so that it refuses SER's certificate before SER thinks that all is well."""
    return case.kind(peers.context(pairs[case.pair], "1.2", ca=pki.ca if case.asks else None))


@BOTH
@CASE
def test_told(share, pki, pairs, case, how):
    """The sender has an answer; the log has a line with address and reason; it is counted."""
    ser, case = begin(share, pki, how), CASES[case]
    before = ser.command("tls.stats")
    with bad_peer(case, pairs, pki) as peer, Client(ser) as client, Client(ser) as local:
        data = outbound.message(peer)
        client.send(data)
        took = [local.local() for _ in range(20)]
        answer, = client.answers(1)
        assert answer.call_id == sip.call_id(data) and answer.status in FAILED
        assert max(took) < outbound.LOCAL
        ser.settle(lambda: lines_about(ser, peer), ser.log)
        assert not peer.seen()
        lines = lines_about(ser, peer)
        assert len(lines) == 1 and re.search(case.reason, lines[0], re.I), lines
    after = ser.command("tls.stats")
    assert {name: after[name] - before[name] for name in ("connects_failed", "connects_ok")} == \
        {"connects_failed": 1, "connects_ok": 0}
    ser.wait_idle()


@BOTH
@CASE
def test_next_branch(share, pki, pairs, case, how):
    """Has the message, once."""
    ser, case = begin(share, pki, how), CASES[case]
    with bad_peer(case, pairs, pki) as bad, peers.Peer(peers.context(pki.server)) as good, Client(ser) as client:
        for _ in range(2):
            answer = client.forward(bad, then=good)
            assert answer.status == 200 and answer.headers["X-Peer"] == str(good.address[1])
        assert not bad.seen() and len(good.seen()) == 2
    ser.wait_idle()


@BOTH
def test_refused(share, pki, how):
    """Nobody listens."""
    ser = begin(share, pki, how)
    before = ser.counters("tcp")["connect_failed"]
    nobody = outbound.closed_port()
    with peers.Peer(peers.context(pki.server)) as good, Client(ser) as client:
        assert client.forward(nobody).status in FAILED
        assert client.forward(nobody).status in FAILED
        assert client.forward(good).status == 200
    assert ser.counters("tcp")["connect_failed"] >= before + 2
    address = re.escape(nobody[4:].split(";")[0])
    assert ser.log_count(rf" (WARNING|ERROR): .*{address}.*refused") + \
        ser.log_count(rf" (WARNING|ERROR): .*refused.*{address}") >= 2, ser.log()
    ser.wait_idle()


@contextlib.contextmanager
def full_listener():
    """One whose backlog is full: further connections hang until they time out."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"sip:127.0.0.1:{listener.getsockname()[1]};transport=tls"


def test_no_connection(share, pki):
    """Its SYN is not answered: tcp_connect_timeout ends that, and nobody else waits meanwhile."""
    ser = begin(share, pki)
    before = ser.counters("tcp")["connect_failed"]
    with full_listener() as nowhere, Client(ser) as client, Client(ser) as local:
        data = outbound.message(nowhere)
        client.send(data)
        took = [local.local() for _ in range(20)]
        answer, = client.answers(1)
        assert answer.call_id == sip.call_id(data) and answer.status in FAILED
        assert max(took) < outbound.LOCAL
        ser.settle(lambda: ser.counters("tcp")["connect_failed"] > before, ser.log)
    ser.wait_idle()


@BOTH
def test_reset_after_the_handshake(share, pki, how):
    """What was sent may be lost, but not in silence; the next message opens another connection."""
    ser = begin(share, pki, how)
    with peers.ResetsAfterHandshake(peers.context(pki.server)) as peer, Client(ser) as client:
        for number in range(1, 3):
            assert client.forward(peer).status in FAILED
            ser.wait_idle()
            assert len(peer.connections) == number
    ser.wait_idle()


@BOTH
@CASE
def test_many_wait(share, pki, pairs, case, how):
    """Of all that were queued each sender is told once; nothing arrives anywhere."""
    ser, case = begin(share, pki, how), CASES[case]
    with bad_peer(case, pairs, pki) as peer:
        statuses = outbound.send_all(ser, [[outbound.message(peer) for _ in range(20)] for _ in range(4)])
        assert set(statuses.values()) <= set(FAILED) and not peer.seen()
    ser.wait_idle()


@BOTH
def test_no_descriptors(start, pki, how):
    """Whom there is none for is told; SER lives on and opens others later."""
    ser = start(**outbound.options(core=ASYNC[how], timer=1), binary=server.behind(pki, "ulimit -n 50"))
    with contextlib.ExitStack() as stack:
        some = [stack.enter_context(peers.Peer(peers.context(pki.server))) for _ in range(30)]
        client = stack.enter_context(Client(ser))
        found = [client.forward(peer).status for peer in some]
        assert found[0] == 200 and found[-1] in FAILED and set(found) <= {200, *FAILED}, found
        assert [len(peer.seen()) <= 1 for peer in some] == [True] * len(some)
        good = [peer for peer, status in zip(some, found) if status == 200]
        assert [len(peer.seen()) for peer in good] == [1] * len(good)
        for peer in good:
            peer.stop()
        ser.settle(lambda: ser.tls_connections() == 0, ser.log)
        later = stack.enter_context(peers.Peer(peers.context(pki.server)))
        assert client.forward(later).status == 200


@BOTH
def test_engine_dies(start, pki, how):
    """With the handshakes that it was at: their senders are told, and later ones are served by the next engine."""
    ser = start(**outbound.options(core=ASYNC[how]))
    ser.accept("CRITICAL: tls: the TLS engine .* died")
    with peers.Mute(peers.context(pki.server)) as mute, peers.Peer(peers.context(pki.server)) as good, \
            Client(ser) as client, Client(ser) as other:
        assert other.forward(good).status == 200
        data = outbound.message(mute)
        client.send(data)
        ser.settle(lambda: mute.connections, "nobody connects")
        engine = ser.engines()[0]["pid"]
        os.kill(engine, signal.SIGKILL)
        assert other.forward(good).status == 200
        answer, = client.answers(1)
        assert answer.call_id == sip.call_id(data) and answer.status in FAILED
        assert len(good.connections) == 1
        ser.settle(lambda: ser.engines()[0]["pid"] not in (0, engine), ser.engines)
        with peers.Peer(peers.context(pki.server)) as later:
            assert client.forward(later).status == 200
    ser.wait_idle()


@BOTH
@pytest.mark.parametrize("case", ["refused", "mute", "expired"])
def test_blocklist(start, pki, pairs, case, how):
    """As with TCP: who failed is not tried again for a while."""
    core = *ASYNC[how], "use_dst_blocklist=yes", "dst_blocklist_expire=60"
    ser = start(**outbound.options(core=core, tls=from_file(
        section("server:default", pki.server), section("client:default", verify_certificate=1, ca_list=pki.ca.cert),
        xavp_cfg="tls", handshake_timeout=2)))
    with contextlib.ExitStack() as stack:
        peer = outbound.closed_port() if case == "refused" else \
            stack.enter_context(bad_peer(CASES[case], pairs, pki))
        client = stack.enter_context(Client(ser))
        assert client.forward(peer).status in FAILED
        uri = peer if case == "refused" else peer.uri
        port = uri.split(":")[2].split(";")[0]
        ser.settle(lambda: re.search(rf"\b{port}\b", ser.text("dst_blocklist.view")), ser.log)
        tried = None if case == "refused" else len(peer.connections)
        assert client.forward(peer).status in (477, 478, 500, 503)  # at once, not by tm's timer
        assert case == "refused" or len(peer.connections) == tried
