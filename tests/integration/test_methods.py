# SPDX-License-Identifier: GPL-2.0-or-later
"""Protocol versions the parameter lets in, by both of its names."""
import pytest

import sip

METHODS = [(None, "1.2 1.3"), ("SSLv23", "1.2 1.3"), ("TLSv1.2", "1.2"), ("TLSv1.2+", "1.2 1.3"),
           ("TLSv1.3", "1.3"), ("TLSv1.3+", "1.3")]


@pytest.mark.parametrize("name", ["method", "tls_method"])
@pytest.mark.parametrize("method, good", METHODS, ids=[str(method) for method, _ in METHODS])
def test_method(start, pki, name, method, good):
    ser = start(tls={name: method} if method else {})
    for version in "1.2", "1.3":
        client = sip.TlsClient(ser.address(), sip.context(pki.bob, version))
        if version in good.split():
            with client:
                assert client.ask().select("tls.version") == "TLSv" + version
        else:
            with pytest.raises(sip.ssl.SSLError, match="(?i)alert.protocol.version"), client:
                pass


def test_cipher_list(start, pki):
    """Suites of TLS 1.2 that are not in it are refused; those of TLS 1.3 are not its business."""
    only = "ECDHE-ECDSA-AES128-GCM-SHA256"
    ser = start(tls={"cipher_list": only})
    with sip.TlsClient(ser.address(), sip.context(pki.bob, "1.2")) as client:
        assert client.ask().select("tls.cipher") == only
    with pytest.raises(sip.ssl.SSLError, match="HANDSHAKE_FAILURE"):
        with sip.TlsClient(ser.address(), sip.context(pki.bob, "1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")):
            pass
    with sip.TlsClient(ser.address(), sip.context(pki.bob, "1.3")) as client:
        assert client.ask().select("tls.cipher") == "TLS_AES_256_GCM_SHA384"
