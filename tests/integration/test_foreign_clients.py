# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients we have not written: openssl s_client, which can choose TLS 1.3 suites, and gnutls-cli."""
import pytest

import tools
from test_selects import expected, seen

SUITES_13 = {"TLS_AES_128_GCM_SHA256": ("AESGCM(128)", 128), "TLS_AES_256_GCM_SHA384": ("AESGCM(256)", 256),
             "TLS_CHACHA20_POLY1305_SHA256": ("CHACHA20/POLY1305(256)", 256)}


@pytest.mark.parametrize("with_certificate", [False, True], ids=["anonymous", "bob"])
@pytest.mark.parametrize("suite", SUITES_13)
def test_openssl_tls13(ser, pki, suite, with_certificate):
    host, port = ser.address()
    bob = pki.bob if with_certificate else None
    answer = tools.ask(["openssl", "s_client", "-connect", f"{host}:{port}", "-ign_eof", "-quiet", "-tls1_3",
                        "-ciphersuites", suite, *(("-cert", bob.cert, "-key", bob.key) if bob else ())])
    want = expected(suite, "TLSv1.3", *SUITES_13[suite], bob, pki.ca)
    assert seen(answer, want) == want


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_gnutls(ser, pki, version):
    host, port = ser.address()
    answer = tools.ask(["gnutls-cli", "--no-ca-verification", "--logfile", "/dev/null",
                        "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}", "--x509certfile", pki.bob.cert,
                        "--x509keyfile", pki.bob.key, "--port", str(port), host])
    assert answer.select("tls.version") == "TLSv" + version
    assert answer.select("tls.peer") == "Bob" and answer.select("tls.peer.verified") == "1"
