# SPDX-License-Identifier: GPL-2.0-or-later
"""An engine that lies to its supervisor is replaced; SER and the connections that it has do not notice."""
import contextlib
import os
import re
import signal
import time

import pytest

import outbound
import peers
import sip
from faults import LOST, REACHABLE, Call
from homes import DIRECT, RELAYED
from liar import Gift, Kind, Liar, Lie
from server import core_knows

REFUSED = r"CRITICAL: tls: the TLS engine \(process \d+\) is ended: a message of it was refused, because "
FULL = "CRITICAL: tls: the TLS engine is ended: its supervisor's ring is full"
GOES_ON = r"CRITICAL: tls: the TLS engine \(process \d+\) is killed, because it did not stop accepting connections"
DEATH = r"CRITICAL: tls: (the TLS engine \(process \d+\) died \(signal 9\)|a TLS engine of an earlier configuration)"
# Wrong values for fields of a connection's message. A server has few of them, because engines that die again and
# again are started later and later.
FIELDS = {
    "numbers": {"kind": 0x1000, "order": 77, "listener": 1, "domain": 0xfffffff0},
    "listener": {"listener": 0xfffffff0, "kind": 3},
    "families": {"remote.any.sa_family": 0, "local.any.sa_family": 10, "transport_remote.any.sa_family": 1,
                 "transport_local.any.sa_family": 0xffff},
    "home": {"why": 0xff, "can_rekey": 0xff, "why_error": 1, "snapshot.home": 3},
    "keys": {"keys.role": 0xfffffff0, "keys.rx.version": 0x302, "keys.rx.aead": 0xff, "keys.rx.seq": 2**64 - 1},
    "sending keys": {"keys.tx.version": 0, "keys.tx.aead": 4, "keys.tx.seq": 2**63, "keys.tx_secret.len": 0xff},
    "sizes": {"keys.rx_secret.len": 49, "snapshot.size": 0xfffffff0, "snapshot.resumed": 0xff, "snapshot.nic": 0xff,
              "snapshot.alpn_len": 0xff},
    "texts": {"snapshot.version": 0xffff, "snapshot.cipher": 0xffff, "snapshot.description": 0xffff,
              "snapshot.server_name": 0xffff},
    "rest": {"snapshot.group": 0xffff, "snapshot.alpn": 0xffff, "snapshot.peer": 0xfffffff0,
             "snapshot.peer_len": 0xfffffff0},
    "chain": {"snapshot.chain": 0xfffffff0, "snapshot.chain_certs": 0xff},
}
GIFTS = [[Gift.NOTHING, Gift.TWICE, Gift.THREE], [Gift.PIPE, Gift.NULL_DEVICE, Gift.LISTENER, Gift.DATAGRAMS],
         [Gift.UNIX_STREAM, Gift.BLOCKING, Gift.LINGERING]]
FLOOD = 100000
LINES = 1000  # of an engine in so many seconds
PERIOD = 10
PLACE = 64  # a file's or a function's name


def number(value):
    """As a message has it."""
    return value.to_bytes(4, "little", signed=value < 0)


def logged(level, text):
    """A message with a line for the log, as from nowhere in the source."""
    return number(Kind.LOG) + number(level) + number(0) + bytes(2 * PLACE) + text + b"\0"


@pytest.fixture(name="liar", scope="module")
def make_liar(tmp_path_factory):
    return Liar(tmp_path_factory.mktemp("liar"))


@pytest.fixture(name="peer", scope="module")
def make_peer(pki):
    with peers.Peer(peers.context(pki.server)) as peer:
        yield peer


class Place:
    """A server whose engine will lie, and connections that live through it."""

    def __init__(self, ser, liar, peer, stack):
        self.ser, self.liar, self.peer = ser, liar, peer
        ser.accept(REFUSED)
        ser.accept(DEATH)
        self.settled = stack.enter_context(DIRECT[1].client(ser))
        self.sender = stack.enter_context(outbound.Client(ser))
        self.refused = self.deaths = 0
        self.check()

    def check(self):
        """Connections go on, the server takes others, and the log and the counters are as they must be."""
        self.settled.ask()
        assert self.sender.forward(self.peer).status == 200
        with DIRECT[0].client(self.ser) as client:
            client.ask()
        stats = self.ser.command("tls.stats")
        assert stats["engine_messages_refused"] == self.refused == self.ser.log_count(REFUSED), self.ser.log()
        assert stats["engine_deaths"] == self.deaths, self.ser.log()
        assert len(self.peer.connections) == 1, "the connection to the peer was lost"

    def connect(self):
        """A victim: what the engine says of it may be a lie."""
        with contextlib.suppress(*LOST), DIRECT[1].client(self.ser) as client:
            client.ask()

    def replaced(self, lie, trigger, refused=True):
        """After an order to lie the engine is replaced."""
        before = self.ser.engines()[0]
        lie(before["pid"])
        trigger()
        self.ser.settle(lambda: self.ser.engines()[0]["starts"] > before["starts"], self.ser.log)
        assert self.liar.told == 1
        self.refused += refused
        self.deaths += 1
        self.check()


@pytest.fixture(name="place")
def make_place(start, liar, peer, stack):
    del peer.connections[:]
    # Not confined, or it could not even make some of what it gives away. A long lie must not look like hanging.
    ser = start(environment=liar.environment,
                **outbound.options(tls={"engine_confinement": 0, "engine_patience": 0}))
    return Place(ser, liar, peer, stack)


@pytest.mark.parametrize("group", FIELDS)
def test_fields(place, group):
    for field, value in FIELDS[group].items():
        place.replaced(lambda pid, f=field, v=value: place.liar.overwrite(pid, f, v), place.connect)


def test_all_fields_are_tried(liar):
    assert {field for group in FIELDS.values() for field in group} == set(liar.fields)


@pytest.mark.parametrize("gifts", GIFTS, ids=lambda gifts: gifts[0].name.lower())
def test_descriptors(place, gifts):
    for gift in gifts:
        place.replaced(lambda pid, g=gift: place.liar.lie(pid, Kind.ESTABLISHED, Lie.GIVE, g), place.connect)


def test_sizes(place):
    for length in 3, 100, 500:
        place.replaced(lambda pid, n=length: place.liar.lie(pid, Kind.ESTABLISHED, Lie.CUT, length=n), place.connect)
    place.replaced(lambda pid: place.liar.lie(pid, Kind.LOG, Lie.CUT, length=150), place.connect)


def test_empty_message(place):
    """
    It looks like the end of the channel, so nobody would read what the engine says next. The descriptor that comes with
    it is closed: the victim sees the end of its connection.
    """
    place.replaced(lambda pid: place.liar.lie(pid, Kind.ESTABLISHED, Lie.HANG_UP), place.connect, refused=False)


def test_failures(place):
    def fail():
        assert place.sender.forward(outbound.closed_port()).status in outbound.FAILED
    for offset, data in (4, number(0)), (8, number(1000)), (8, number(-1)), (12, 240 * b"a"):
        place.replaced(lambda pid, o=offset, d=data: place.liar.lie(pid, Kind.FAILED, Lie.OVERWRITE, o, data=d), fail)


def test_what_nobody_asked_for(place):
    for data in (number(Kind.STOPPED), number(Kind.FAILED) + number(1) + number(0) + bytes(240),
                 logged(100, b"a")):
        place.replaced(lambda pid, d=data: place.liar.lie(pid, Kind.ESTABLISHED, Lie.SAY, count=1, data=d),
                       place.connect)


def test_stopped_twice(place):
    """An older engine that goes on with a relayed connection."""
    with RELAYED[0].client(place.ser) as client:
        client.ask()
        place.liar.lie(place.ser.engines()[0]["pid"], Kind.STOPPED, Lie.REPEAT, count=1)
        place.ser.text("tls.reload")
        place.ser.settle(lambda: place.ser.log_count("an earlier configuration"), place.ser.log)
    place.refused += 1
    place.check()


def test_goes_on_accepting(start, liar):
    """One of an older configuration that never says that it has stopped is ended, and holds up no reload."""
    ser = start(environment=liar.environment, tls={"engine_confinement": 0})
    ser.accept(GOES_ON)
    ser.accept(DEATH)
    with DIRECT[0].client(ser) as settled, RELAYED[0].client(ser) as relayed:
        settled.ask()
        relayed.ask()
        liar.lie(ser.engines()[0]["pid"], Kind.STOPPED, Lie.SWALLOW)
        assert "goes on with the configuration before" not in ser.text("tls.reload")
        assert liar.told == 1
        assert ser.log_count(GOES_ON) == 1 == ser.counter("engine_hangs")
        settled.ask()
        with pytest.raises(LOST):
            relayed.ask()
    with DIRECT[0].client(ser) as client:
        client.ask()


def test_never_says_what_became_of_a_connection(start, liar, pki):
    """That SER opens: it is ended when it has had time enough, senders are told, and the next message has a new engine."""
    ser = start(environment=liar.environment, **outbound.options(
        core=("tcp_connect_timeout=1",), tls={"engine_confinement": 0, "handshake_timeout": 1}))
    ser.accept(r"CRITICAL: tls: the TLS engine \(process \d+\) is killed, because it did not say what became of")
    ser.accept(DEATH)
    with peers.Peer(peers.context(pki.server)) as peer, outbound.Client(ser) as client:
        liar.lie(ser.engines()[0]["pid"], Kind.ESTABLISHED, Lie.SWALLOW)
        assert client.forward(peer).status == 408
        assert ser.logged(f"no connection to {peer.pattern}.*the TLS engine did not say what became of it")
        ser.settle(lambda: ser.engines()[0]["starts"] == 2, ser.log)
        assert client.forward(peer).status == 200


def test_unconnected_socket(place):
    """Honest engines hand over connections that are reset meanwhile."""
    engine = place.ser.engines()[0]
    place.liar.lie(engine["pid"], Kind.ESTABLISHED, Lie.GIVE, Gift.UNCONNECTED)
    place.connect()
    assert place.liar.told == 1
    place.check()
    assert place.ser.engines()[0]["pid"] == engine["pid"]


def test_flood_of_lines(place):
    """Most are left out, and nobody waits for the supervisor."""
    line = logged(0, b"a flood\x1b[2J\nCRITICAL: forged")
    began = time.monotonic()
    place.liar.lie(place.ser.engines()[0]["pid"], Kind.ESTABLISHED, Lie.SAY, count=FLOOD, data=line)
    place.connect()
    place.check()
    assert place.liar.finished
    lines = re.findall(r"a flood.*", place.ser.log())
    assert set(lines) == {"a flood?[2J?CRITICAL: forged"}
    assert len(lines) <= LINES * ((time.monotonic() - began) // PERIOD + 2)


def test_repeated(place):
    """Connections that SER has already, and answers that it has had."""
    place.replaced(lambda pid: place.liar.lie(pid, Kind.ESTABLISHED, Lie.REPEAT, count=5000), place.connect)
    place.replaced(lambda pid: place.liar.lie(pid, Kind.FAILED, Lie.REPEAT, count=5000),
                   lambda: place.sender.forward(outbound.closed_port()))


def test_dies_when_the_ring_is_full(start, liar, control, stack):
    """Its supervisor cannot wait for what it said before it died: another engine starts, and nobody else is killed."""
    library = f'{liar.environment["LD_PRELOAD"]}:{control.environment["LD_PRELOAD"]}'
    ser = start(environment={**liar.environment, **control.environment, "LD_PRELOAD": library}, tls=REACHABLE)
    ser.accept(FULL)
    ser.accept(DEATH)
    control.find_engine(ser)
    before = ser.engines()[0]
    stack.callback(os.kill, control.supervisor, signal.SIGCONT)
    os.kill(control.supervisor, signal.SIGSTOP)
    # A supervisor takes 64 messages at a time, and hears of a death between two times.
    liar.lie(control.engine, Kind.ESTABLISHED, Lie.SAY, count=200, data=logged(3, b"a line"))
    with control.armed(Call.RING, nth=150, supervisor=True), contextlib.suppress(*LOST), DIRECT[1].client(ser):
        ser.settle(lambda: liar.finished, "it does not lie")
        os.kill(control.engine, signal.SIGKILL)
        ser.settle(lambda: control.engine not in ser.processes(), "it does not die")
        os.kill(control.supervisor, signal.SIGCONT)
        ser.settle(lambda: ser.log_count(FULL), ser.log)
    assert control.failed == 1
    ser.settle(lambda: ser.engines()[0]["starts"] > before["starts"], ser.log)
    with DIRECT[0].client(ser) as client:
        client.ask()


def test_uses_up_memory(start, liar):
    """It hands the same connection over again and again: SER keeps the memory that it needs for itself."""
    core = ("tcp_accept_iplimit=0",) if core_knows("tcp_accept_iplimit") else ()  # its 1024 are less than memory allows
    ser = start(environment=liar.environment, tls=REACHABLE, memory=24, core=core)
    ser.accept(DEATH)
    ser.accept(r"(send2child|send_fd_queue_add)\(\): .*queue full")  # where workers get less of the processor
    with contextlib.suppress(*LOST), DIRECT[1].client(ser) as client:
        client.ask()
    with contextlib.suppress(*LOST), DIRECT[1].client(ser):
        liar.lie(ser.engines()[0]["pid"], Kind.ESTABLISHED, Lie.REPEAT, offset=1, count=2000)
        with DIRECT[1].client(ser):
            ser.settle(lambda: liar.finished, "it does not lie")
            ser.settle(lambda: ser.counter("limit_memory"), ser.log)
    assert ser.log_count(r"refused: less than 1024 KB of shared memory are free")
    assert not ser.log_count("used up")
    ser.settle(lambda: ser.tls_connections() == 0, ser.tls_connections)
    with DIRECT[0].client(ser) as client:
        client.ask()
