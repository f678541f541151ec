# SPDX-License-Identifier: GPL-2.0-or-later
"""A client may send right behind its Finished, in the same TCP segment: nothing may be lost or torn."""
import pytest

import sip
from homes import HOMES, HOMES_13


@pytest.fixture
def ser(share, pki, home):
    return home.shared(share, pki, "flight")


def check(client, count, piece=None):
    """Sends that many requests, a record each, with the last flight of the handshake."""
    client.handshake(hold=True)
    assert client.outgoing.pending, "nothing of the handshake is left to send"
    send_behind(client, [sip.request() for _ in range(count)], piece)


def send_behind(client, messages, piece=None):
    """Puts the flight that was held back and a record for each message on the wire as one."""
    with client:
        flight = client.outgoing.read()
        client.ask_all(messages, lambda: client.put(flight + b"".join(map(client.seal, messages)), piece))


# Not with a full handshake of TLS 1.2: there the server's Finished is the last.
@HOMES_13
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("with_certificate", [False, True], ids=["anonymous", "bob"])
def test_full_handshake(ser, home, pki, count, with_certificate):
    check(home.client(ser, home.context(pki.bob if with_certificate else None)), count)


@HOMES
@pytest.mark.parametrize("count", [1, 3])
def test_resumed_handshake(ser, home, count):
    client = home.client(ser, *home.resumable(ser))
    check(client, count)
    assert client.tls.session_reused


@HOMES
def test_in_tiny_segments(ser, home):
    """Finished and the records behind it, so a segment holds the end of one and the start of the next."""
    check(home.client(ser, *home.resumable(ser)), 2, piece=7)


@HOMES
def test_part_of_a_record_behind(ser, home):
    """The other part comes when the handshake is over."""
    client = home.client(ser, *home.resumable(ser))
    client.handshake(hold=True)
    flight, message = client.outgoing.read(), sip.request()
    record = client.seal(message)

    def send():
        client.put(flight + record[:len(record) // 2])
        with home.client(ser) as other:
            other.ask()  # so much later
        client.put(record[len(record) // 2:])
    with client:
        client.ask_all([message], send)


@HOMES
def test_large_message_behind(ser, home):
    """More than one read of anybody."""
    client = home.client(ser, *home.resumable(ser))
    client.handshake(hold=True)
    send_behind(client, [sip.request("MESSAGE", size=size) for size in (12000, 15000)] + [sip.request()])
