# SPDX-License-Identifier: GPL-2.0-or-later
"""In no state does a descriptor stay readable or writable without progress: who waits takes no processor time."""
import contextlib
import os
import signal
import socket

import pytest

import server as server_module
import sip
from homes import ALL, HOMES, RELAYED

SECONDS = 2
BUSY = 0.1  # of a processor over SECONDS; who asks in a circle takes all of it
SEVERAL = 4


def check(ser):
    """Nobody is busy."""
    busy = ser.busiest(SECONDS)
    assert busy < BUSY, f"a process takes {busy:.0%} of a processor while everybody waits"


def open_several(stack, make):
    """Connections as make() makes them, which are closed at the end."""
    clients = []
    for _ in range(SEVERAL):
        clients.append(make())
        stack.callback(clients[-1].sock.close)
    return clients


@HOMES
def test_idle(share, pki, stack, home):
    ser = home.shared(share, pki, "busy")
    for client in open_several(stack, lambda: home.client(ser).handshake()):
        client.ask()
    check(ser)


@HOMES
def test_half_a_record(share, pki, stack, home):
    """What came of it stays where it is until the rest comes."""
    ser = home.shared(share, pki, "busy")
    clients = open_several(stack, lambda: home.client(ser).handshake())
    for client, cut in zip(clients, (3, 20, 100, -1)):
        client.ask()
        client.put(client.seal(sip.request())[:cut])
    check(ser)


@HOMES
def test_half_a_message(share, pki, stack, home):
    ser = home.shared(share, pki, "busy")
    for client in open_several(stack, lambda: home.client(ser).handshake()):
        client.ask()
        client.send(sip.request()[:100])
    check(ser)


@pytest.mark.parametrize("cut", [1, 5, 6, 100, -1])
def test_half_a_hello(ser, stack, cut):
    hello = sip.TlsClient(ser.address())
    stack.callback(hello.sock.close)
    with contextlib.suppress(sip.ssl.SSLWantReadError):
        hello.tls.do_handshake()
    first = hello.outgoing.read()[:cut]
    for wire in open_several(stack, lambda: sip.Wire(ser.address())):
        wire.put(first)
    check(ser)


def test_nothing_at_all(ser, stack):
    open_several(stack, lambda: sip.Wire(ser.address()))
    check(ser)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_no_finished(ser, stack, version):
    """The server waits for the client's last flight, or has only a part of it."""
    clients = open_several(stack, lambda: sip.TlsClient(ser.address(), sip.context(version=version)).hello())
    for client in clients[2:]:
        with contextlib.suppress(sip.ssl.SSLWantReadError):
            client.feed()
            client.tls.do_handshake()
        client.put(client.outgoing.read()[:9])
    check(ser)


def stall(client):
    """Asks and does not read until nothing more goes."""
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sock.settimeout(1)
    data = b"".join(sip.request("MESSAGE", headers=["X-Conn: " + "p" * 900]) for _ in range(8))
    with contextlib.suppress(TimeoutError, ConnectionError):
        for _ in range(2000):
            client.send(data)


@pytest.mark.parametrize("core", [("tcp_async=yes",), ("tcp_async=no",)], ids=["async", "sync"])
@HOMES
def test_stalled_peer(share, pki, stack, home, core):
    """Answers wait for a peer that does not read. Long times, so that the state lasts."""
    ser = home.shared(share, pki, f"stalled {core[0]}", tls={"send_timeout": 60},
                      core=(*core, "tcp_send_timeout=60", "tcp_conn_wq_max=1000000"))
    for client in open_several(stack, lambda: home.client(ser))[:2]:
        client.handshake().ask()
        stall(client)
    check(ser)


@pytest.mark.parametrize("core", [("tcp_async=yes",), ("tcp_async=no",)], ids=["async", "sync"])
@HOMES
def test_stalled_peer_that_ended_its_side(share, pki, stack, home, core):
    ser = home.shared(share, pki, f"stalled {core[0]}", tls={"send_timeout": 60},
                      core=(*core, "tcp_send_timeout=60", "tcp_conn_wq_max=1000000"))
    for client in open_several(stack, lambda: home.client(ser))[:2]:
        client.handshake().ask()
        stall(client)
        with contextlib.suppress(OSError):
            client.sock.shutdown(socket.SHUT_WR)
    check(ser)


@HOMES
def test_half_closed(share, pki, stack, home):
    """FIN, without and with close_notify in front of it; the client's end stays open."""
    ser = home.shared(share, pki, "busy")
    for number, client in enumerate(open_several(stack, lambda: home.client(ser).handshake())):
        client.ask()
        if number % 2:
            with contextlib.suppress(sip.ssl.SSLWantReadError):
                client.tls.unwrap()
            client.flush()
        client.sock.shutdown(socket.SHUT_WR)
    check(ser)


def test_half_closed_before_the_handshake(ser, stack):
    for wire in open_several(stack, lambda: sip.Wire(ser.address())):
        wire.put(b"\x16\x03\x01\x02")
        wire.sock.shutdown(socket.SHUT_WR)
    check(ser)


LIMITS = {"handshakes": ({"max_handshakes": SEVERAL}, ()), "connections": ({}, ("tls_max_connections=4",)),
          "connections-refuse": ({"limit_policy": "refuse"}, ("tls_max_connections=4",)),
          "memory": ({"low_mem_threshold1": 60 * 1024}, ())}


@pytest.mark.parametrize("engines", [1, 2])
@pytest.mark.parametrize("case", LIMITS)
def test_at_a_limit(start, stack, case, engines):
    """Clients wait in the backlog, which is readable all the time."""
    tls, core = LIMITS[case]
    ser = start(tls={"engines": engines, **tls}, core=core)
    ser.wait_idle()
    if case.startswith("connections"):
        for client in open_several(stack, lambda: sip.TlsClient(ser.address())):
            client.handshake().ask()
    elif case == "handshakes":
        for _ in range(engines):
            open_several(stack, lambda: sip.Wire(ser.address()))
        ser.settle(lambda: sum(one["handshakes"] for one in ser.engines()) >= SEVERAL, ser.engines)
    else:
        while not ser.counter("limit_memory"):
            stack.enter_context(sip.TlsClient(ser.address())).ask()
    for _ in range(5):
        open_several(stack, lambda: sip.Wire(ser.address()))
    check(ser)


def test_no_descriptors(start, pki, stack):
    ser = start(binary=server_module.behind(pki, "ulimit -n 100"))
    for _ in range(30):
        open_several(stack, lambda: sip.Wire(ser.address()))
    ser.settle(lambda: ser.counter("accept_pauses"), "no pause")
    check(ser)


def test_no_engine(start, stack):
    """It dies again and again, until the next start is delayed; clients wait in the backlog meanwhile."""
    ser = start()
    ser.accept("CRITICAL: tls: the TLS engine .* died")
    up = [stack.enter_context(home.client(ser)) for home in ALL
          if home.ktls is None and not home.rsa and home not in RELAYED]
    for client in up:
        client.ask()
    while ser.log_count(r"another starts in \d{4,} ms") < 2:  # the last one: 2 s or more
        engine = ser.engines()[0]
        if engine["pid"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(engine["pid"], signal.SIGKILL)
        ser.settle(lambda then=engine: ser.engines()[0]["pid"] != then["pid"], ser.engines)
    waiting = open_several(stack, lambda: sip.TlsClient(ser.address()).hello())
    check(ser)
    for client in up:
        client.ask()
    for client in waiting:
        client.handshake()
        client.ask()
