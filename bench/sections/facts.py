# SPDX-License-Identifier: GPL-2.0-or-later
"""What SER's script knows of a client's certificate: with our module, and behind a proxy that tells by a PROXY header."""

import contextlib
import socket
import ssl
import struct

from proxy import Proxy
from server import Failed, Server, make_client_certificate, say
from subjects import OURS, Subject, chosen
from tables import print_rows, title

FACTS = ("subject", "subject.cn", "issuer", "serialNumber", "notBefore", "notAfter", "uri", "verified", "fingerprint", "rawCert")
NOTHING = ("", "<null>")
PROXIES = (Subject("nginx", "nginx"), Subject("haproxy", "haproxy"))
# A PROXY header of version 2: what it begins with, and what may stand in it about TLS (HAProxy's proxy-protocol.txt, 2.2).
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TYPE_SSL, SSL_HEAD = 0x20, 5  # the client's bits and the result of verifying
CARRIED = {0x22: "subject.cn"}
CLIENT_HAS_CERTIFICATE = 0x06  # in this connection, or in the session
PATIENCE = 20.0

REQUEST = ("OPTIONS sip:bench@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;rport;branch=z9hG4bKfacts\r\n"
           "From: <sip:bob@example.org>;tag=f\r\nTo: <sip:bench@127.0.0.1>\r\nCall-ID: facts@example.org\r\nCSeq: 1 OPTIONS\r\n"
           "Max-Forwards: 9\r\nContent-Length: 0\r\n\r\n")
ANSWER = "".join(f"[{fact}:$sel(tls.peer.{fact})]" for fact in FACTS)


class FactServer(Server):
    """Answers with the facts. The module is loaded in each, so that the script may ask; it has no listener behind a proxy."""

    def __init__(self, bench, proxied):
        super().__init__(bench, OURS)
        self.proxied = proxied

    def tls(self):
        folder = self.bench.folder
        return 'loadmodule "pv.so"\n' + super().tls() + f'modparam("tls", "ca_list", "{folder}/ca.pem")\nmodparam("tls", "require_certificate", 1)\n'

    def transport(self):
        if not self.proxied:
            return super().transport()
        return f"enable_tls=yes\ntcp_accept_haproxy=yes\nlisten=tcp:127.0.0.1:{self.port}"

    def body(self):
        return f'set_reply_body("{ANSWER}", "text/plain");'


def measure(bench):
    make_client_certificate(bench.tools["openssl"], bench.folder)
    found = {}
    for subject in chosen((OURS, *PROXIES), bench.subjects):
        say(f"facts: {subject.name}")
        if subject is OURS:
            with FactServer(bench, False) as server:
                found["ours"] = {"seen": seen(bench, server.port)}
            continue
        with Proxy(bench, subject, server=FactServer(bench, True), tells=True) as proxy:
            found[subject.name] = {"seen": seen(bench, proxy.port)}
        with Listener() as listener, Proxy(bench, subject, server=listener, tells=True) as proxy:
            found[subject.name]["carried"] = carried(bench, proxy.port, listener)
    return {"of": len(FACTS), "facts": found}


@contextlib.contextmanager
def client(bench, port):
    """With a certificate."""
    context = ssl.create_default_context(cafile=bench.folder / "ca.pem")
    context.load_cert_chain(bench.folder / "client.pem", bench.folder / "client.key")
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock, context.wrap_socket(sock, server_hostname="127.0.0.1") as tls:
        yield tls


def seen(bench, port):
    """Of the facts those that the script knows."""
    answer = b""
    with client(bench, port) as tls:
        tls.sendall(REQUEST.encode())
        while f"[{FACTS[-1]}:".encode() not in answer or not answer.endswith(b"]"):
            more = tls.recv(65536)
            if not more:
                raise Failed(f"SER did not answer with facts: {answer[:200]!r}")
            answer += more
    body = answer.partition(b"\r\n\r\n")[2].decode()
    values = {fact: body.partition(f"[{fact}:")[2].partition("]")[0] for fact in FACTS}
    return [fact for fact, value in values.items() if value not in NOTHING]


class Listener:
    """In SER's place, to see what a proxy sends."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.settimeout(PATIENCE)
        self.port = self.sock.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def carried(bench, port, listener):
    """What its PROXY header says of the certificate. A connection that came before ours only looked whether somebody listens."""
    with client(bench, port) as tls:
        tls.sendall(REQUEST.encode())
        data, peer = b"", None
        while REQUEST.encode()[:7] not in data:
            peer = peer or listener.sock.accept()[0]
            peer.settimeout(PATIENCE)
            more = peer.recv(65536)
            data += more
            if not more:
                peer.close()
                data, peer = b"", None
        peer.close()
    return facts_of(data)


def facts_of(data):
    """Of a PROXY header of version 2; version 1 has addresses only (proxy-protocol.txt, 2.1)."""
    if not data.startswith(SIGNATURE):
        return []
    family, length = struct.unpack("!BH", data[len(SIGNATURE) + 1:len(SIGNATURE) + 4])
    rest = data[len(SIGNATURE) + 4:][:length]
    return list(values(rest[{0x11: 12, 0x21: 36}.get(family, length):]))


def values(rest):
    while len(rest) >= 3:
        kind, length = struct.unpack("!BH", rest[:3])
        value, rest = rest[3:3 + length], rest[3 + length:]
        if kind == TYPE_SSL:
            if value[0] & CLIENT_HAS_CERTIFICATE:
                yield "verified"
            yield from values(value[SSL_HEAD:])
        elif kind in CARRIED:
            yield CARRIED[kind]


def show(result):
    title(f"facts: what SER's script knows of a client's certificate, of {result['of']}")
    rows = [("subject", "known", "in the PROXY header", "which")]
    for name, found in result["facts"].items():
        rows.append((name, str(len(found["seen"])), str(len(found["carried"])) if "carried" in found else "-", ", ".join(found["seen"])))
    print_rows(rows)


def failures(result):
    ours = result["facts"].get("ours")
    if ours and len(ours["seen"]) < result["of"]:
        yield f"facts: ours shows {len(ours['seen'])} of {result['of']}"
