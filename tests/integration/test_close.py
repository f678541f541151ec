# SPDX-License-Identifier: GPL-2.0-or-later
"""How connections end: by the client in three ways, by the server with close_notify."""
import pytest

import settings
import sip
from server import Usage

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])
GONE_WITHIN = 5


def leave(client, way):
    """The client's end of a connection."""
    if way == "close_notify":
        client.close()
    elif way == "fin":
        client.sock.close()
    else:
        client.reset()


@VERSIONS
@pytest.mark.parametrize("used", [True, False], ids=["used", "unused"])
@pytest.mark.parametrize("way", ["close_notify", "fin", "reset"])
def test_client_ends_it(share, version, way, used):
    """SER has no connection left, and memory and descriptors as before."""
    ser = share("closing")

    def connections(count):
        clients = [sip.TlsClient(ser.address(), sip.context(version=version)) for _ in range(count)]
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


@VERSIONS
def test_close_notify_is_answered(ser, version):
    """A client that waits for the server's close_notify before it closes gets it."""
    with sip.TlsClient(ser.address(), sip.context(version=version)) as client:
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


@VERSIONS
def test_close_notify_behind_a_request(ser, version):
    """In one segment. The request may be answered or not, the connection goes."""
    with sip.TlsClient(ser.address(), sip.context(version=version)) as client:
        client.ask()
        data = client.seal(sip.request("MESSAGE"))
        with pytest.raises(sip.ssl.SSLWantReadError):
            client.tls.unwrap()
        client.put(data + client.outgoing.read())
        sip.Wire.end(client)
    ser.wait_idle(GONE_WITHIN)


@VERSIONS
@pytest.mark.parametrize("used", [True, False], ids=["used", "unused"])
def test_sigterm(start, pki, version, used):
    """Clients see a clean end, whether they ever sent anything or not."""
    ser = start()
    with sip.TlsClient(ser.address(), sip.context(pki.bob, version)) as one, \
            sip.TlsClient(ser.address(), sip.context(None, version)) as two:
        if used:
            one.ask()
            two.ask()
        ser.settle(lambda: ser.tls_connections() == 2, "two connections")
        ser.stop()
        assert (one.end(), two.end()) == ("close_notify", "close_notify")


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


def test_idle(start):
    """The server ends a connection that never sent anything, cleanly."""
    # Those that were used have the module's own time, ten minutes as in the stock module.
    ser = start(core=["tcp_connection_lifetime=3"])
    clients = [sip.TlsClient(ser.address(), sip.context(version=version)) for version in ("1.2", "1.3")]
    for client in clients:
        client.handshake()
    ser.settle(lambda: ser.tls_connections() == len(clients), "all connections")
    # The core looks after its connections every ten seconds or so.
    ends = [client.end(max(30, settings.PATIENCE)) for client in clients]
    for client in clients:
        client.sock.close()
    assert ends == ["close_notify", "close_notify"]
    ser.wait_idle()
