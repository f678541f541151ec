# SPDX-License-Identifier: GPL-2.0-or-later
"""How connections end: by the client in three ways, by the server with close_notify."""
import socket
import time

import pytest

import settings
import sip
from homes import ALL, DIRECT, HOMES
from server import Usage

GONE_WITHIN = 5


@pytest.fixture
def ser(share, pki, home):
    return home.shared(share, pki, "closing")


def leave(client, way):
    """The client's end of a connection."""
    if way == "close_notify":
        client.close()
    elif way == "fin":
        client.sock.close()
    else:
        client.reset()


@HOMES
@pytest.mark.parametrize("used", [True, False], ids=["used", "unused"])
@pytest.mark.parametrize("way", ["close_notify", "fin", "reset"])
def test_client_ends_it(ser, home, way, used):
    """SER has no connection left, and memory and descriptors as before."""
    def connections(count):
        clients = [home.client(ser) for _ in range(count)]
        for client in clients:
            client.handshake()
        for client in clients:
            if used:
                client.ask()
        ser.settle(lambda: ser.tls_connections() == count, f"{count} connections")
        for client in clients:
            leave(client, way)
        ser.wait_idle(GONE_WITHIN)
    connections(10)
    before = Usage(ser)
    connections(10)
    before.check()


@HOMES
def test_close_notify_is_answered(ser, home):
    """A client that waits for the server's close_notify before it closes gets it."""
    with home.client(ser) as client:
        client.ask()
        with pytest.raises(sip.ssl.SSLWantReadError):
            client.tls.unwrap()
        client.flush()
        while True:
            client.feed()
            try:
                client.tls.unwrap()
                break
            except sip.ssl.SSLWantReadError:
                pass


@HOMES
def test_close_notify_behind_a_request(ser, home):
    """In one segment. The request may be answered or not, the connection goes."""
    with home.client(ser) as client:
        client.ask()
        data = client.seal(sip.request("MESSAGE"))
        with pytest.raises(sip.ssl.SSLWantReadError):
            client.tls.unwrap()
        client.put(data + client.outgoing.read())
        sip.Wire.end(client)
    ser.wait_idle(GONE_WITHIN)


@pytest.mark.parametrize("home", DIRECT, ids=str)
def test_end_behind_the_first_request(ser, home):
    """
    In one segment. The kernel takes no keys for a connection whose peer has ended its side (tls_init() in the kernel
    wants it established), so records stay in user space. That is no fault of anybody, and the request is answered.
    """
    before = ser.command("tls.stats")
    with sip.TlsClient(ser.address(), home.context(), offload="user") as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        client.send(sip.request())
        client.sock.shutdown(socket.SHUT_WR)
        client.answers(1)
    ser.wait_idle(GONE_WITHIN)
    after = ser.command("tls.stats")
    assert after["records_user"] - before["records_user"] == 1
    assert after["user_refused"] - before["user_refused"] == (settings.EXPECT == "kernel")
    assert not ser.log_count("the kernel refused them")


@HOMES
@pytest.mark.parametrize("used", [True, False], ids=["used", "unused"])
def test_sigterm(start, pki, home, used):
    """Clients see a clean end, whether they ever sent anything or not."""
    ser = start(**home.options(pki))
    with home.client(ser, home.context(pki.bob)) as one, home.client(ser) as two:
        if used:
            one.ask()
            two.ask()
        ser.settle(lambda: ser.tls_connections() == 2, "two connections")
        ser.stop()
        assert (one.end(), two.end()) == ("close_notify", "close_notify")


def test_sigterm_at_the_limit(start, stack):
    """The core takes no connection then, and it is one by which tcp_main learns that it ends."""
    ser = start(core=["tls_max_connections=3"])
    clients = []
    for _ in range(3):
        ser.settle(lambda: ser.tls_connections() == len(clients), f"{len(clients)} connections")
        clients.append(stack.enter_context(sip.TlsClient(ser.address())))
        clients[-1].ask()
    ser.stop()
    assert [client.end() for client in clients] == ["close_notify"] * 3


def test_sigterm_while_handshakes_are_under_way(start):
    """Half-open connections do not hold it up."""
    ser = start()
    clients = [sip.Wire(ser.address()) for _ in range(10)]
    with sip.TlsClient(ser.address()) as good:
        good.ask()
        clients[0].put(b"\x16\x03\x01\x02\x00\x01")
        ser.stop()
        assert good.end() == "close_notify"
        for client in clients:
            with client:
                client.end()


@pytest.mark.parametrize("core,own", [(120, 3), (1, 12)], ids=["shorter", "longer"])
def test_idle(start, pki, core, own):
    """A connection that never sent anything has the module's time, not the core's, and ends cleanly."""
    servers, clients = {}, []
    began = time.monotonic()
    for home in ALL:
        kind = home.ktls, home.rsa
        if kind not in servers:
            options = home.options(pki, core=[f"tcp_connection_lifetime={core}"])
            options["tls"] = {**options.get("tls", {}), "connection_timeout": own}
            servers[kind] = start(**options)
        clients.append((home, home.client(servers[kind]).handshake()))
    if own > core:
        time.sleep(max(0, began + own - 2 - time.monotonic()))
        assert all(server.tls_connections() for server in servers.values())
    # The core looks after its connections every ten seconds or so.
    ends = {str(home): client.end(max(40, settings.PATIENCE)) for home, client in clients}
    for _, client in clients:
        client.sock.close()
    assert set(ends.values()) == {"close_notify"}, ends
    for server in servers.values():
        server.wait_idle()
