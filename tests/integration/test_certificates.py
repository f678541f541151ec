# SPDX-License-Identifier: GPL-2.0-or-later
"""Kinds of server certificate, and what becomes of a client's."""
import os
import shutil

import pytest

import sip


def refusal(ser, client_context):
    """How the server ends a connection it does not want; the client's side may see its handshake through."""
    client = sip.TlsClient(ser.address(), client_context)
    with pytest.raises((sip.Ended, sip.ssl.SSLError)) as failure:
        with client:
            client.receive()
    return getattr(failure.value, "reason", None) or str(failure.value)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"])
def test_rsa_server(share, pki, version, suite):
    ser = share("rsa", tls={"certificate": pki.server_rsa.cert, "private_key": pki.server_rsa.key})
    ciphers = "ECDHE-RSA-" + suite if version == "1.2" else None
    with sip.TlsClient(ser.address(), sip.context(pki.bob, version, ciphers)) as client:
        answer = client.ask()
        assert answer.select("tls.me") == "rsa.example.org"
        assert answer.select("tls.cipher") == (ciphers or "TLS_AES_256_GCM_SHA384")


def test_chain_file(start, pki, tmp_path):
    """A certificate file holds the chain, too, and a key may lie in the same file."""
    both = tmp_path / "both.pem"
    both.write_text("".join(open(name, encoding="ascii").read() for name in
                            (pki.server.key, pki.server.cert, pki.ca.cert)))
    ser = start(tls={"certificate": str(both), "private_key": str(both)})
    trusting = sip.context()
    trusting.load_verify_locations(pki.ca.cert)
    trusting.verify_mode = sip.ssl.CERT_REQUIRED
    with sip.TlsClient(ser.address(), trusting) as client:
        assert client.ask().select("tls.me") == "sip.example.org"


def test_paths_relative_to_the_configuration(refused, pki):
    """Not to the working folder, which is another one here."""
    ser = refused(tls={"certificate": "server.pem", "private_key": "keys/server.pem", "ca_list": "ca.pem"})
    folder = os.path.dirname(ser.config)
    os.mkdir(os.path.join(folder, "keys"))
    for source, name in ((pki.server.cert, "server.pem"), (pki.server.key, "keys/server.pem"),
                         (pki.ca.cert, "ca.pem")):
        shutil.copy(source, os.path.join(folder, name))
    ser.start()
    with sip.TlsClient(ser.address(), sip.context(pki.bob)) as client:
        assert client.ask().select("tls.peer.verified") == "1"
    ser.stop()
    ser.check_log()


@pytest.fixture(params=[1, "1"], ids=["integers", "strings"])
def demanding(request, share):
    """A server that wants a certificate and verifies it, asked for with integers or with strings."""
    return share(f"demanding {request.param!r}",
                 tls={"verify_certificate": request.param, "require_certificate": request.param})


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_required_and_good(demanding, pki, version):
    with sip.TlsClient(demanding.address(), sip.context(pki.bob, version)) as client:
        answer = client.ask()
        assert answer.select("tls.peer") == "Bob"
        assert answer.select("tls.peer.issuer") == pki.ca.name
        assert answer.select("tls.peer.verified") == "1"


@pytest.mark.parametrize("version, alert", [("1.2", "HANDSHAKE_FAILURE"), ("1.3", "CERTIFICATE_REQUIRED")])
def test_required_and_missing(demanding, pki, version, alert):
    assert alert in refusal(demanding, sip.context(None, version))
    with sip.TlsClient(demanding.address(), sip.context(pki.bob, version)) as client:
        client.ask()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_required_and_unknown(demanding, pki, version):
    assert "UNKNOWN_CA" in refusal(demanding, sip.context(pki.stranger, version))


@pytest.mark.parametrize("on", [1, "1"], ids=["integer", "string"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_verified_but_not_required(share, pki, version, on):
    """A bad certificate is refused, none is not."""
    off = type(on)(0)
    ser = share(f"verifying {on!r}", tls={"verify_certificate": on, "require_certificate": off})
    assert "UNKNOWN_CA" in refusal(ser, sip.context(pki.stranger, version))
    with sip.TlsClient(ser.address(), sip.context(None, version)) as client:
        answer = client.ask()
        assert answer.select("tls.peer") is None and answer.select("tls.peer.verified") == "0"


@pytest.mark.parametrize("off", [0, "0"], ids=["integer", "string"])
def test_not_asked_for(share, pki, off):
    """Without verify_certificate no certificate is asked for, so Bob's is not seen."""
    ser = share(f"incurious {off!r}", tls={"verify_certificate": off, "require_certificate": off})
    with sip.TlsClient(ser.address(), sip.context(pki.bob)) as client:
        answer = client.ask()
        assert answer.select("tls.peer") is None and answer.select("tls.peer.verified") == "0"
