# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be set for a domain is in effect there, and in no other."""
import os
import shutil
import ssl
import subprocess

import pytest

import sip
from domains import from_file, section

V4 = "tls:127.0.0.1"
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


def ask(ser, index=0, context=None, **options):
    """The answer to one OPTIONS."""
    with sip.TlsClient(ser.address(index), context or sip.context(), **options) as client:
        return client.ask()


def alerted(ser, index, context, alert, **options):
    """The handshake ends with that alert."""
    with pytest.raises(ssl.SSLError, match=alert):
        ask(ser, index, context, **options)


@pytest.fixture
def asking(share_here, pki):
    """Listeners that ask nothing, ask, demand; ask for any certificate; and look revoked ones up."""
    trust = {"ca_list": pki.ca.cert}
    sections = ({}, {"verify_certificate": "yes", **trust}, {"require_certificate": "on", **trust},
                {"verify_client": "optional_no_ca", **trust},
                {"verify_certificate": 1, "crl": pki.crl, **trust}, {"verify_client": "on", **trust},
                {"verify_client": "optional", **trust}, {"verify_client": "optional_no_ca", "crl": pki.crl, **trust})
    return share_here("asking", listen=(V4,) * len(sections), tls=from_file(
        *(section(f"server:127.0.0.1:{{ports[{index}]}}", pki.server, **attributes)
          for index, attributes in enumerate(sections)), section("server:default", pki.server)))


@VERSIONS
def test_verification(asking, pki, version):
    """None, good, of an unknown CA: the common name and whether it verified, or the alert."""
    missing = {"1.2": "HANDSHAKE_FAILURE", "1.3": "CERTIFICATE_REQUIRED"}[version]
    none, good, bad = (None, "0"), ("Bob", "1"), "UNKNOWN_CA"
    for index, results in enumerate([(none, none, none), (none, good, bad), (missing, good, bad),
                                     (none, good, ("Stranger", "0")), (none, good, bad), (missing, good, bad),
                                     (none, good, bad), (none, good, ("Stranger", "0"))]):
        for pair, result in zip((None, pki.bob, pki.stranger), results, strict=True):
            context = sip.context(pair, version)
            if isinstance(result, str):
                alerted(asking, index, context, result)
            else:
                answer = ask(asking, index, context)
                assert (answer.select("tls.peer"), answer.select("tls.peer.verified")) == result, index


@VERSIONS
def test_revoked(asking, pki, version):
    """The domain without a list lets it in, the one with the list tells it why not."""
    context = sip.context(pki.revoked, version)
    assert ask(asking, 1, context).select("tls.peer.verified") == "1"
    alerted(asking, 4, context, "CERTIFICATE_REVOKED")
    assert ask(asking, 7, context).select("tls.peer.verified") == "0"


@VERSIONS
def test_by_name_as_well(share_here, pki, version):
    """The domain that the name chooses decides what is asked, in both directions."""
    ser = share_here("asking by name", tls=from_file(
        section("server:default", pki.server, require_certificate=1, ca_list=pki.ca.cert),
        section("server:any", pki.one, server_name="sni1.example.org"),
        section("server:any", pki.two, server_name="sni2.example.org", require_certificate=1, ca_list=pki.ca.cert,
                crl=pki.crl)))
    context = sip.context(version=version)
    alert = {"1.2": "HANDSHAKE_FAILURE", "1.3": "CERTIFICATE_REQUIRED"}[version]
    alerted(ser, 0, context, alert)
    assert ask(ser, 0, context, server_name="sni1.example.org").select("tls.me") == "sni1.example.org"
    alerted(ser, 0, context, alert, server_name="sni2.example.org")
    alerted(ser, 0, sip.context(pki.revoked, version), "CERTIFICATE_REVOKED", server_name="sni2.example.org")
    assert ask(ser, 0, sip.context(pki.revoked, version)).select("tls.peer.verified") == "1"


def test_method_and_suites(start, pki):
    ser = start(listen=(V4,) * 4, tls=from_file(
        section("server:127.0.0.1:{ports[1]}", pki.server, method="TLSv1.2"),
        section("server:127.0.0.1:{ports[2]}", pki.server, tls_method="TLSv1.3"),
        section("server:127.0.0.1:{ports[3]}", pki.server, cipher_list="ECDHE-ECDSA-CHACHA20-POLY1305",
                ciphersuites="TLS_AES_128_GCM_SHA256"),
        section("server:default", pki.server),
        section("server:any", pki.one, server_name="sni1.example.org", method="TLSv1.3"),
        section("server:any", pki.two, server_name="sni2.example.org", method="TLSv1.2")))
    for index, name, allowed in ((0, None, ("1.2", "1.3")), (1, None, ("1.2",)), (2, None, ("1.3",)),
                                 (0, "sni1.example.org", ("1.3",)), (0, "sni2.example.org", ("1.2",))):
        for version in "1.2", "1.3":
            if version in allowed:
                answer = ask(ser, index, sip.context(version=version), server_name=name)
                assert answer.select("tls.version") == "TLSv" + version
            else:
                alerted(ser, index, sip.context(version=version), "PROTOCOL_VERSION", server_name=name)
    assert ask(ser, 3, sip.context(version="1.2")).select("tls.cipher") == "ECDHE-ECDSA-CHACHA20-POLY1305"
    assert ask(ser, 3, sip.context(version="1.3")).select("tls.cipher") == "TLS_AES_128_GCM_SHA256"
    alerted(ser, 3, sip.context(version="1.2", ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"), "HANDSHAKE_FAILURE")
    assert ask(ser, 0, sip.context(version="1.2", ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"))


@pytest.mark.parametrize("file", [True, False], ids=["tls.cfg", "modparams"])
def test_two_certificates(start, pki, file):
    """Each client is shown the one that its suites can use."""
    attributes = {"certificate": pki.server.cert, "private_key": pki.server.key, "certificate2": pki.server_rsa.cert,
                  "private_key2": pki.server_rsa.key}
    ser = start(tls=from_file(section("server:default", **attributes)) if file else attributes)
    for kind, name in ("ECDSA", "sip.example.org"), ("RSA", "rsa.example.org"):
        context = sip.context(version="1.2", ciphers=f"ECDHE-{kind}-AES128-GCM-SHA256")
        assert ask(ser, 0, context).select("tls.cipher") == f"ECDHE-{kind}-AES128-GCM-SHA256"
        with sip.TlsClient(ser.address(), context) as client:
            assert client.ask()
            der = client.tls.getpeercert(binary_form=True)
        with open(pki.server.cert if kind == "ECDSA" else pki.server_rsa.cert, encoding="ascii") as pem:
            assert der == ssl.PEM_cert_to_DER_cert(pem.read()), name


def test_encrypted_key(start, refused, pki):
    """With its password; a wrong one or none is a mistake, and no line repeats it."""
    pair = pki.encrypted(pki.one, "correct horse")
    ser = start(tls=from_file(section("server:default", pair, private_key_password='"correct horse"')))
    assert ask(ser).select("tls.me") == "sni1.example.org"
    assert "correct horse" not in ser.log()
    for attributes, word in ({"private_key_password": "staple"}, "private_key_password"), ({}, "encrypted"):
        server = refused(tls=from_file(section("server:default", pair, **attributes)))
        code, log = server.run_to_end("-DD")
        assert code and word in log and pair.key in log and "staple" not in log, log


@pytest.mark.parametrize("file", [True, False], ids=["tls.cfg", "modparams"])
def test_ca_path(start, pki, tmp_path, file):
    """A folder with hashed names, in which the stock module's modparam does not look."""
    shutil.copy(pki.ca.cert, tmp_path / "ca.pem")
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True, capture_output=True, timeout=60)
    assert len(os.listdir(tmp_path)) == 2
    attributes = {"ca_path": str(tmp_path), "require_certificate": 1}
    ser = start(tls=from_file(section("server:default", pki.server, **attributes)) if file else
                {"ca_list": None, **attributes})
    assert ask(ser, 0, sip.context(pki.bob)).select("tls.peer.verified") == "1"
    alerted(ser, 0, sip.context(pki.stranger), "UNKNOWN_CA")


def test_verify_depth(start, pki, tmp_path):
    """Of a chain with a certificate between."""
    between = pki.make("between", "Between", pki.ca, ("basicConstraints=critical,CA:true",))
    below = pki.make("below", "Below", between)
    chain = tmp_path / "chain.pem"
    chain.write_text("".join(open(pair.cert, encoding="ascii").read() for pair in (below, between)))
    trust = {"ca_list": pki.ca.cert, "verify_certificate": 1}
    ser = start(listen=(V4, V4), tls=from_file(
        section("server:default", pki.server, **trust),
        section("server:127.0.0.1:{ports[1]}", pki.server, verify_depth=0, **trust)))
    context = sip.context(below._replace(cert=str(chain)))
    assert ask(ser, 0, context).select("tls.peer") == "Below"
    alerted(ser, 1, context, "UNKNOWN_CA|CERTIFICATE")
