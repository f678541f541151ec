# SPDX-License-Identifier: GPL-2.0-or-later
"""IPv4 and IPv6, and an advertised address, with the configurations of docs/other-modules.md."""
import pytest

import peers
from manual import block
from on_page import run
from phones import pass_message, phone


def test_dual_stack(pki, stack):
    """Each address shows its own certificate, and messages pass between them over the phones' own connections."""
    ser = run(stack, pki, block("docs/other-modules.md", "# IPv4 and IPv6"), {"sip": pki.server, "v6": pki.one})
    assert ser.address(1)[0] == "::1"
    with phone(ser, pki) as four, phone(ser, pki, 1, "sni1.example.org") as six:
        four.register("four")
        six.register("six")
        for _ in range(3):
            for sender, receiver, name in (four, six, "six"), (six, four, "four"):
                request = pass_message(sender, receiver, name)
                routes = [line.split(": ")[1] for line in request.lines if line.startswith("Record-Route: ")]
                listeners = [f"{where.removeprefix('tls:')}:{port}" for where, port in ser.ports]
                theirs, ours = listeners if receiver is six else listeners[::-1]
                assert len(routes) == 2 and ours in routes[0] and theirs in routes[1], routes
        assert ser.tls_connections() == 2


@pytest.mark.parametrize("shown", ["203.0.113.5", "localhost"])
def test_advertise(pki, stack, shown):
    """Others are told what is advertised, and the domain is that of the address."""
    config = block("docs/other-modules.md", "# An advertised address")
    assert " advertise 203.0.113.5:5061\n" in config
    with peers.Peer(peers.context(pki.two)) as peer:
        ser = run(stack, pki, config, {"default": pki.one, "sip": pki.server}, places={
            "203.0.113.5": shown, "198.51.100.7:5061": "{}:{}".format(*peer.address)})
        with phone(ser, pki) as bob:
            for _ in range(2):
                bob.send_request("MESSAGE", "carrier")
                assert bob.take().status == 200
            bob.send_request("OPTIONS", "where")
            answer = bob.take()
            assert (answer.status, answer.headers["Contact"]) == (302, f"<sip:{shown}:5061;transport=tls>")
        connection, = peer.connections
        assert len(connection.requests) == 2
        for request in connection.requests:
            assert request.headers["Via"].startswith(f"SIP/2.0/TLS {shown}:5061;"), request.lines
            assert request.headers["Record-Route"].startswith(f"<sip:{shown}:5061;"), request.lines
