# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenSSL's own configuration: what it says for all programs holds unless SER's says otherwise."""
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


def test_groups(start, openssl):
    """Of the key exchange."""
    ser = start(environment=openssl(SYSTEM + "Groups = P-384\n"))
    host, port = ser.address()
    for groups, agreed in ("X25519:P-256", False), ("X25519:P-384", True):
        done = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{port}", "-groups", groups], text=True,
                              input="", capture_output=True, timeout=settings.PATIENCE, check=False)
        assert ("secp384r1" in done.stdout) == agreed, done


def test_no_algorithms(refused, openssl):
    """One sentence, with the file and what it lacks."""
    environment = openssl(WITHOUT_DEFAULT)
    for options in "-DD", "-c":
        code, log = refused(environment=environment).run_to_end(options)
        assert code != 0
        assert f"OpenSSL has no algorithms, because its configuration '{environment['OPENSSL_CONF']}' loads providers " \
            "without the one named default" in log, log
        assert "random" not in log
