# SPDX-License-Identifier: GPL-2.0-or-later
"""A request is answered with every AEAD suite, and the script sees what the stock module shows."""
import pytest

import sip

SUITES_12 = {"ECDHE-ECDSA-AES128-GCM-SHA256": ("AESGCM(128)", 128),
             "ECDHE-ECDSA-AES256-GCM-SHA384": ("AESGCM(256)", 256),
             "ECDHE-ECDSA-CHACHA20-POLY1305": ("CHACHA20/POLY1305(256)", 256)}


def expected(suite, version, cipher, bits, client, ca):
    """Answers of the selects, in the stock module's words."""
    exchange, authentication = ("any", "any") if version == "TLSv1.3" else ("ECDH", "ECDSA")
    text = f"{suite:<30} {version:<7} Kx={exchange:<8} Au={authentication:<5} Enc={cipher:<22} Mac=AEAD\n"
    return {"tls": text, "tls.desc": text,
            "tls.version": version, "tls.cipher": suite, "tls.cipher.bits": str(bits),
            "tls.peer": client and client.name, "tls.peer.subject": client and client.name,
            "tls.peer.issuer": client and ca.name, "tls.peer.verified": "1" if client else "0",
            "tls.me": "sip.example.org"}


def seen(answer, names):
    """What the script saw."""
    return {name: answer.select(name) for name in names}


@pytest.mark.parametrize("with_certificate", [False, True], ids=["anonymous", "bob"])
@pytest.mark.parametrize("suite", SUITES_12)
def test_tls12(ser, pki, suite, with_certificate):
    bob = pki.bob if with_certificate else None
    with sip.TlsClient(ser.address(), sip.context(bob, "1.2", suite)) as client:
        want = expected(suite, "TLSv1.2", *SUITES_12[suite], bob, pki.ca)
        assert seen(client.ask(), want) == want


@pytest.mark.parametrize("with_certificate", [False, True], ids=["anonymous", "bob"])
def test_tls13(ser, pki, with_certificate):
    bob = pki.bob if with_certificate else None
    with sip.TlsClient(ser.address(), sip.context(bob, "1.3")) as client:
        want = expected("TLS_AES_256_GCM_SHA384", "TLSv1.3", "AESGCM(256)", 256, bob, pki.ca)
        assert seen(client.ask(), want) == want


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_same_answers_for_the_life_of_a_connection(ser, pki, version):
    """Values come from a snapshot; it is there for every request, not for the first only."""
    with sip.TlsClient(ser.address(), sip.context(pki.bob, version)) as client:
        answers = [{k: v for k, v in client.ask().headers.items() if k.startswith("X-")} for _ in range(5)]
        assert answers[0]["X-tls.peer"] == "H" + b"Bob".hex()
        assert answers.count(answers[0]) == 5


def test_plain_tcp_has_no_tls(start):
    ser = start(listen=("tls:127.0.0.1", "tcp:127.0.0.1"))
    with sip.Wire(ser.address(1)) as client:
        answer = client.ask()
        assert answer.status == 200
        values = {name: value for name, value in answer.headers.items() if name.startswith("X-tls")}
        assert values and set(values.values()) == {"N"}


@pytest.mark.parametrize("asynchronous", ["yes", "no", None])
def test_tcp_async(start, pki, asynchronous):
    """The core writes by itself (yes, its default) or the module does (no)."""
    ser = start(core=[f"tcp_async={asynchronous}"] if asynchronous else [])
    for version in "1.2", "1.3":
        with sip.TlsClient(ser.address(), sip.context(pki.bob, version)) as client:
            for _ in range(3):
                assert client.ask().select("tls.version") == "TLSv" + version
