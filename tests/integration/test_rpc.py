# SPDX-License-Identifier: GPL-2.0-or-later
"""What tls.list, tls.kill and tls.options answer."""
import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile

import pytest

import settings
import sip
from domains import from_file, section
from homes import HOMES
from server import KAMCMD, Usage

STOCK = {"id", "timeout", "src_ip", "src_port", "dst_ip", "dst_port", "cipher", "ct_wq_size", "enc_rd_buf", "flags",
         "state"}
OURS = {"sni", "timestamp", "dom", "offload_tx", "offload_rx", "offload_why", "handshake_ms", "resumed", "engine", "proto"}
MANY = 600  # kamcmd has no room for that many of the stock module


def structs(ser, *words):
    """What a command that answers with structs says."""
    return [dict(re.findall(r"\t(\w+): (.*)", struct))
            for struct in re.findall(r"\{(.*?)\n\}", ser.text(*words), re.DOTALL)]


def connections(ser, *words):
    """What tls.list says, by the client's port."""
    return {int(entry["src_port"]): entry for entry in structs(ser, "tls.list", *words)}


def own_port(client):
    """Of the client."""
    return client.sock.getsockname()[1]


@HOMES
def test_list(share, pki, home):
    ser = home.shared(share, pki, "list", listen=("tls:127.0.0.1", "tls:[::1]"))
    context = home.context(pki.bob)
    for index, address in (0, "127.0.0.1"), (1, "::1"):
        with sip.TlsClient(ser.address(index), context, offload=home.offload,
                           server_name="asked.example.org") as client:
            answer = client.ask()
            entry = connections(ser)[own_port(client)]
            assert set(entry) == STOCK | OURS
            assert (entry["src_ip"], entry["dst_ip"], int(entry["dst_port"])) == \
                (address, address, ser.address(index)[1])
            assert entry["cipher"] == answer.select("tls.desc").rstrip("\n")
            assert (entry["state"], entry["flags"], entry["proto"]) == ("established", "2", "tls")
            assert (entry["sni"], entry["dom"]) == ("asked.example.org", "[server:default]")
            assert entry["offload_tx"] == entry["offload_rx"] == home.offload
            assert entry["offload_why"] and 0 < int(entry["timeout"]) <= 600
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry["timestamp"])
    ser.settle(lambda: not connections(ser), "nothing is left in tls.list")


def test_list_names_domains(start, pki):
    ser = start(listen=("tls:127.0.0.1", "tls:127.0.0.1"), tls=from_file(
        section("server:default", pki.server),
        section("server:any", pki.one, server_name="example.org", server_name_mode=1, ktls=0),
        section("server:127.0.0.1:{ports[1]}", pki.server_rsa)))
    for index, name, domain in ((0, None, "[server:default]"), (0, "a.example.org", "[server:any] example.org"),
                                (1, None, f"[server:127.0.0.1:{ser.address(1)[1]}]")):
        offload = "user" if name else settings.EXPECT
        with sip.TlsClient(ser.address(index), server_name=name, offload=offload) as client:
            client.ask()
            entry = connections(ser)[own_port(client)]
            assert (entry["dom"], entry["sni"]) == (domain, name or "")
            assert (entry["offload_why"] == "ktls is 0 for this domain") == bool(name)


OTHERS = "127.0.0.2"


@pytest.fixture(name="some")
def fixture_some(start, stack):
    """A server with three clients, of whom two have an address in common."""
    ser = start(listen=("tls:127.0.0.1", "tls:[::1]"))
    clients = [stack.enter_context(sip.TlsClient(ser.address(index), source=source))
               for index, source in ((0, OTHERS), (0, OTHERS), (1, "::1"))]
    for client in clients:
        client.ask()
    return ser, [own_port(client) for client in clients]


def test_list_chosen(some):
    """By an address, by a domain, by the id, and page by page."""
    ser, ports = some
    ids = {port: entry["id"] for port, entry in connections(ser).items()}
    assert set(connections(ser, "src_ip", OTHERS)) == set(ports[:2])
    assert set(connections(ser, "dst_ip", "::1")) == {ports[2]}
    assert set(connections(ser, "dom", "[server:default]")) == set(ports)
    assert not connections(ser, "dom", "[server:other]") and not connections(ser, "src_ip", "192.0.2.1")
    for port in ports:
        assert set(connections(ser, "id", ids[port])) == {port}
    seen, last = [], "0"
    while page := structs(ser, "tls.list", "after", last, "2"):
        assert len(page) <= 2
        seen += [int(entry["id"]) for entry in page]
        last = page[-1]["id"]
    assert seen == sorted(int(one) for one in ids.values())


@pytest.mark.parametrize("size", [5, 64])
def test_pages(start, size):
    """Each connection once, in the order of ids, and none is kept by a page that it was not on."""
    ser = start()

    def read():
        seen, last = [], "0"
        while page := [int(entry["id"]) for entry in structs(ser, "tls.list", "after", last, str(size))]:
            assert len(page) <= size
            seen += page
            last = str(page[-1])
        return seen

    def all_of_them():
        with contextlib.ExitStack() as stack:
            for _ in range(150):
                stack.enter_context(sip.TlsClient(ser.address())).ask()
            assert read() == sorted(int(entry["id"]) for entry in structs(ser, "tls.list"))
        ser.wait_idle()

    all_of_them()
    before = Usage(ser)
    all_of_them()
    before.check()
    with sip.TlsClient(ser.address()) as client:
        client.ask()
        assert not structs(ser, "tls.list", "after", "0", "0")


class Json:
    """Asks a server by the module jsonrpcs, over a datagram socket."""

    def __init__(self, stack):
        self.folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="json-"))  # a short name, as a socket's must be
        self.server = os.path.join(self.folder, "ser")
        self.own = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.own.bind(os.path.join(self.folder, "own"))
        self.own.settimeout(settings.PATIENCE)

    def ask(self, method, *params):
        """The result."""
        self.own.sendto(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode(), self.server)
        return json.loads(self.own.recv(1 << 16))["result"]


def test_list_by_json(start, stack):
    """Numbers may be JSON's."""
    by_json = Json(stack)
    ser = start(modules=("jsonrpcs",), modparams=(("jsonrpcs", "transport", 4), ("jsonrpcs", "dgram_socket", by_json.server)))
    for _ in range(3):
        stack.enter_context(sip.TlsClient(ser.address())).ask()
    ids = sorted(int(entry["id"]) for entry in connections(ser).values())
    found = {params: [entry["id"] for entry in by_json.ask("tls.list", *params)] for params in (
        ("after", 0, 2), ("after", ids[0], 1), ("after", ids[1], 200), ("after", str(ids[0]), "1"), ("after", ids[0]),
        ("id", ids[2]))}
    assert list(found.values()) == [ids[:2], ids[1:2], ids[2:], ids[1:2], ids[1:], ids[2:]], found


@pytest.mark.parametrize("words, wrong", [
    (("colour", "red"), "'colour' is nothing to choose connections by"), (("id",), "a value is missing behind id"),
    (("src_ip", "nowhere"), "'nowhere' is not what src_ip needs, which is an IP address"),
    (("after", "0", "x"), "'x' is not what after needs, which is a number")], ids=lambda value: value[0])
def test_list_of_nothing(ser, words, wrong):
    assert wrong in ser.text("tls.list", *words)


def test_count(some):
    ser, _ = some

    def count(what):
        return [(entry["group"], int(entry["connections"])) for entry in structs(ser, "tls.count", what)]
    assert count("src_ip") == [(OTHERS, 2), ("::1", 1)]
    assert count("dst_ip") == [("127.0.0.1", 2), ("::1", 1)]
    assert count("dom") == [("[server:default]", 3)]
    assert count("offload") == [(settings.EXPECT, 3)]
    assert count("engine") == [("0", 3)] and count("proto") == [("tls", 3)]
    (cipher, number), = count("cipher")
    assert cipher.startswith("TLS_AES_256_GCM_SHA384") and number == 3
    assert "tls.count needs what to count by" in ser.text("tls.count", "colour")


def test_list_of_many(start, stack):
    """As many as the stock module can list, with what it tells of each."""
    ser = start()
    for _ in range(MANY):
        stack.enter_context(sip.TlsClient(ser.address())).handshake()
    ser.settle(lambda: ser.tls_connections() == MANY, ser.tls_connections)
    entries = connections(ser)
    assert len(entries) == MANY and set(entries.popitem()[1]) == STOCK
    assert set(structs(ser, "tls.list", "after", "0", "50")[0]) == STOCK | OURS


@HOMES
def test_kill(share, pki, home):
    """That one, and no other; what was asked before is answered."""
    ser = home.shared(share, pki, "list", listen=("tls:127.0.0.1", "tls:[::1]"))
    with home.client(ser) as first, home.client(ser) as second:
        first.ask()
        second.ask()
        number = connections(ser)[own_port(first)]["id"]
        assert "Ok." in ser.text("tls.kill", number)
        assert first.end() == "close_notify"
        second.ask()
        ser.settle(lambda: own_port(first) not in connections(ser), "it is gone")
        assert own_port(second) in connections(ser)
        assert "error: 404" in ser.text("tls.kill", number)
    ser.wait_idle()


@pytest.mark.parametrize("arguments, code", [((), 400), (("no-number",), 400), (("999999",), 404)])
def test_kill_of_nothing(ser, arguments, code):
    assert f"error: {code}" in ser.text("tls.kill", *arguments)


def test_options(start, pki):
    ser = start(tls=from_file(
        section("server:default", pki.server, method="TLSv1.3", verify_client="optional", verify_depth=4,
                ca_list=pki.ca.cert, crl=pki.crl, cipher_list="HIGH", ciphersuites="TLS_AES_128_GCM_SHA256",
                alpn="sip/2"),
        engines=2, handshake_timeout=7, limit_policy="refuse", max_handshakes=99))
    options = ser.info("tls.options")
    wanted = {"method": "TLSv1.3", "verify_client": "optional", "verify_depth": "4", "verify_certificate": "0",
              "require_certificate": "0", "certificate": pki.server.cert, "private_key": pki.server.key,
              "ca_list": pki.ca.cert, "crl": pki.crl, "cipher_list": "HIGH", "ciphersuites": "TLS_AES_128_GCM_SHA256",
              "alpn": "sip/2",
              "ktls": "1", "engines": "2", "handshake_timeout": "7", "limit_policy": "refuse", "max_handshakes": "99",
              "log": "2", "connection_timeout": "600", "send_close_notify": "1"}
    assert {name: options[name] for name in wanted} == wanted
    assert options["config"].endswith("/etc/tls.cfg")
    assert "private_key_password" not in options


def test_off(refused):
    """With enable_tls=no every answer says so."""
    ser = refused(core=["enable_tls=no"], listen=("tcp:127.0.0.1",))
    ser.spawn("-DD")
    ser.settle(lambda: os.path.exists(ser.control), ser.log)
    for name in "tls.info", "tls.list", "tls.options", "tls.reload", "tls.stats", "tls.engines", "tls.certificates", "tls.kill 1":
        done = subprocess.run([KAMCMD, "-s", f"unix:{ser.control}", *name.split()], capture_output=True, text=True,
                              timeout=30, check=False)
        assert "TLS is off" in done.stdout + done.stderr, name
    ser.stop()
    ser.check_log()
