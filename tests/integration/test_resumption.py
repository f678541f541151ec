# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions are resumed with tickets."""
import os
import signal
import ssl
import time

import pytest

import sip
from homes import HOMES


@pytest.fixture
def ser(share, pki, home):
    return home.shared(share, pki, "resumption")


@HOMES
@pytest.mark.parametrize("with_certificate", [False, True], ids=["anonymous", "bob"])
def test_ticket(ser, home, pki, with_certificate):
    """Every time, whichever process does it; the client's certificate is remembered."""
    client_context, session = home.resumable(ser, pki.bob if with_certificate else None)
    assert session.has_ticket
    for _ in range(5):
        with home.client(ser, client_context, session) as client:
            assert client.tls.session_reused
            answer = client.ask()
            assert answer.select("tls.version") == "TLSv" + home.version
            assert answer.select("tls.peer") == ("Bob" if with_certificate else None)
            assert answer.select("tls.peer.verified") == ("1" if with_certificate else "0")
            session = client.tls.session  # of TLS 1.3 a new one each time


@HOMES
def test_ticket_of_a_stranger(ser, home, start, pki):
    """Another server's ticket leads to a full handshake."""
    client_context, session = home.resumable(start(**home.options(pki)))
    with home.client(ser, client_context, session) as client:
        assert not client.tls.session_reused
        client.ask()


def resumed(ser, context, session, rounds=24):
    """How many of so many connections resume the session or the last one they were given."""
    count = 0
    for _ in range(rounds):
        with sip.TlsClient(ser.address(), context, session) as client:
            count += client.tls.session_reused
            client.ask()
            session = client.tls.session
    return count


def first_session(ser, version):
    context = sip.context(version=version)
    with sip.TlsClient(ser.address(), context) as client:
        client.ask()
        return context, client.tls.session


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_several_engines(share, version):
    """Whichever made a session, all resume it."""
    ser = share("engines that resume", tls={"engines": 3})
    context, session = first_session(ser, version)
    assert resumed(ser, context, session) == 24
    assert ser.command("tls.stats")["handshakes_resumed"] >= 24


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_engine_replaced(start, version):
    ser = start()
    ser.accept("the TLS engine .* died")
    context, session = first_session(ser, version)
    before = ser.engines()[0]
    os.kill(before["pid"], signal.SIGKILL)
    ser.settle(lambda: ser.engines()[0]["starts"] > before["starts"], ser.log)
    assert resumed(ser, context, session) == 24


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_second_server_with_the_same_keys(start, tmp_path, version):
    """A key file makes several servers one; another file does not."""
    files = [tmp_path / "one", tmp_path / "other"]
    for file in files:
        file.write_bytes(os.urandom(80))
    first, second, other = (start(tls={"session_ticket_keys": str(file)}) for file in (files[0], *files))
    context, session = first_session(first, version)
    assert resumed(second, context, session) == 24
    with sip.TlsClient(other.address(), context, session) as client:
        assert not client.tls.session_reused
        client.ask()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_keys_change(start, version):
    """With time they do; a session that is used is renewed, one that is not ends with its key."""
    ser = start(tls={"session_ticket_rotation": 2})
    context, old = first_session(ser, version)
    session, end = old, time.monotonic() + 9
    while time.monotonic() < end:
        with sip.TlsClient(ser.address(), context, session) as client:
            assert client.tls.session_reused
            client.ask()
            session = client.tls.session
        time.sleep(0.5)
    with sip.TlsClient(ser.address(), context, old) as client:
        assert not client.tls.session_reused
        client.ask()


def talk_counting(ser, context, session=None):
    """One connection: how many tickets came with it, its session, and whether that is resumed."""
    given = []
    context._msg_callback = lambda *message: given.append(message[4])  # pylint: disable=protected-access
    with sip.TlsClient(ser.address(), context, session) as client:
        client.ask()
        return given.count(ssl._TLSMessageType.NEWSESSION_TICKET), client.tls.session, client.tls.session_reused


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("tickets", [None, 0, 1, 3])
def test_number_of_tickets(share, version, tickets):
    """As many as the parameter says with a full handshake, and one more with each that resumes."""
    ser = share(f"server with {tickets} tickets", tls={"session_tickets": tickets})
    context = sip.context(version=version)
    given, session, reused = talk_counting(ser, context)
    assert not reused
    if tickets == 0:
        assert given == 0
        assert talk_counting(ser, context, session)[::2] == (0, False)
        return
    assert given == (1 if version == "1.2" else tickets or 1)
    given, _, reused = talk_counting(ser, context, session)
    assert reused and given == (0 if version == "1.2" else 1)
