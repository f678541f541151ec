# SPDX-License-Identifier: GPL-2.0-or-later
"""Which client domain a connection has, and that messages of different identities do not share one."""
import contextlib

import pytest

import outbound
import peers
import sip
from domains import from_file, section, write
from outbound import ASYNC, BOTH, Client

ONE, TWO, DEFAULT = "sni1.example.org", "sni2.example.org", "Bob"


def asking(pki, **more):
    """A peer that wants SER's certificate."""
    return peers.Peer(peers.context(pki.server, ca=pki.ca), **more)


def own(pki, *sections):
    """Parameters with these domains beside the defaults."""
    return from_file(section("server:default", pki.server),
                     section("client:default", pki.bob, verify_certificate=1, ca_list=pki.ca.cert), *sections,
                     xavp_cfg="tls")


def domain(where, pair, pki, **attributes):
    """A client domain."""
    return section("client:" + where, pair, verify_certificate=1, ca_list=pki.ca.cert, **attributes)


def shown(peer):
    """Common names of SER's certificates, by connection, with the number of messages that came with each."""
    return [(connection.certificate, len(connection.requests)) for connection in peer.connections]


@BOTH
def test_by_address(start, pki, how):
    """The manual's: another certificate for each remote address."""
    with contextlib.ExitStack() as stack:
        first, second, third = (stack.enter_context(asking(pki)) for _ in range(3))
        sixth = stack.enter_context(asking(pki, host="::1"))
        ser = start(**outbound.options(
            listen=("tls:127.0.0.1", "tcp:127.0.0.1", "tls:[::1]"), core=ASYNC[how], tls=own(
                pki, domain(f"127.0.0.1:{first.address[1]}", pki.one, pki),
                domain(f"127.0.0.1:{second.address[1]}", pki.two, pki),
                domain(f"[::1]:{sixth.address[1]}", pki.one, pki))))
        client = stack.enter_context(Client(ser))
        for _ in range(3):
            for peer in first, second, third, sixth:
                assert client.forward(peer).status == 200
        assert [shown(peer) for peer in (first, second, third, sixth)] == \
            [[(ONE, 3)], [(TWO, 3)], [(DEFAULT, 3)], [(ONE, 3)]]


@pytest.mark.parametrize("with_what", ["id", "set"], ids=["xavp", "function"])
@BOTH
def test_identities(start, pki, with_what, how):
    """Two to one address: two connections with two certificates, and each later message has its own."""
    ser = start(**outbound.options(core=ASYNC[how], tls=own(
        pki, domain("any", pki.one, pki, server_id="one"), domain("any", pki.two, pki, server_id="two"))))
    with asking(pki) as peer, Client(ser) as client, Client(ser) as other:
        for _ in range(5):
            for who in "one", "two":
                assert client.forward(peer, **{with_what: who}).status == 200
                assert other.forward(peer, **{with_what: who}).status == 200
        assert sorted(shown(peer)) == [(ONE, 10), (TWO, 10)]
        if with_what == "id":
            assert client.forward(peer).status == 200
            assert sorted(shown(peer)) == [(DEFAULT, 1), (ONE, 10), (TWO, 10)]
            assert client.forward(peer, id="one").status == 200
            assert sorted(shown(peer)) == [(DEFAULT, 1), (ONE, 11), (TWO, 10)]


@BOTH
def test_identities_while_they_shake_hands(start, pki, how):
    """What is queued goes with its own, too."""
    ser = start(**outbound.options(core=ASYNC[how], workers=4, timer=10, tls=own(
        pki, domain("any", pki.one, pki, server_id="one"), domain("any", pki.two, pki, server_id="two"))))
    with peers.Slow(peers.context(pki.server, ca=pki.ca)) as peer:
        lists = [[outbound.message(peer, id=who) for _ in range(20)] for who in ("one", "two", "one", "two")]
        outbound.check_arrived([peer], outbound.send_all(ser, lists))
        assert {who for who, _ in shown(peer)} == {ONE, TWO}
        for who, chosen in (ONE, lists[::2]), (TWO, lists[1::2]):
            sent = {sip.call_id(one) for messages in chosen for one in messages}
            assert {request.call_id for one in peer.connections if one.certificate == who
                    for request in one.requests} == sent


def test_server_name(start, pki):
    """The script's name is asked for (SNI) and chooses the domain."""
    ser = start(**outbound.options(tls=own(
        pki, domain("any", pki.one, pki, server_name="one.example.org", verify_name=0),
        domain("any", pki.two, pki, server_name="two.example.org", verify_name=0))))
    with asking(pki) as peer, Client(ser) as client:
        for _ in range(3):
            for name in "one", "two":
                assert client.forward(peer, name=name + ".example.org").status == 200
        assert {(one.name, *pair) for one, pair in zip(peer.connections, shown(peer))} == \
            {("one.example.org", ONE, 3), ("two.example.org", TWO, 3)}


def test_unknown_identity(start, pki):
    """Has the default domain, and a connection of its own."""
    ser = start(**outbound.options(tls=own(pki, domain("any", pki.one, pki, server_id="one"))))
    with asking(pki) as peer, Client(ser) as client:
        for _ in range(2):
            assert client.forward(peer, id="nobody").status == 200
            assert client.forward(peer, id="one").status == 200
        assert sorted(shown(peer)) == [(DEFAULT, 2), (ONE, 2)]


@BOTH
def test_reload(start, pki, how):
    """New connections have the new certificate; those that are up stay as they are."""
    ser = start(**outbound.options(core=ASYNC[how], tls=own(pki)))
    with asking(pki) as peer, peers.Closes(peers.context(pki.server, ca=pki.ca)) as closes, Client(ser) as client:
        def forward_to_both():
            assert client.forward(peer).status == client.forward(closes).status == 200
            ser.settle(lambda: ser.tls_connections() == 1, ser.log)
        forward_to_both()
        write(ser, section("server:default", pki.server) + domain("default", pki.one, pki))
        assert "Ok" in ser.text("tls.reload")
        forward_to_both()
        assert shown(peer) == [(DEFAULT, 2)] and shown(closes) == [(DEFAULT, 1), (ONE, 1)]


class Asks(peers.Peer):
    """Sends a request of its own over the connection it was asked over."""

    def react(self, connection, request):
        connection.answer(request)
        connection.tls.sendall(sip.request("OPTIONS"))


@BOTH
def test_peer_asks(share, pki, how):
    """A request that comes over a connection SER made is answered over it."""
    ser = share(f"outbound {how}", **outbound.options(core=ASYNC[how]))
    with Asks(peers.context(pki.server)) as peer, Client(ser) as client:
        for number in range(1, 6):
            assert client.forward(peer).status == 200
            connection = peer.connections[0]
            ser.settle(lambda number=number: len(connection.requests) == 2 * number, ser.log)
            answer = connection.requests[-1]
            assert answer.lines[0] == "SIP/2.0 200 OK"
        assert len(peer.connections) == 1 and len(connection.requests) == 10
