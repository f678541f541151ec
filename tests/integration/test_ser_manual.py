# SPDX-License-Identifier: GPL-2.0-or-later
"""The configurations in docs/from-the-ser-manual.md do what the page says."""
import contextlib
import json
import os
import re
import shlex
import ssl
import subprocess

import pytest

import outbound
import peers
import settings
import sip
from domains import AWAY, write
from kernel import TALLY
from manual import block, read

LISTEN = ("tls:127.0.0.1", "tls:127.0.0.2", "tls:[::1]")
ADDRESSES = ("192.0.2.1", "192.0.2.2", "[2001:db8::1]")  # of the page, for those above
UNVERIFIED = {"verify_certificate": None, "verify_client": "optional_no_ca"}


def here(text, pki, server):
    """With the addresses and files of a test."""
    for theirs, (where, port) in zip(ADDRESSES, server.ports):
        text = text.replace(theirs + ":5061", f"{where.split(':', 1)[1]}:{port}")
    for name, pair in ("default", pki.server), ("one", pki.one), ("two", pki.two):
        text = text.replace(f"/etc/ser/{name}.pem", pair.cert).replace(f"/etc/ser/{name}.key", pair.key)
    return text.replace("/etc/ser/ca.pem", pki.ca.cert)


def modparams(text, pki):
    """Those of a block, for a Server."""
    found = {}
    for name, value in re.findall(r'^modparam\("tls", "(\w+)", (.*)\)$', text, re.M):
        found.setdefault(name, []).append(
            (lambda server, value=value: here(value.strip('"'), pki, server)) if value[0] == '"' else int(value))
    assert sum(map(len, found.values())) == text.count("modparam(")
    return {**AWAY, **found}


def shown(ser, index, context, server_name=None):
    """The common name of what a client is shown, and whether its own certificate verified."""
    with sip.TlsClient(ser.address(index), context, server_name=server_name) as client:
        answer = client.ask()
        return answer.select("tls.me"), answer.select("tls.peer.verified")


def test_several_domains(start, pki):
    text = block("docs/from-the-ser-manual.md", "enable_tls=yes")
    assert [f"tls:{address}:5061" for address in ADDRESSES] == re.findall(r"^listen=(.*)$", text, re.M)
    ser = start(listen=LISTEN, tls=modparams(text, pki))
    bob, nobody = sip.context(pki.bob, "1.2"), sip.context(version="1.2")
    assert shown(ser, 0, bob) == ("sip.example.org", "1")
    assert shown(ser, 0, nobody) == ("sip.example.org", "0")
    assert shown(ser, 1, bob) == ("sni1.example.org", "1")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        shown(ser, 1, nobody)
    assert shown(ser, 2, bob) == ("sni2.example.org", "0")
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        shown(ser, 0, sip.context(pki.stranger, "1.2"))
    assert not ser.log_count(r"(WARNING|ERROR): tls: modparam|has no effect")


def test_several_domains_as_a_file(start, pki):
    text = block("docs/from-the-ser-manual.md", "[server:default]")
    ser = start(listen=LISTEN, tls={**AWAY, "config": lambda server: write(server, here(text, pki, server))})
    bob, nobody = sip.context(pki.bob, "1.2"), sip.context(version="1.2")
    assert shown(ser, 0, bob) == shown(ser, 2, bob) == ("sip.example.org", "1")
    assert shown(ser, 1, bob) == ("sni1.example.org", "1")
    assert shown(ser, 2, nobody, "sni2.example.org") == ("sni2.example.org", "0")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        shown(ser, 1, nobody, "sni2.example.org")


def asking(pki, pair):
    """A server that SER calls; it wants SER's certificate."""
    return peers.Peer(peers.context(pair, ca=pki.ca))


def test_another_certificate_for_each_destination(start, pki):
    """The last one has a certificate that SER does not trust, and no domain that would look."""
    text = block("docs/from-the-ser-manual.md", 'modparam("tls", "certificate"')
    with asking(pki, pki.server) as one, asking(pki, pki.server) as two, asking(pki, pki.stranger) as other:
        places = {"203.0.113.7:5061": one, "203.0.113.8:5061": two}
        for place, peer in places.items():
            text = text.replace(place, f"127.0.0.1:{peer.address[1]}")
        ser = start(**outbound.options(tls=modparams(text, pki)))
        with outbound.Client(ser) as client:
            for peer, shown_to in (one, "sni1.example.org"), (two, "sni2.example.org"), (other, "sip.example.org"):
                assert client.forward(peer).status == 200
                assert [connection.certificate for connection in peer.connections] == [shown_to]


def status(client, message=None):
    """The first line of what a client is answered."""
    with client:
        client.send(message or sip.request())
        data = b""
        while b"\r\n" not in data:
            data += client.receive()
    return data.split(b"\r\n")[0]


@pytest.fixture
def others(pki):
    """Clients' certificates that are not to be let in: a good one, one that calls itself Bob, none."""
    return pki.one, pki.make("false-bob", "Bob"), None


def test_authentication(start, pki, others):
    """As in 2006."""
    text = block("docs/from-the-ser-manual.md", "if (proto == TLS")
    assert 'proto == TLS && @tls.peer != "Bob"' in text
    ser = start(script=[text], listen=("tls:127.0.0.1", "tcp:127.0.0.1"))
    assert status(sip.TlsClient(ser.address(), sip.context(pki.bob))) == b"SIP/2.0 200 OK"
    assert status(sip.Wire(ser.address(1))) == b"SIP/2.0 200 OK"
    for pair in others[0], others[2]:
        assert status(sip.TlsClient(ser.address(), sip.context(pair))) == b"SIP/2.0 403 You are not Bob"
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        status(sip.TlsClient(ser.address(), sip.context(others[1])))


def test_authentication_that_asks_for_verification(start, pki, others):
    ser = start(script=[block("docs/from-the-ser-manual.md", "if (proto != TLS")], tls=UNVERIFIED,
                listen=("tls:127.0.0.1", "tcp:127.0.0.1"))
    assert status(sip.TlsClient(ser.address(), sip.context(pki.bob))) == b"SIP/2.0 200 OK"
    assert status(sip.Wire(ser.address(1))) == b"SIP/2.0 403 You are not Bob"
    for pair in others:
        assert status(sip.TlsClient(ser.address(), sip.context(pair))) == b"SIP/2.0 403 You are not Bob"


@pytest.mark.parametrize("old, new", [("!@tls.peer.verified", '@tls.peer.verified != "1"'),
                                      ("@tls.cipher.bits > 128", "(int)@tls.cipher.bits > 128")])
def test_what_the_core_refuses(refused, old, new):
    """And takes as the page spells it."""
    assert f"| `{old}` | `{new}`" in read("docs/from-the-ser-manual.md")
    code, log = refused(script=[f'if ({old}) {{ sl_send_reply("403", "No"); exit; }}']).run_to_end("-c")
    assert code and re.search("parse error|type mismatch", log), log
    code, log = refused(script=[f'if ({new}) {{ sl_send_reply("403", "No"); exit; }}']).run_to_end("-c")
    assert code == 0, log


def curl(heading, ser, pair, ca):
    """What the page's own call of curl prints, with the files of a test and the server at its name's address."""
    part = read("docs/from-the-ser-manual.md").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    host, port = ser.address()
    words = shlex.split(re.search(r"^`(curl .*?)`", part, re.M | re.DOTALL)[1])
    words = [{"bob.pem": pair.cert, "bob.key": pair.key, "ca.pem": ca.cert}.get(word, word) for word in words]
    assert ":5061/" in words[-1]
    words[-1] = words[-1].replace(":5061/", f":{port}/")
    TALLY.add(made=1, answered=1)
    done = subprocess.run([*words, "--silent", "--show-error", "--resolve", f"sip.example.org:{port}:{host}",
                           "--max-time", str(settings.PATIENCE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout


def test_management(start, pki, others):
    """tls.list over HTTPS, for Bob alone."""
    text = block("docs/from-the-ser-manual.md", 'loadmodule "xhttp.so"')
    route = text[text.index("event_route"):]
    assert re.findall(r'loadmodule "(\w+)\.so"', text) == ["xhttp", "jsonrpcs"]
    assert re.findall(r"^modparam(.*)$", text, re.M) == ['("jsonrpcs", "transport", 1)']
    ser = start(core=("tcp_accept_no_cl=yes",), modules=("xhttp",), routes=[
        'loadmodule "jsonrpcs.so"', 'modparam("jsonrpcs", "transport", 1)', route], tls=UNVERIFIED)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tls.list"})
    message = (f"POST / HTTP/1.1\r\nHost: sip.example.org\r\nContent-Type: application/json\r\n"
               f"Content-Length: {len(body)}\r\n\r\n{body}").encode()
    for pair in others:
        assert status(sip.TlsClient(ser.address(), sip.context(pair)), message) == b"HTTP/1.1 403 Forbidden"
    with sip.TlsClient(ser.address(), sip.context(pki.bob)) as client:
        client.send(message)
        data = client.receive()
        while b"\r\n\r\n" not in data or not data.endswith(b"}"):
            data += client.receive()
        port = client.sock.getsockname()[1]
    assert data.startswith(b"HTTP/1.1 200 OK"), data
    assert port in [entry["src_port"] for entry in json.loads(data.split(b"\r\n\r\n")[1])["result"]]
    assert json.loads(curl("Management over TLS", ser, pki.bob, pki.ca))["result"]
    assert curl("Management over TLS", ser, pki.one, pki.ca) == "Not you."


def call(client, method):
    """What an XML-RPC call is answered with: the status line's text, or the document."""
    body = f'<?xml version="1.0"?><methodCall><methodName>{method}</methodName></methodCall>'
    client.send((f"POST /RPC HTTP/1.1\r\nHost: sip.example.org\r\nUser-Agent: test\r\nContent-Type: text/xml\r\n"
                 f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
    data = client.receive().decode()
    if data.startswith("HTTP/1.1 403 "):
        return data.split("\r\n")[0][len("HTTP/1.1 403 "):]
    while "</methodResponse>" not in data:
        data += client.receive().decode()
    return data


def test_management_by_xmlrpc(refused, pki, others):
    """For verified certificates; to end the server one of them only."""
    text = block("docs/from-the-ser-manual.md", 'loadmodule "xmlrpc.so"')
    ser = refused(core=("tcp_accept_no_cl=yes",), tls=UNVERIFIED, listen=("tls:127.0.0.1", "tcp:127.0.0.1"), routes=[
        'loadmodule "xmlrpc.so"', 'modparam("xmlrpc", "route", "XMLRPC")', text[text.index("route["):]])
    ser.start()
    assert 'loadmodule "xmlrpc.so"\nmodparam("xmlrpc", "route", "XMLRPC")' in text
    killer = pki.make("killer", "SER-Killer", pki.ca)
    with sip.Wire(ser.address(1)) as client:
        assert "A verified certificate is needed" == call(client, "core.version")
    for pair in others[1:]:  # the first is verified
        with sip.TlsClient(ser.address(), sip.context(pair)) as client:
            assert "A verified certificate is needed" == call(client, "core.version")
    with sip.TlsClient(ser.address(), sip.context(pki.bob)) as client:
        assert re.search(r"kamailio \d", call(client, "core.version"))
        assert "This certificate may not do that" == call(client, "core.kill")
        assert re.search(r"kamailio \d", call(client, "core.version"))
    assert re.search(r"kamailio \d", curl("Management by XML-RPC", ser, pki.bob, pki.ca))
    with contextlib.suppress(sip.Ended, OSError), sip.TlsClient(ser.address(), sip.context(killer)) as client:
        assert "may not" not in call(client, "core.kill")
    ser.settle(lambda: ser.process.poll() is not None, ser.log)
    ser.check_log_for_crashes()
