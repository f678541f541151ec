# SPDX-License-Identifier: GPL-2.0-or-later
"""Many messages from eight workers over few connections: each arrives once, or its sender is told."""
import contextlib
import itertools

import pytest

import outbound
import peers
import settings
from outbound import ASYNC, BOTH, Client

COUNT = 2000 if settings.EXPECT == "kernel" or settings.PRELOAD else 10000
WORKERS, SENDERS = 8, 16
WITHIN = 6 * settings.PATIENCE
CBC = "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"


@pytest.fixture(name="ser")
def serve(share, how):
    server = share(f"outbound traffic {how}", **outbound.options(core=ASYNC[how], workers=WORKERS, memory=256))
    server.wait_idle()
    return server


@contextlib.contextmanager
def answered_meanwhile(ser):
    """SER's own answers to somebody else: none takes long."""
    with Client(ser) as client:
        took = []
        yield lambda: took.append(client.local())
        assert took and max(took) < outbound.LOCAL, sorted(took)[-5:]


@pytest.fixture(name="local")
def answered_meanwhile_by_the_shared_one(ser):
    with answered_meanwhile(ser) as local:
        yield local


@contextlib.contextmanager
def several(count, kind, made, **more):
    """That many peers of a kind."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(kind(made, **more)) for _ in range(count)]


def lists_for(some, count=COUNT, **said):
    """Messages of each sender to the peers in turn."""
    turn = itertools.cycle(some)
    return [[outbound.message(next(turn), **said) for _ in range(count // SENDERS)] for _ in range(SENDERS)]


@BOTH
@pytest.mark.parametrize("ciphers, offload", [(None, settings.EXPECT), (CBC, "user")], ids=["direct", "relayed"])
def test_few_connections(ser, local, pki, ciphers, offload, how):
    """All answered, in the order they were sent, over few connections."""
    made = peers.context(pki.server, "1.2" if ciphers else None, ciphers)
    with several(4, peers.Peer, made, offload=offload) as some:
        lists = lists_for(some)
        outbound.check_arrived(some, outbound.send_all(ser, lists, within=WITHIN, meanwhile=local))
        for peer in some:
            outbound.opened(ser, peer, WORKERS)  # they may open one each at the same moment
            outbound.in_order(peer, lists)
    ser.wait_idle()


@BOTH
def test_change_to_the_direct_connection(ser, local, pki, how):
    """Under full traffic, again and again: each identity opens a connection, while others carry on."""
    with peers.Peer(peers.context(pki.server)) as peer:
        lists = [[outbound.message(peer, id=f"{number // 10}") for number in range(COUNT // SENDERS)]
                 for _ in range(SENDERS)]
        outbound.check_arrived([peer], outbound.send_all(ser, lists, within=WITHIN, meanwhile=local))
        identities = -(-(COUNT // SENDERS) // 10)
        # Workers may open one for the same at the same moment.
        assert len(peer.connections) >= identities
        outbound.opened(ser, peer, identities * WORKERS)
    ser.wait_idle()


@BOTH
def test_slow_handshakes(ser, local, pki, how):
    """What is queued meanwhile arrives once, in order, and what is sent when the connection comes, too."""
    with several(2, peers.Slow, peers.context(pki.server)) as some:
        lists = lists_for(some, COUNT // 2, stateless=1)
        outbound.check_arrived(some, outbound.send_all(ser, lists, window=30, within=WITHIN, meanwhile=local))
        for peer in some:
            outbound.opened(ser, peer, WORKERS)
            outbound.in_order(peer, lists)
    ser.wait_idle()


@BOTH
def test_peers_that_close(share, pki, how):
    """After each answer: what meets the end of a connection is lost to the peer, but its sender is told."""
    options = outbound.options(core=ASYNC[how], workers=WORKERS, memory=256, timer=outbound.TIMER // 3)
    ser = share(f"outbound closing {how}", **options)
    with answered_meanwhile(ser) as local, several(4, peers.Closes, peers.context(pki.server)) as some:
        lists = lists_for(some, COUNT // 10)
        statuses = outbound.send_all(ser, lists, window=2, within=WITHIN, meanwhile=local)
        told = outbound.check_arrived(some, statuses, all_good=False)
        assert set(told) <= {200, 408, 477, 500}, told
        assert told[200] > len(statuses) / 10, told
    ser.wait_idle()


@BOTH
def test_slow_readers(ser, local, pki, how):
    with several(2, peers.SlowReader, peers.context(pki.server)) as some:
        lists = lists_for(some, 400)
        outbound.check_arrived(some, outbound.send_all(ser, lists, window=3, within=WITHIN, meanwhile=local))
    ser.wait_idle()


@BOTH
def test_good_and_bad_ones(ser, local, pki, how):
    """Those who are mute, reset or refuse do not cost the others a message."""
    made = peers.context(pki.server)
    with peers.Peer(made) as good, peers.Mute(made) as mute, peers.ResetsAtHello(made) as resets:
        lists = lists_for([good, good, mute, good, resets, good, outbound.closed_port()], COUNT // 10)
        statuses = outbound.send_all(ser, lists, window=20, within=WITHIN, meanwhile=local)
        told = outbound.check_arrived([good, mute, resets], statuses, all_good=False)
        assert set(told) <= {200, 408, 477, 500}, told
        wanted = sum(good.uri.encode() in one for messages in lists for one in messages)
        assert told[200] == wanted == len(good.seen()), told
    ser.wait_idle()


@BOTH
def test_peer_that_stops_reading(ser, local, pki, how):
    """What it does not take waits, and nobody with it; once it reads on, all of that arrives once and in order."""
    with peers.StopsReading(peers.context(pki.server)) as peer:
        with Client(ser) as client:
            assert client.forward(peer).status == 200
        lists = [[outbound.message(peer, headers=["X-Long: " + "l" * 8000]) for _ in range(10)] for _ in range(SENDERS)]
        statuses = outbound.send_all(ser, lists, within=WITHIN, meanwhile=local)
        assert set(statuses.values()) == {408} and len(peer.seen()) == 1
        peer.go.set()
        ser.settle(lambda: len(peer.seen()) == 1 + 10 * SENDERS, lambda: len(peer.seen()))
        assert len(peer.connections) == 1
        assert len(set(peer.seen())) == len(peer.seen())
        ser.settle(lambda: ser.queued() == 0, ser.queued)
    ser.wait_idle()
