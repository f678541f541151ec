# SPDX-License-Identifier: GPL-2.0-or-later
"""Both sides say close_notify: SSL.unwrap() of Python, which waits for the peer's, comes to its end."""
import ssl

import pytest

import settings
import sip
from homes import HOMES

GONE_WITHIN = 5


@pytest.fixture
def ser(share, pki, home):
    return home.shared(share, pki, "closing")


@pytest.fixture
def socket(ser, home):
    """A plain ssl.SSLSocket; it is its own judge of how a connection ends."""
    sip.TALLY.add(made=1, offload=home.offload)
    with sip.socket.create_connection(ser.address(), timeout=settings.PATIENCE) as tcp:
        context = home.context()
        with context.wrap_socket(tcp, suppress_ragged_eofs=False) as made:
            yield made


def ask(socket, home):
    """One request and its answer."""
    message = sip.request()
    socket.sendall(message)
    data, answer = b"", None
    while not answer:
        got = socket.recv(65536)
        assert got, "ended where an answer was due"
        answer, data = sip.take_answer(data + got)
    answer.check(home.offload)
    assert answer.call_id == sip.call_id(message) and not data


@HOMES
@pytest.mark.parametrize("count", [0, 1, 3], ids=["unused", "used", "used-more"])
def test_by_the_client(ser, socket, home, count):
    """unwrap() returns only when the server's close_notify was read; then the TCP stream ends."""
    for _ in range(count):
        ask(socket, home)
    if count:
        sip.TALLY.add(answered=1, offload=home.offload)
    plain = socket.unwrap()
    with plain:
        assert plain.recv(1) == b""
    ser.wait_idle(GONE_WITHIN)


@HOMES
def test_by_the_server(start, pki, home):
    """recv() says 0 (a ragged end would be an error), unwrap() then has both close_notify."""
    ser = start(**home.options(pki))
    sip.TALLY.add(made=1, offload=home.offload)
    with sip.socket.create_connection(ser.address(), timeout=settings.PATIENCE) as tcp, \
            home.context().wrap_socket(tcp, suppress_ragged_eofs=False) as made:
        ask(made, home)
        sip.TALLY.add(answered=1, offload=home.offload)
        ser.stop()
        assert made.recv(1) == b""
        try:
            made.unwrap()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass  # the server has closed its end: our own close_notify need not reach it



@HOMES
def test_by_the_server_while_others_live(ser, socket, home):
    """The core refuses a message without an end to its headers; that closes one connection, cleanly."""
    with home.client(ser) as other:
        other.ask()
        ask(socket, home)
        sip.TALLY.add(answered=1, offload=home.offload)
        socket.sendall(b"MESSAGE sip:test@127.0.0.1 SIP/2.0\r\nContent-Length: none\r\n\r\n")
        assert socket.recv(1) == b""
        other.ask()
    ser.wait_idle(GONE_WITHIN)
