# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenSSL's own configuration: what it says for all programs holds unless SER's says otherwise."""
import re
import ssl
import subprocess

import pytest

import settings
import sip

SYSTEM = """openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = system
[system]
"""
WITHOUT_DEFAULT = """openssl_conf = all
[all]
providers = providers
[providers]
base = base
[base]
activate = 1
"""


@pytest.fixture
def openssl(tmp_path):
    """openssl(TEXT) is an environment with that configuration."""
    def write(text):
        path = tmp_path / "openssl.cnf"
        path.write_text(text)
        return {"OPENSSL_CONF": str(path)}
    return write


def version(ser, wanted=None):
    """Of a connection; None: there is none."""
    try:
        with sip.TlsClient(ser.address(), sip.context(version=wanted)) as client:
            client.ask()
            return client.tls.version()
    except (ssl.SSLError, sip.Ended, ConnectionError):
        return None


@pytest.mark.parametrize("parameters", [{}, {"method": "SSLv23"}, {"method": "TLSv1.2+"}], ids=str)
def test_newest_version(start, openssl, parameters):
    ser = start(environment=openssl(SYSTEM + "MaxProtocol = TLSv1.2\n"), tls=parameters)
    assert version(ser) == "TLSv1.2"
    assert version(ser, "1.3") is None


def test_oldest_version(start, openssl):
    ser = start(environment=openssl(SYSTEM + "MinProtocol = TLSv1.3\n"), tls={"ktls": 0})
    assert version(ser) == "TLSv1.3"
    assert version(ser, "1.2") is None


def test_method_says_otherwise(start, openssl):
    ser = start(environment=openssl(SYSTEM + "MaxProtocol = TLSv1.2\n"), tls={"method": "TLSv1.3"})
    assert version(ser) == "TLSv1.3"


def test_no_version_left(refused, openssl):
    environment = openssl(SYSTEM + "MaxProtocol = TLSv1.2\n")
    code, log = refused(environment=environment, tls={"method": "TLSv1.3+"}).run_to_end("-c")
    assert code != 0
    assert f"method: no version is left: '{environment['OPENSSL_CONF']}' limits all programs to older ones" in log, log


def agreed(ser, *options):
    """How s_client says that keys were exchanged; None: there was no handshake."""
    host, port = ser.address()
    done = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{port}", *options], text=True, input="",
                          capture_output=True, timeout=settings.PATIENCE, check=False)
    said = re.search(r"(?:(?:Server|Peer) Temp Key|Negotiated TLS1.3 group): (?!<NULL>)(.*)", done.stdout)
    return said and said[1]


def test_groups(start, openssl):
    """Of the key exchange."""
    ser = start(environment=openssl(SYSTEM + "Groups = P-384\n"))
    assert agreed(ser, "-groups", "X25519:P-256") is None
    assert "secp384r1" in agreed(ser, "-groups", "X25519:P-384")


def test_no_finite_fields(start, openssl):
    """A share of one costs its sender nothing and us much; whoever wants them names them."""
    ser = start(environment=openssl(SYSTEM))
    for group in "ffdhe2048", "ffdhe3072", "ffdhe8192":
        assert agreed(ser, "-tls1_3", "-groups", group) is None
    if "X25519MLKEM768" in subprocess.run(["openssl", "list", "-tls-groups"], text=True, capture_output=True,
                                          timeout=settings.PATIENCE, check=False).stdout:
        assert agreed(ser) == "X25519MLKEM768"
    for group in "X25519", "P-256", "X448", "P-521", "P-384":
        assert agreed(ser, "-tls1_3", "-groups", f"ffdhe8192:{group}")
    for line in "Groups = X25519:P-256:ffdhe2048", "1.curves = X25519:P-256:ffdhe2048":
        ser = start(environment=openssl(SYSTEM + line + "\n"))
        assert agreed(ser, "-tls1_3", "-groups", "ffdhe2048")


def test_field_of_a_long_key(start, pki):
    """TLS 1.2 with DHE costs the same whatever the certificate."""
    pair = pki.make("server-rsa-4096", "rsa.example.org", pki.ca, key=("-newkey", "rsa:4096"))
    for suites, bits in (None, 2048), ("DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=3", 3072):
        ser = start(tls={"certificate": pair.cert, "private_key": pair.key, "ca_list": None, "verify_certificate": 0,
                         "tls_method": "TLSv1.2+", "cipher_list": suites})
        assert agreed(ser, "-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256") == f"DH, {bits} bits"


def test_no_algorithms(refused, openssl):
    """One sentence, with the file and what it lacks."""
    environment = openssl(WITHOUT_DEFAULT)
    for options in "-DD", "-c":
        code, log = refused(environment=environment).run_to_end(options)
        assert code != 0
        assert f"OpenSSL has no algorithms, because its configuration '{environment['OPENSSL_CONF']}' loads providers " \
            "without the one named default" in log, log
        assert "random" not in log
