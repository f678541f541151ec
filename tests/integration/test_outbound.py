# SPDX-License-Identifier: GPL-2.0-or-later
"""SER opens TLS connections: to peers of each kind, from workers of each kind, and what it forwards is answered."""
import pytest

import outbound
import peers
import settings
from outbound import ASYNC, BOTH, Client
from ports import free_port

# Where SER has the records, by what the peer offers.
KINDS = {"1.2": ("1.2", None, settings.EXPECT), "1.3": ("1.3", None, settings.EXPECT),
         "cbc": ("1.2", "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA", "user")}


def server(share, how="async", **more):
    """That several tests use."""
    return share(f"outbound {how}", **outbound.options(core=ASYNC[how], **more))


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_forwarded(share, pki, kind, how):
    """The first message opens a connection, the others have it."""
    version, ciphers, offload = KINDS[kind]
    ser = server(share, how)
    with peers.Peer(peers.context(pki.server, version, ciphers), offload=offload) as peer:
        with Client(ser) as client, Client(ser) as other:
            for _ in range(5):
                assert client.forward(peer).status == 200
                assert other.forward(peer).status == 200
            assert client.forward(peer, stateless=1).status == 200
        assert len(peer.connections) == 1
        assert len(set(peer.seen())) == len(peer.seen()) == 11
    ser.wait_idle()


@BOTH
def test_large(share, pki, how):
    """Several records, both ways; the answers are as long."""
    ser = server(share, how)
    with peers.Peer(peers.context(pki.server)) as peer, Client(ser) as client:
        for size in 100, 4000, 12000:
            assert client.forward(peer, headers=["X-Long: " + "l" * size]).status == 200
        assert [len(request.headers["X-Long"]) for request in peer.connections[0].requests] == [100, 4000, 12000]
    ser.wait_idle()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@BOTH
def test_socket(share, pki, host, how):
    """A forced one decides what address SER comes from; IPv4 and IPv6."""
    ser = share(f"outbound sockets {how}", **outbound.options(
        core=ASYNC[how], listen=("tls:127.0.0.1", "tcp:127.0.0.1", "tls:127.0.0.2", "tls:[::1]")))
    with peers.Peer(peers.context(pki.server), host) as peer, Client(ser) as client:
        if host == "::1":
            assert client.forward(peer).status == 200
            assert peer.connections[0].source[0] == "::1"
            return
        address, port = ser.address(2)
        assert client.forward(peer, socket=f"tls:{address}:{port}").status == 200
        assert peer.connections[0].source[0] == "127.0.0.2"
    ser.wait_idle()


@BOTH
def test_slow_handshake(share, pki, how):
    """What is sent meanwhile waits and arrives once; SER answers others as if nothing were there."""
    ser = share(f"outbound patient {how}", **outbound.options(core=ASYNC[how], timer=10))
    with peers.Slow(peers.context(pki.server)) as peer, Client(ser) as local:
        lists = [[outbound.message(peer) for _ in range(20)] for _ in range(4)]
        took = []
        statuses = outbound.send_all(ser, lists, meanwhile=lambda: took.append(local.local()))
        outbound.check_arrived([peer], statuses)
        # With tcp_async both workers may open one at the same moment, as with plain TCP.
        outbound.opened(ser, peer, 2 if how == "async" else 1)
        outbound.in_order(peer, lists)
        assert len(took) > 5 and max(took) < outbound.LOCAL, took
    ser.wait_idle()


@BOTH
def test_stateless_while_it_shakes_hands(share, pki, how):
    """forward() is done at once, whatever the peer does."""
    ser = server(share, how)
    with peers.Slow(peers.context(pki.server)) as peer:
        lists = [[outbound.message(peer, stateless=1) for _ in range(20)] for _ in range(4)]
        statuses = outbound.send_all(ser, lists)
        outbound.check_arrived([peer], statuses)
        outbound.in_order(peer, lists)
    ser.wait_idle()


@BOTH
def test_half_closed(share, pki, how):
    """The peer's end is SER's end, too, and the next message opens another connection."""
    ser = server(share, how)
    with peers.HalfCloses(peers.context(pki.server)) as peer, Client(ser) as client:
        for number in range(1, 4):
            assert client.forward(peer).status == 200
            assert peer.connections[-1].ended.wait(settings.PATIENCE)
            assert len(peer.connections) == number
            assert peer.connections[-1].end == "close_notify"
            ser.wait_idle()


@BOTH
def test_closed_after_each_answer(share, pki, how):
    ser = server(share, how)
    with peers.Closes(peers.context(pki.server)) as peer, Client(ser) as client:
        for number in range(1, 21):
            assert client.forward(peer).status == 200
            assert peer.connections[-1].ended.wait(settings.PATIENCE)
            ser.wait_idle()
            assert len(peer.connections) == number


def test_udp_and_tcp_clients(start, pki):
    """A worker for UDP opens the connection, too, and has the answers of a TCP worker's forwarded."""
    port = free_port()
    ser = start(**outbound.options(core=(f"listen=udp:127.0.0.1:{port}",)))
    with peers.Peer(peers.context(pki.server)) as peer, Client(ser) as client, \
            outbound.UdpClient(("127.0.0.1", port)) as datagrams:
        for _ in range(5):
            assert datagrams.forward(peer).status == 200
            assert client.forward(peer).status == 200
        assert len(peer.connections) == 1
