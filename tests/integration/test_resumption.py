# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions are resumed with tickets."""
import pytest

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
