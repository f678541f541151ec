# SPDX-License-Identifier: GPL-2.0-or-later
"""Configurations written for SER's TLS module of 2006 and for the stock one load; what is wrong is said at once."""
import re

import pytest

import sip
from domains import AWAY, from_file, section, write
from test_parameters import WITHOUT_MEANING, stock_types

# Words that the 2006 module took for yes and no.
WORDS = [("yes", "no"), ("on", "off"), ("true", "false"), ("enable", "disable"), ("1", "0"), (1, 0)]


def notices(log):
    """The parameters that a line says have no effect, in order."""
    return re.findall(r"NOTICE: tls: the parameter (\w+) has no effect: \w", log)


@pytest.mark.parametrize("yes, no", WORDS, ids=[str(yes) for yes, _ in WORDS])
def test_words_of_2006(start, pki, yes, no):
    """As modparams, with the times of its examples."""
    ser = start(tls={"method": "SSLv23", "verify_certificate": yes, "require_certificate": no,
                     "handshake_timeout": 120, "send_timeout": 120, "tls_log": 3})
    for pair, verified in (pki.bob, "1"), (None, "0"):
        with sip.TlsClient(ser.address(), sip.context(pair)) as client:
            assert client.ask().select("tls.peer.verified") == verified
    options = ser.info("tls.options")
    assert (options["method"], options["verify_certificate"], options["require_certificate"]) == ("TLSv1.2+", "1", "0")
    assert (options["handshake_timeout"], options["send_timeout"]) == ("120", "120")
    assert not notices(ser.log())


def test_stock_modparams(start):
    """All without a meaning here, of the type that the stock module wants: one notice for each, and it works."""
    ser = start(tls={name: 1 if stock_types()[name] == "INT" else "text" for name in WITHOUT_MEANING})
    assert sorted(notices(ser.log())) == sorted(WITHOUT_MEANING)
    with sip.TlsClient(ser.address()) as client:
        client.ask()


def test_stock_file(start, pki):
    """A file as its manual shows one, beside modparams for all that it lets one set."""
    sections = (
        "# a comment\n" + section("server:default", pki.server, method="TLSv1+", verify_certificate="no",
                                  require_certificate="no", ca_list=pki.ca.cert, crl=pki.crl),
        section("client:default", method="TLSv1+", verify_certificate="yes", require_certificate="yes",
                ca_list=pki.ca.cert),
        section("server:127.0.0.1:{ports[1]}", pki.server_rsa, method="SSLv23", verify_certificate="yes",
                require_certificate="yes", verify_depth="3", ca_list=pki.ca.cert, cipher_list="HIGH:!aNULL"),
        section("client:127.0.0.1:5061", pki.bob, server_id="trunk", server_name="trunk.example.org"))
    ser = start(listen=("tls:127.0.0.1", "tls:127.0.0.1"),
                tls=from_file(*sections, tls_log=3, connection_timeout=600, low_mem_threshold1=-1, xavp_cfg="tls",
                              event_callback="ksr_tls_event", send_close_notify=1, session_cache=0, renegotiation=0,
                              tls_disable_compression=1, ssl_release_buffers=1))
    with sip.TlsClient(ser.address(1), sip.context(pki.bob)) as client:
        answer = client.ask()
        assert (answer.select("tls.me"), answer.select("tls.peer.verified")) == ("rsa.example.org", "1")
    assert sorted(notices(ser.log())) == ["renegotiation", "send_close_notify", "session_cache", "ssl_release_buffers",
                                          "tls_disable_compression"]
    assert not ser.log_count(r"(WARNING|ERROR): tls: .*tls\.cfg")


def test_modparams_beside_a_file(start, pki):
    """They have no effect, and each is said to have none."""
    ser = start(tls={**AWAY, **from_file(section("server:default", pki.server)),
                     "certificate": pki.one.cert, "require_certificate": 1,
                     "cipher_list": lambda s: f"127.0.0.1:{s.ports[0][1]}=HIGH"})
    with sip.TlsClient(ser.address()) as client:
        assert client.ask().select("tls.me") == "sip.example.org"
    for words in "modparam: certificate has no effect", "modparam: require_certificate has no effect", \
            r"\[server:127\.0\.0\.1:\d+\]: the parameters for that address have no effect":
        assert ser.logged("WARNING: tls: .*" + words, 1), ser.log()


BROKEN = """[server:default]
method = TLSv9
verify_certificate = perhaps
verify_depth = 1000
certificat = server.pem
[server:1.2.3.4]
[somebody:default]
[server:any]
server_name = *.example.org
certificate = "missing.pem
[client:default]
verify_client = sometimes
[server:default]
"""
# What a line of the log says of each line of the file that is wrong, or only odd.
MISTAKES = {2: "method: 'TLSv9'", 3: "verify_certificate: 'perhaps'", 5: "'certificat'", 6: "address of the section",
            7: "a section is", 10: "closing quote", 12: "verify_client: 'sometimes'"}
ODD = {1: "defined again in .*tls.cfg:13", 4: "verify_depth: 1000", 9: r"server_name: .*'\*.example.org'"}
UNUSABLE = """[server:default]
certificate = missing.pem
ca_list = ser.cfg
cipher_list = NO-SUCH-SUITE
[server:any]
server_name = example.org
certificate = elsewhere.pem
crl = ser.cfg
"""


@pytest.mark.parametrize("options", ["-DD", "-c"], ids=["start", "check"])
def test_all_mistakes(refused, options):
    """One line for each, in one go."""
    server = refused(tls={**AWAY, "config": lambda s: write(s, BROKEN)})
    code, log = server.run_to_end(options)
    assert code, log
    for line, words in MISTAKES.items():
        assert server.log_count(rf"ERROR: tls: .*tls\.cfg:{line}: .*{words}") == 1, f"{line}, {words}: {log}"
    for line, words in ODD.items():
        assert server.log_count(rf"WARNING: tls: .*tls\.cfg:{line}: .*{words}") == 1, f"{line}, {words}: {log}"
    assert server.log_count("ERROR: tls: ") == len(MISTAKES), log


@pytest.mark.parametrize("options", ["-DD", "-c"], ids=["start", "check"])
def test_all_unusable_files(refused, options):
    """The same for what is found when contexts are made."""
    server = refused(tls={**AWAY, "config": lambda s: write(s, UNUSABLE)})
    code, log = server.run_to_end(options)
    assert code, log
    for words in (r":2: \[server:default\]: certificate: .*missing\.pem", r":3: \[server:default\]: ca_list: .*ser\.cfg",
                  r":4: \[server:default\]: cipher_list: .*NO-SUCH-SUITE",
                  r":7: \[server:any\]: certificate: .*elsewhere\.pem", r":8: \[server:any\]: crl: .*ser\.cfg"):
        assert server.log_count("ERROR: tls: .*tls.cfg" + words) == 1, f"{words}: {log}"


def test_good_file_passes_the_check(refused, pki):
    code, log = refused(tls=from_file(section("server:default", pki.server))).run_to_end("-c")
    assert code == 0 and "ERROR" not in log, log


def test_reload_of_a_broken_file(start, pki):
    """Everything stays as it was, and the log has all mistakes."""
    ser = start(tls=from_file(section("server:default", pki.server)))
    write(ser, BROKEN)
    assert "error: 500" in ser.text("tls.reload")
    with sip.TlsClient(ser.address()) as client:
        assert client.ask().select("tls.me") == "sip.example.org"
    for line in MISTAKES:
        assert ser.logged(rf"ERROR: tls: tls\.reload changes nothing: .*tls\.cfg:{line}: ", 1), ser.log()
