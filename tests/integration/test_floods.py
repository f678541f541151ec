# SPDX-License-Identifier: GPL-2.0-or-later
"""Crowds that take all places for handshakes, with the default limits: a client who wants to talk gets through."""
import contextlib
import itertools
import multiprocessing
import os
import select
import signal
import socket
import ssl
import struct

import pytest

import settings
import sip

CLIENT = "127.0.0.9"  # of the one who wants to talk
CROWD = 2500  # connections at once; there are 1024 places
GIVES_WAY = "WARNING: tls: connection from {}:[0-9]+ closed to make room for others: its host has [0-9]+ that {}, " \
            r"and places for handshakes are short \(max_handshakes 1024\)$"
POLICIES = pytest.mark.parametrize("policy", ["wait", "refuse"])


def first_flight():
    """A ClientHello."""
    out = sip.context().wrap_bio(ssl.MemoryBIO(), made := ssl.MemoryBIO())
    with contextlib.suppress(ssl.SSLWantReadError):
        out.do_handshake()
    return made.read()


def header(source):
    """Of a proxy that speaks for this address."""
    family, other = ("TCP6", "2001:db8:ffff::1") if ":" in source else ("TCP4", "198.51.100.1")
    return f"PROXY {family} {source} {other} 1234 5061\r\n".encode()


FORK = multiprocessing.get_context("fork")


class Crowd:
    """
    Connections from some addresses that are opened again when they are closed, and say what they are told. They are in
    a process of their own: the honest client must not wait for Python.
    """

    def __init__(self, address, sources, proxied=False, slow=False):
        self.address, self.proxied, self.slow, self.hello = address, proxied, slow, first_flight()
        self.sources = itertools.cycle(sources)
        self.open, self.said, self.count, self.poll = {}, {}, FORK.Value("L"), None
        self.process = FORK.Process(target=self.run, daemon=True)

    @property
    def opened(self):
        """How many so far."""
        return self.count.value

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        assert self.process.is_alive(), "the crowd has ended"
        self.process.kill()
        self.process.join()

    def connect(self):
        """One more, if the system has a port for it."""
        sock = socket.socket(socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET)
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            if not self.proxied:
                sock.bind((next(self.sources), 0))
            sock.connect(self.address)
        self.open[sock.fileno()], self.said[sock.fileno()] = sock, 0
        self.poll.register(sock.fileno(), select.EPOLLRDHUP | (select.EPOLLOUT if self.proxied else 0))
        self.count.value += 1

    def happened(self, descriptor, events):
        """It was closed; or it is connected and sends its PROXY header."""
        if events & ~select.EPOLLOUT:
            self.poll.unregister(descriptor)
            self.open.pop(descriptor).close()
        else:
            self.poll.modify(descriptor, select.EPOLLRDHUP)
            with contextlib.suppress(OSError):
                self.open[descriptor].send(header(next(self.sources)))

    def run(self):
        """Until it is killed."""
        self.poll = select.epoll()
        while True:
            with contextlib.suppress(OSError):
                while len(self.open) < CROWD:
                    self.connect()
            for descriptor, events in self.poll.poll(0.2, CROWD):
                self.happened(descriptor, events)
            for descriptor, sock in self.open.items() if self.slow else ():
                with contextlib.suppress(OSError):
                    self.said[descriptor] += sock.send(self.hello[self.said[descriptor]:][:1])


def check_served(ser, crowd, source=CLIENT, preamble=b""):
    """Again and again, while the crowd is sent away and comes again."""
    ser.settle(lambda: crowd.opened > 2 * CROWD, lambda: f"{crowd.opened} opened")
    for _ in range(10):
        serve_one(ser, source, preamble)


def serve_one(ser, source, preamble, tries=3):
    """One who was held up, by a busy machine, longer than it may say nothing comes again, as a phone does."""
    for attempt in range(tries):
        try:
            with sip.TlsClient(ser.address(), source=source, preamble=preamble) as client:
                client.ask()
            return
        except OSError:
            if attempt == tries - 1:
                raise


ONE, MANY = ["127.0.2.1"], [f"127.0.2.{number}" for number in range(1, 51)]


@POLICIES
@pytest.mark.parametrize("slow", [False, True], ids=["silent", "slow"])
@pytest.mark.parametrize("sources", [ONE, MANY], ids=["one", "many"])
def test_crowd(start, sources, slow, policy):
    """Of one address and of fifty, silent or with a byte of a ClientHello at a time."""
    ser = start(tls={"limit_policy": policy})
    with Crowd(ser.address(), sources, slow=slow) as crowd:
        check_served(ser, crowd)
        # On a slow machine all of them may have said their first byte.
        ser.settle(lambda: ser.counter("evicted_slow" if slow else "evicted_silent"), "nobody was sent away")
    assert ser.logged(GIVES_WAY.format(r"127\.0\.2\.[0-9]+", "(send nothing|are slow)"))
    assert not ser.log_count(f"{CLIENT}.*refused")
    assert policy == "refuse" or not ser.log_count("refused") and ser.counter("limit_handshakes") == 0


@POLICIES
def test_crowd_over_ipv6(start, policy):
    """Listeners have their places in common."""
    ser = start(tls={"limit_policy": policy}, listen=("tls:127.0.0.1", "tls:[::1]"))
    with Crowd(ser.address(1), ["::1"]) as crowd:
        check_served(ser, crowd)
    assert ser.logged(GIVES_WAY.format(r"\[::1\]", "(send nothing|are slow)"))
    assert not ser.log_count(f"{CLIENT}.*refused")


@POLICIES
def test_crowd_that_stops_half_way(start, stack, policy):
    """With whole ClientHellos, from which on the server waits longer."""
    ser = start(tls={"limit_policy": policy, "max_handshakes": 32})
    hello = first_flight()
    for number in range(32):
        wire = stack.enter_context(sip.Wire(ser.address(), source=f"127.0.2.{number % 2 + 1}"))
        wire.put(hello)
    ser.settle(lambda: ser.engines()[0]["handshakes"] > 24, ser.engines)
    for _ in range(10):
        serve_one(ser, CLIENT, b"", tries=1)


ONE_NET, MANY_NETS = [f"2001:db8::{number}" for number in range(1, 51)], [f"2001:db8:{n}::1" for n in range(1, 51)]


@pytest.mark.parametrize("sources, policy", [(ONE, "wait"), (MANY, "refuse"), (ONE_NET, "refuse"), (MANY_NETS, "wait")],
                         ids=["one", "many", "one-net", "many-nets"])
def test_crowd_behind_a_proxy(start, sources, policy):
    """The crowd and the client have the proxy's address in common; IPv6 counts by /64."""
    honest = "2001:db8:aaaa::1" if ":" in sources[0] else "192.0.2.1"
    ser = start(tls={"limit_policy": policy}, core=["tcp_accept_haproxy=yes"], preamble=header("192.0.2.99"))
    with Crowd(ser.address(), sources, proxied=True) as crowd:
        check_served(ser, crowd, source=None, preamble=header(honest))
    assert ser.counter("evicted_silent")


def test_crowd_that_is_no_proxy(start):
    """Whoever says nothing where a PROXY header is due."""
    ser = start(core=["tcp_accept_haproxy=yes"], preamble=header("192.0.2.99"))
    with Crowd(ser.address(), ONE) as crowd:
        check_served(ser, crowd, preamble=header("192.0.2.1"))
    assert ser.counter("evicted_silent")


@pytest.mark.parametrize("others", [True, False], ids=["beside others", "alone"])
def test_hellos_faster_than_their_answers(start, stack, others):
    """
    Of one address with more than its share those whose hello waits give up their places, if there is anybody else:
    behind a balancer all wait for their turns.
    """
    ser = start(tls={"max_handshakes": 32, "max_handshakes_per_source": 8})
    ser.wait_idle()
    source, hello, engine = "127.0.0.7" if others else "127.0.0.1", first_flight(), ser.engines()[0]["pid"]
    os.kill(engine, signal.SIGSTOP)
    try:
        crowd = [stack.enter_context(socket.create_connection(ser.address(), source_address=(source, 0))) for _ in range(60)]
        for one in crowd:
            one.sendall(hello)
    finally:
        os.kill(engine, signal.SIGCONT)
    answered = [bool(one.recv(1)) for one in crowd if not one.settimeout(settings.PATIENCE)]
    assert all(answered) != others
    with sip.TlsClient(ser.address(), source=CLIENT) as client:
        client.ask()


def test_many_phones_behind_one_address(start):
    """As long as nobody else comes they may have all places, and none of them is sent away."""
    ser = start()
    clients = []
    with contextlib.ExitStack() as stack:
        for _ in range(500):
            clients.append(sip.TlsClient(ser.address(), source="127.0.2.1"))
            stack.callback(clients[-1].sock.close)
        for client in clients:
            client.hello()
        for client in clients:
            client.handshake()
    assert ser.counter("evicted_silent") == ser.counter("evicted_slow") == 0


def test_kinds_of_failures_have_limits_of_their_own(start, pki):
    """A crowd that speaks plain text hides nobody whose certificate is refused, nor the other way round."""
    ser = start(tls={"require_certificate": 1, "verify_certificate": 1})
    for _ in range(40):
        with sip.Wire(ser.address()) as client:
            client.put(b"GET / HTTP/1.0\r\n\r\n")
            client.end()
    for _ in range(20):
        client = sip.TlsClient(ser.address(), sip.context(pki.stranger))
        with client, contextlib.suppress(OSError, sip.Ended):
            client.handshake().ask()
    failed = "WARNING: tls: handshake with .* failed: "
    assert ser.logged(failed + ".*plain text")
    assert ser.logged(failed + ".*certificate")


@pytest.mark.parametrize("proxy", [False, True], ids=["direct", "proxy"])
def test_health_check(start, proxy):
    """Connects and leaves, properly or not, with PROXY LOCAL or nothing: counted, and nothing to warn of."""
    local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
    ser = start(core=["tcp_accept_haproxy=yes"], preamble=local) if proxy else start()
    ser.wait_idle()
    before, failed = ser.counter("probes"), ser.counter("handshakes_failed")
    checks = [b"", local] if proxy else [b""]
    for preamble in checks:
        sip.Wire(ser.address(), preamble=preamble).sock.close()
        client = sip.Wire(ser.address(), preamble=preamble)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sock.close()
    ser.settle(lambda: ser.counter("probes") >= before + 2 * len(checks), lambda: str(ser.counter("probes")))
    assert ser.counter("handshakes_failed") == failed
    assert not ser.log_count("failed|without sending")


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "reset"])
def test_handshake_and_no_byte(start, reset):
    """Who leaves then is counted, and SER's own processes never see him; who stays silent is let in."""
    ser = start()
    ser.wait_idle()
    before = ser.command("tls.stats")
    context = sip.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # where the client knows that the server is done

    def grown(*names):
        now = ser.command("tls.stats")
        return [now[name] - before[name] for name in names]

    def leave():
        client = sip.TlsClient(ser.address(), context)
        client.handshake()
        if reset:
            client.reset()
        else:
            client.sock.close()

    for tries in range(1, 20):  # who is late, on a busy machine, is let in
        leave()
        ser.settle(lambda tries=tries: sum(grown("handshakes_unused", "records_kernel", "records_user")) == tries,
                   lambda: str(ser.command("tls.stats")))
        if grown("handshakes_unused") == [3]:
            break
    assert grown("handshakes_unused", "handshakes_ok") == [3, tries]
    with sip.TlsClient(ser.address(), context) as client:
        client.handshake()
        ser.settle(lambda: ser.counter("opened_connections") == 1, lambda: str(ser.command("tls.stats")))
        client.ask()
    assert grown("handshakes_unused") == [3]
