# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that want new keys: GnuTLS's rekey (TLS 1.3), and renegotiation (TLS 1.2), which is refused."""
import pytest

import gnutls
import tools
from homes import DIRECT, RELAYED, USER
from test_key_update import CHANGED, follows

PRIORITY = "NORMAL:-VERS-ALL:+VERS-TLS"
# What GnuTLS has of the suites in homes.py.
CIPHERS = {None: "", "ECDHE-ECDSA-AES128-SHA": ":-CIPHER-ALL:+AES-128-CBC",
           "AES128-SHA": ":-CIPHER-ALL:+AES-128-CBC:-KX-ALL:+RSA"}
HOMES_12 = pytest.mark.parametrize("home", [DIRECT[0], USER[0], RELAYED[0], RELAYED[2]], ids=str)


@pytest.fixture
def ser(share, pki, home):
    return home.shared(share, pki, "renegotiation")


def priority(home):
    """GnuTLS's words for it."""
    return PRIORITY + home.version + CIPHERS[home.ciphers]


def cli(ser, home, *options):
    """gnutls-cli that takes commands between requests."""
    host, port = ser.address()
    return tools.Command(["gnutls-cli", "--no-ca-verification", "--inline-commands", "--priority",
                          priority(home), *options, "--port", str(port), host], home.offload)


@pytest.mark.parametrize("home", [DIRECT[1], USER[1]], ids=str)
def test_rekey(ser, home):
    """GnuTLS asks for our KeyUpdate, too."""
    with cli(ser, home) as client:
        assert client.ask(), client.text()
        if home.offload == "kernel" and not follows(ser):
            lines = ser.log_count(CHANGED)
            client.type(b"^rekey^\n")
            client.wait_for(b"- Peer has closed the GnuTLS connection")
            client.wait_for_end()
            ser.settle(lambda: ser.log_count(CHANGED) == lines + 1, ser.log)
        else:
            for number in range(3):
                client.type(b"^rekey^\n")
                client.wait_for(b"- Rekey was completed\n", number + 1)
                assert client.ask() and client.ask(), client.text()
    ser.wait_idle()


@HOMES_12
def test_refusal_is_not_the_end(ser, home):
    """Each time with a warning; the connection goes on."""
    with gnutls.Client(ser.address(), priority(home), home.offload) as client:
        answer = client.ask()
        assert home.ciphers in (None, answer.select("tls.cipher"))
        assert client.is_refused_a_renegotiation()
        client.ask()
        client.ask()
    ser.wait_idle()


@HOMES_12
def test_gnutls_cli(ser, home):
    """It is told no_renegotiation. That it ends then is its own doing."""
    with cli(ser, home, "-d", "5") as client:
        assert client.ask(), client.text()
        client.type(b"^renegotiate^\n")
        client.wait_for(b"Alert[1|100]")
        client.wait_for_end()
    with home.client(ser) as later:
        later.ask()
    ser.wait_idle()


@HOMES_12
def test_openssl(ser, home):
    """OpenSSL takes the refusal for fatal: the connection ends, after the warning."""
    host, port = ser.address()
    suite = ["-cipher", home.ciphers] if home.ciphers else []
    with tools.Command(["openssl", "s_client", "-connect", f"{host}:{port}", "-tls1_2", "-msg", *suite],
                       home.offload) as client:
        assert client.ask(), client.text()
        client.type(b"R\n")
        client.wait_for(b"warning no_renegotiation")
        assert not client.ask(), client.text()
    with home.client(ser) as later:
        later.ask()
    ser.wait_idle()
