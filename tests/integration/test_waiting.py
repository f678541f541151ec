# SPDX-License-Identifier: GPL-2.0-or-later
"""Whoever waits for the rest of something must sleep: a part of a record must not keep a process busy."""
import contextlib

import pytest

import sip
from homes import HOMES

CUTS = (1, 3, 5, 8, 12, 13, 20, 60, 200)  # inside the record's header, its nonce, its text
BUSY = 0.5  # of a processor; who sleeps takes none, who asks in a circle takes all


def after_an_answer(client):
    client.ask()
    return b""


def after_the_handshake(client):
    client.flush()
    return b""


def behind_finished(client):
    return client.outgoing.read()


@pytest.fixture
def ser(share):
    return share("waiting")


@pytest.mark.parametrize("state", [after_an_answer, after_the_handshake, behind_finished],
                         ids=lambda function: function.__name__)
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_part_of_a_record(ser, version, state):
    with contextlib.ExitStack() as stack:
        waiting = []
        for cut in CUTS:
            client = sip.TlsClient(ser.address(), sip.context(version=version))
            stack.enter_context(client.handshake(hold=True))
            first, message = state(client), sip.request()
            record = client.seal(message)
            client.put(first + record[:cut])
            waiting.append((client, message, record[cut:]))
        busy = ser.busiest()
        for client, message, rest in waiting:
            client.put(rest)
            answer, = client.answers(1)
            assert answer.call_id == sip.call_id(message)
        assert busy < BUSY, f"a process takes {busy:.0%} of a processor while it waits"
    ser.wait_idle()


def test_part_of_a_message(ser):
    """Whole records, but not the whole request."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(sip.TlsClient(ser.address(), sip.context(version=version)))
                   for version in ("1.2", "1.3")]
        messages = [sip.request() for _ in clients]
        for client, message in zip(clients, messages):
            client.send(message[:100])
        busy = ser.busiest()
        for client, message in zip(clients, messages):
            client.send(message[100:])
            client.answers(1)
        assert busy < BUSY
    ser.wait_idle()


def test_part_of_a_handshake(ser):
    with contextlib.ExitStack() as stack:
        for cut in CUTS:
            client = stack.enter_context(sip.Wire(ser.address()))
            client.put(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".ljust(300, b"\x01")[:cut])
        assert ser.busiest() < BUSY
    ser.wait_idle()


@HOMES
def test_client_that_does_not_read(share, pki, home):
    """Answers pile up until nothing more fits; SER waits or ends the connection, the others are served."""
    ser = home.shared(share, pki, "deaf")
    with home.client(ser) as deaf, home.client(ser) as other:
        deaf.ask()
        deaf.sock.setsockopt(sip.socket.SOL_SOCKET, sip.socket.SO_RCVBUF, 4096)
        deaf.sock.settimeout(1)
        data = b"".join(sip.request("MESSAGE", headers=["X-Conn: " + "p" * 900]) for _ in range(8))
        with contextlib.suppress(TimeoutError, ConnectionError):
            for _ in range(2000):
                deaf.send(data)
        other.ask()
        assert ser.busiest() < BUSY
        other.ask()
    ser.wait_idle()
