# SPDX-License-Identifier: GPL-2.0-or-later
"""Selects, variables and functions beyond those of test_golden.py."""
import hashlib
import shutil
import ssl
import tempfile
import time

import pytest

import settings
import sip
from golden.certificates import Certificates
from server import value_lines
from test_golden import Pki

NAMES = {  # headers and what a script writes for them
    "host-0": "@tls.peer.host[0]", "host-1": "@tls.peer.host[1]", "host-2": "@tls.peer.dns[2]",
    "host-3": "@tls.peer.hostname[3]", "host-minus": "@tls.peer.host[-1]", "uri-1": "@tls.peer.uri[1]",
    "email-1": "@tls.peer.email[1]", "ip-1": "@tls.peer.ip[1]", "my-host-1": "@tls.my.host[1]",
    "count": "@tls.peer.count.DNS", "count-email": "@tls.peer.count.EMAIL", "count-uri": "@tls.my.count.URI",
    "count-ip": "@tls.me.count.IP", "upper": "@TLS.Peer.Subject.CN",
    "v-host": "$tls_peer_san_hostname", "v-host-1": "$(tls_peer_san_hostname[1])",
    "v-host-3": "$(tls_peer_san_hostname[3])", "v-host-all": "$(tls_peer_san_hostname[*])",
    "v-host-i": "$(tls_peer_san_hostname[$var(two)])", "v-my-uri-2": "$(tls_my_san_uri[2])",
    "v-count": "$tls_peer_san_count(DNS)", "v-count-email": "$tls_my_san_count(EMAIL)",
    "sel": "$sel(tls.peer)", "sel-host-1": "$sel(tls.peer.host[1])",
    "fingerprint": "@tls.peer.fingerprint", "v-fingerprint": "$tls_peer_fingerprint",
    "my-fingerprint": "@tls.me.fingerprint", "v-my-fingerprint": "$tls_my_fingerprint",
    "group": "@tls.group", "v-group": "$tls_group", "alpn": "@tls.alpn", "v-alpn": "$tls_alpn",
    "resumed": "@tls.resumed", "v-resumed": "$tls_resumed", "time": "@tls.handshake_time",
    "v-time": "$tls_handshake_time", "v-offload": "$tls_offload", "name": "@tls.server_name",
    "safe": "@tls.safe.peer", "safe-desc": "@tls.safe.desc", "safe-o": "@tls.safe.peer.subject.o",
    "safe-host-1": "@tls.safe.peer.host[1]", "safe-bits": "@tls.safe.cipher.bits",
    "safe-cert": "@tls.safe.peer.rawCert", "url-cert": "@tls.peer.urlencoded_cert",
    "v-safe-cn": "$tls_safe(peer_subject_cn)", "v-safe-host-1": "$(tls_safe(peer_san_hostname)[1])",
    "v-safe-version": "$tls_safe(version)"}


@pytest.fixture(scope="module")
def certificates():
    folder = tempfile.mkdtemp(prefix="golden-")
    yield Certificates(folder)
    shutil.rmtree(folder, ignore_errors=True)


def serve(share_here, certificates, name, **options):
    """A server with these certificates."""
    pairs = certificates.pairs
    return share_here(name, pki=Pki(pairs["s_full"], certificates.ca, pairs["full"]), **options)


@pytest.fixture
def ser(share_here, certificates):
    script = ["$var(two) = 2;"]
    for label, text in NAMES.items():
        script += value_lines(label, text)
    return serve(share_here, certificates, "names", script=script)


def connect(ser, certificates, client="full", version="1.3", **options):
    """A connection with that certificate, or none."""
    pair = certificates.pairs[client] if client else None
    return sip.TlsClient(ser.address(), sip.context(pair, version), **options)


def answers(ser, certificates, client="full", version="1.3", **options):
    """What the script saw."""
    with connect(ser, certificates, client, version, **options) as connection:
        answer = connection.ask("MESSAGE")
        return {label: answer.select(label) for label in NAMES}


def fingerprint(certificates, label):
    """Of a certificate."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificates.pem(label).decode())).hexdigest()


def test_alternative_names(ser, certificates):
    """Each by its index, and how many."""
    seen = answers(ser, certificates)
    assert {label: seen[label] for label in (
        "host-0", "host-1", "host-2", "uri-1", "email-1", "ip-1", "my-host-1", "v-host", "v-host-1", "v-host-i",
        "v-my-uri-2", "sel-host-1")} == {
            "host-0": "bob.example.org", "host-1": "*.example.org", "host-2": "xn--mnchen-3ya.example",
            "uri-1": "sip:bob@example.org", "email-1": "bob2@b.example", "ip-1": "2001:db8::1",
            "my-host-1": "*.example.org", "v-host": "bob.example.org", "v-host-1": "*.example.org",
            "v-host-i": "xn--mnchen-3ya.example", "v-my-uri-2": "sips:example.net", "sel-host-1": "*.example.org"}
    assert [seen[label] for label in ("count", "count-email", "count-uri", "count-ip", "v-count", "v-count-email")] \
        == ["3", "2", "3", "2", "3", "2"]
    assert [seen[label] for label in ("host-3", "host-minus", "v-host-3", "v-host-all")] == [None] * 4


def test_no_alternative_names(ser, certificates):
    """A certificate without any has 0; where there is no certificate, there is no number."""
    seen = answers(ser, certificates, "bare")
    assert (seen["count"], seen["v-count"], seen["host-0"]) == ("0", "0", None)
    seen = answers(ser, certificates, None)
    assert (seen["count"], seen["v-count"], seen["host-0"], seen["count-uri"]) == (None, None, None, "3")


def test_names_in_any_case(ser, certificates):
    """The core compares selects so; and $sel() knows them."""
    seen = answers(ser, certificates)
    assert (seen["upper"], seen["sel"]) == ("Bob", "Bob")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_new(ser, certificates, version):
    """What SER's own module does not tell."""
    seen = answers(ser, certificates, version=version, server_name="sip.example.org")
    assert seen["fingerprint"] == seen["v-fingerprint"] == fingerprint(certificates, "full")
    assert seen["my-fingerprint"] == seen["v-my-fingerprint"] == fingerprint(certificates, "s_full")
    hybrid = version == "1.3" and ssl.OPENSSL_VERSION_INFO >= (3, 5)
    assert seen["group"] == seen["v-group"] == ("X25519MLKEM768" if hybrid else "x25519")
    assert seen["alpn"] is seen["v-alpn"] is None  # nobody offers a protocol for SIP
    assert seen["resumed"] == seen["v-resumed"] == "0"
    assert seen["time"] == seen["v-time"] and 0 <= int(seen["time"]) < settings.PATIENCE * 1000
    assert seen["v-offload"] == settings.EXPECT
    assert seen["name"] == "sip.example.org"


def test_handshake_time(ser, certificates):
    """It counts from the accept to the client's last word."""
    pause = 0.3
    client = connect(ser, certificates)
    client.handshake(hold=True)
    time.sleep(pause)
    client.flush()
    with client:
        assert int(client.ask("MESSAGE").select("time")) >= pause * 1000 - 20  # a guest's clock is coarse


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_resumed(ser, certificates, version):
    """It says so, and the server's name is that of the session."""
    context = sip.context(certificates.pairs["full"], version)
    with sip.TlsClient(ser.address(), context, server_name="sip.example.org") as client:
        assert client.ask("MESSAGE").select("resumed") == "0"
        session = client.tls.session
    with sip.TlsClient(ser.address(), context, session=session, server_name="sip.example.org") as client:
        assert client.tls.session_reused
        answer = client.ask("MESSAGE")
        assert answer.select("resumed") == answer.select("v-resumed") == "1"
        assert answer.select("name") == "sip.example.org"
        assert answer.select("fingerprint") == fingerprint(certificates, "full")


def test_safe(ser, certificates):
    """Nothing is left that means anything in a header, a parameter or a URI."""
    seen = answers(ser, certificates, "crlf")
    assert seen["safe"] == seen["v-safe-cn"] == "Bob%0d%0aX-Injected%3a%20yes"
    seen = answers(ser, certificates)
    assert seen["safe"] == "Bob"
    assert seen["safe-o"] == "Gr%c3%b6%c3%9fe%20%26%20S%c3%b6hne%20GmbH"
    assert seen["safe-host-1"] == seen["v-safe-host-1"] == "%2a.example.org"
    assert (seen["safe-bits"], seen["v-safe-version"]) == ("256", "TLSv1.3")
    assert seen["safe-desc"].startswith("TLS_AES_256_GCM_SHA384%20") and seen["safe-desc"].endswith("%0a")
    assert seen["safe-cert"] == seen["url-cert"]


def test_injection(share_here, certificates):
    """A name with a line feed makes a header of its own, unless the script takes the safe one."""
    ser = serve(share_here, certificates, "injection", script=(
        'append_to_reply("X-Plain: $(tls_peer_subject_cn)\\r\\n");',
        'append_to_reply("X-Safe: $tls_safe(peer_subject_cn)\\r\\n");',
        'append_to_reply("X-Organization: $sel(tls.safe.peer.subject.o)\\r\\n");',
        *value_lines("back", "$(tls_safe(peer_subject_cn){s.urldecode.param})")))
    with connect(ser, certificates, "crlf") as client:
        answer = client.ask("MESSAGE")
    headers = answer.headers
    assert headers["X-Plain"] == "Bob" and headers["X-Injected"] == "yes"
    assert headers["X-Safe"] == "Bob%0d%0aX-Injected%3a%20yes"
    assert answer.select("back") == "Bob\r\nX-Injected: yes"
    with connect(ser, certificates) as client:
        assert client.ask("MESSAGE").headers["X-Organization"] == "Gr%c3%b6%c3%9fe%20%26%20S%c3%b6hne%20GmbH"


def test_chain(share_here, certificates):
    """It is kept where a script asks for it: the peer's certificate and those above it, as they were verified."""
    script = [line for i in range(4) for line in value_lines(f"chain-{i}", f"@tls.peer.verified_cert_chain[{i}]")]
    ser = serve(share_here, certificates, "chain", script=script,
                tls={"verify_certificate": None, "verify_client": "optional_no_ca"})
    for client, chain in (("full", ("full", "ca")), ("chain", ("chain", "middle", "ca")), ("self", ("self",)),
                          (None, ())):
        with connect(ser, certificates, client) as connection:
            answer = connection.ask("MESSAGE")
        assert [answer.select(f"chain-{i}") for i in range(4)] == \
            ([certificates.pem(label).decode() for label in chain] + [None] * 4)[:4]


def test_manual_example(share_here, certificates):
    """Authentication by certificate, as the manual of SER's module has it."""
    ser = serve(share_here, certificates, "manual", script=(
        'if ($rm == "INVITE" && proto == TLS && @tls.peer != "Bob") { sl_send_reply("403", "Forbidden"); exit; }',
        'if ($rm == "INVITE" && !is_peer_verified()) { sl_send_reply("500", "never"); exit; }'))
    for client, status in ("full", 200), ("bare", 403), (None, 403):
        with connect(ser, certificates, client) as connection:
            message = sip.request("INVITE")
            connection.send(message)
            head = connection.receive()
            assert head.startswith(f"SIP/2.0 {status} ".encode()), head


@pytest.mark.parametrize("text,why", [
    ("$tls(subject)", r"there is no \$tls\(subject\)"), ("$tls_safe(nonsense)", r"there is no \$tls_safe\(nonsense\)"),
    ("$tls_safe(tls_version)", r"there is no \$tls_safe\(tls_version\)"),
    ("$tls_peer_san_count(X)", r"there is no \$tls_peer_san_count\(X\)"), ("$(tls_version[1])", "index")])
def test_variables_that_are_none(refused, text, why):
    """The parser says so."""
    ser = refused(script=(f"$var(v) = {text};",))
    code, log = ser.run_to_end("-c")
    assert code != 0
    assert ser.logged(why), log


@pytest.mark.parametrize("text", ["!@tls.peer.verified", "@tls.cipher.bits > 128"])
def test_texts_that_are_no_numbers(refused, text):
    """As with SER's own module: a script has to say (int)."""
    ser = refused(script=(f"if ({text}) exit;",))
    code, log = ser.run_to_end("-c")
    assert code != 0
    assert ser.logged("type mismatch"), log


@pytest.mark.parametrize("text,why", [
    ("@tls.nonsense", "Unable to resolve select 'nonsense'"), ("@tls.peer.count.X", "Unable to resolve select 'X'"),
    ("@tls.peer.subject.cn.x", "Unable to resolve select 'x'"), ("@tls.safe", "SEL_PARAM_EXPECTED"),
    ("@tls.peer.count", "SEL_PARAM_EXPECTED"), ("@tls.peer.verified_cert_chain", "INT parameter"),
    ("@tls.version[1]", r"Unable to resolve select \[1\]")])
def test_selects_that_are_none(start, text, why):
    """The core says so, and runs on: then they are null."""
    ser = start(script=(f'if ($rm == "NEVER") $var(v) = {text};',))
    ser.accept(why)
    assert ser.logged(why, 1), ser.log()


def test_server_id(share_here, certificates):
    """Values, variables, and nothing at all are taken."""
    ser = serve(share_here, certificates, "id", script=(
        'if (!tls_set_connect_server_id("one")) append_to_reply("X-Failed: 1\\r\\n");',
        '$var(id) = "two";',
        'if (!tls_set_connect_server_id("$var(id)")) append_to_reply("X-Failed: 2\\r\\n");',
        'if (!tls_set_connect_server_id("")) append_to_reply("X-Failed: 3\\r\\n");'))
    with connect(ser, certificates) as client:
        for _ in range(3):
            assert "X-Failed" not in client.ask("MESSAGE").headers


JAVASCRIPT = """
function put(name, value) { KSR.hdr.append_to_reply("X-" + name + ": " + value + "\\r\\n"); }
function ask() {
    put("verified", KSR.tls.is_peer_verified());
    put("cn", KSR.tls.cget("tls_peer_subject_cn"));
    put("bits", KSR.tls.cget("tls_cipher_bits"));
    put("line", KSR.tls.cget("tls_peer_subject"));
    put("null", "(" + KSR.tls.cget("tls_alpn") + ")");
    put("none", "(" + KSR.tls.cget("tls_nonsense") + ")");
    put("safe", KSR.pv.get("$tls_safe(peer_subject_cn)"));
    put("id", KSR.tls.set_connect_server_id("one"));
}
"""


def test_other_languages(share_here, certificates):
    """KSR.tls, in JavaScript."""
    path = certificates.write("ask.js", JAVASCRIPT.encode())
    ser = serve(share_here, certificates, "kemi", script=('jsdt_run("ask");',), modules=("app_jsdt",),
               modparams=(("app_jsdt", "load", path),))
    with connect(ser, certificates) as client:
        headers = client.ask("MESSAGE").headers
    assert headers.get("X-verified") in ("1", "true"), ser.log()
    assert headers["X-id"] in ("1", "true")
    assert (headers["X-cn"], headers["X-bits"], headers["X-safe"]) == ("Bob", "256", "Bob")
    assert headers["X-line"].startswith("/C=DE/") and "/CN=Bob/" in headers["X-line"]
    assert headers["X-null"] == headers["X-none"] == "()"
    assert ser.logged(r'KSR\.tls\.cget\("tls_nonsense"\): there is no such variable')
    with connect(ser, certificates, None) as client:
        assert client.ask("MESSAGE").headers["X-verified"] in ("-1", "false")
