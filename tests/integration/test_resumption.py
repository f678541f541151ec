# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions are resumed with tickets."""
import pytest

import sip
from test_flight import resumable


@pytest.mark.parametrize("with_certificate", [False, True], ids=["anonymous", "bob"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_ticket(ser, pki, version, with_certificate):
    """Every time, whichever process does it; the client's certificate is remembered."""
    client_context, session = resumable(ser, version, pki.bob if with_certificate else None)
    assert session.has_ticket
    for _ in range(5):
        with sip.TlsClient(ser.address(), client_context, session) as client:
            assert client.tls.session_reused
            answer = client.ask()
            assert answer.select("tls.version") == "TLSv" + version
            assert answer.select("tls.peer") == ("Bob" if with_certificate else None)
            assert answer.select("tls.peer.verified") == ("1" if with_certificate else "0")
            session = client.tls.session  # of TLS 1.3 a new one each time


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_ticket_of_a_stranger(ser, start, version):
    """Another server's ticket leads to a full handshake."""
    client_context, session = resumable(start(), version)
    with sip.TlsClient(ser.address(), client_context, session) as client:
        assert not client.tls.session_reused
        client.ask()
