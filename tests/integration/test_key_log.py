# SPDX-License-Identifier: GPL-2.0-or-later
"""The key log: Wireshark reads what was said with it, of whom it was wanted; and it costs nobody else anything."""
import os
import re
import socket
import ssl
import stat
import subprocess
import threading

import pytest

import outbound
import peers
import settings
import sip
from homes import DIRECT, RELAYED, USER
from manual import block, commands
from wireshark import NEEDED, Capture

ON = 1 + 2 + 8
LINE = re.compile(r"(CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}|"
                  r"(CLIENT|SERVER)_(HANDSHAKE_TRAFFIC_SECRET|TRAFFIC_SECRET_0) [0-9a-f]{64} ([0-9a-f]{64}|[0-9a-f]{96})|"
                  r"EXPORTER_SECRET [0-9a-f]{64} ([0-9a-f]{64}|[0-9a-f]{96}))")


def path(ser):
    """Of the key log."""
    return os.path.join(ser.folder, "keys")


def log_keys(**more):
    """Parameters."""
    return {"keylog_mode": ON, "keylog_file": path, **more}


def randoms(name):
    """Of the clients whose keys are in the log, whose lines are whole."""
    with open(name, encoding="ascii") as file:
        lines = file.read().split("\n")
    assert not lines.pop()
    lines = [line for line in lines if line]  # one may be empty where two supervisors wrote at once
    assert all(LINE.fullmatch(line) for line in lines), lines
    return {line.split(" ")[1] for line in lines}


def has(name, count):
    """So many clients' keys. The supervisor writes them before it hands the connection over, so nobody has to wait."""
    assert len(randoms(name)) == count


def plain(call):
    """A Call-ID as tshark prints it."""
    return call.decode().removeprefix("Call-ID: ")


@NEEDED
@pytest.mark.parametrize("home", [*DIRECT, USER[1], RELAYED[0]], ids=str)
def test_wireshark(start, pki, home, tmp_path):
    """What phones say and are told, wherever the records are; nothing without the keys."""
    ser = start(**home.options(pki, tls=log_keys()))
    with Capture(tmp_path, ser.address()[1]) as capture:
        with home.client(ser) as client:
            calls = [plain(client.ask().call_id) for _ in range(2)]
        capture.wait_for(path(ser), *calls)
        assert not capture.calls("/dev/null")


@NEEDED
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_wireshark_outbound(start, pki, version, tmp_path):
    """The same of a connection that SER opens."""
    ser = start(**outbound.options(tls=log_keys()))
    with peers.Peer(peers.context(pki.server, version)) as peer, outbound.Client(ser) as client, \
            Capture(tmp_path, peer.address[1]) as capture:
        call = plain(client.forward(peer).call_id)
        capture.wait_for(path(ser), call)


def test_off(ser):
    """Unless it is asked for."""
    info = ser.info()
    assert (info["keylog_file"], info["keylog_peer"]) == ("no", "no")
    assert not ser.log_count("keys of TLS connections are logged")


def test_said(start):
    """At the start and by tls.info, as long as it is on."""
    ser = start(tls=log_keys(keylog_peer="udp:127.0.0.1:9"))
    assert ser.logged("WARNING: tls: keys of TLS connections are logged", 1)
    info = ser.info()
    assert (info["keylog_file"], info["keylog_peer"]) == (path(ser), "no")
    assert stat.S_IMODE(os.stat(path(ser)).st_mode) == 0o600
    has(path(ser), 1)


def test_client_that_leaves(start):
    """Its handshake succeeded, though SER never sees its connection."""
    ser = start(tls=log_keys())
    ser.wait_idle()
    before, ok = len(randoms(path(ser))), ser.counter("handshakes_ok")
    for tries in range(1, 20):  # who is late, on a busy machine, is let in
        client = sip.TlsClient(ser.address(), sip.context(version="1.2")).handshake()
        client.reset()
        ser.settle(lambda tries=tries: ser.counter("handshakes_ok") == ok + tries, lambda: str(ser.command("tls.stats")))
        ser.settle(lambda: not sum(one["ready"] for one in ser.engines()), ser.engines)
        if ser.counter("handshakes_unused"):
            break
    assert ser.counter("handshakes_unused") == 1
    has(path(ser), before + tries)


@pytest.mark.parametrize("mode", [0, 1 + 8, 2 + 8, 1 + 2])
def test_modes_that_write_nothing(start, mode):
    ser = start(tls=log_keys(keylog_mode=mode))
    with sip.TlsClient(ser.address()) as client:
        client.ask()
    assert not os.path.exists(path(ser))
    assert ser.log_count(f"WARNING: tls: keylog_mode: {mode} logs no keys; 1 and 2 switch") == (mode != 0)


def test_keys_in_the_log_of_ser(start):
    """The stock module's third way has no effect."""
    ser = start(tls=log_keys(keylog_mode=ON + 4))
    assert ser.logged("WARNING: tls: keylog_mode: the 4 in 15 has no effect", 1)
    has(path(ser), 1)
    assert not any(random in ser.log() for random in randoms(path(ser)))


def test_networks(start):
    """Only of those peers."""
    ser = start(tls=log_keys(keylog_networks="127.0.0.3, 2001:db8::/32, 127.0.0.64/26"))
    for source, count in ("127.0.0.2", 0), ("127.0.0.3", 1), ("127.0.0.128", 1), ("127.0.0.127", 2):
        with sip.TlsClient(ser.address(), source=source) as client:
            client.ask()
        has(path(ser), count)


def test_networks_of_those_that_ser_calls(start, pki):
    ser = start(**outbound.options(tls=log_keys(keylog_networks="127.0.0.2")))
    for host, count in ("127.0.0.1", 0), ("127.0.0.2", 1):
        with peers.Peer(peers.context(pki.server), host) as peer, outbound.Client(ser) as client:
            assert client.forward(peer).status == 200
        has(path(ser), count)


def test_networks_behind_a_proxy(start):
    """It is the client's address that counts."""
    ser = start(core=["tcp_accept_haproxy=yes"], preamble=b"PROXY UNKNOWN\r\n",
                tls=log_keys(keylog_networks="192.0.2.0/24"))
    for source, count in ("198.51.100.1", 0), ("192.0.2.1", 1):
        header = f"PROXY TCP4 {source} 198.51.100.9 1234 5061\r\n".encode()
        with sip.TlsClient(ser.address(), preamble=header) as client:
            client.ask()
        has(path(ser), count)


def test_only_finished_handshakes(start):
    """Whoever does not get through costs no line, although there were secrets already."""
    ser = start(tls=log_keys())
    strict = sip.context(version="1.3")
    strict.verify_mode = ssl.CERT_REQUIRED  # and it knows no CA
    for _ in range(3):
        with pytest.raises(ssl.SSLCertVerificationError):
            with sip.TlsClient(ser.address(), strict, offload=None):
                pass
    assert ser.logged(r"handshake with .* failed: the peer refused", 3)
    has(path(ser), 1)


def test_rotated(start):
    """A file that was moved away or removed is made again, with the next connection."""
    ser = start(tls=log_keys())
    has(path(ser), 1)
    os.rename(path(ser), path(ser) + ".1")
    for _ in range(2):
        with sip.TlsClient(ser.address()) as client:
            client.ask()
        has(path(ser), 1)
        assert stat.S_IMODE(os.stat(path(ser)).st_mode) == 0o600
        os.unlink(path(ser))
    has(path(ser) + ".1", 1)


def test_file_that_is_none(start):
    """Nothing is written through a link, and connections do not suffer."""
    def link(server):
        os.symlink(os.path.join(server.folder, "target"), path(server))
        return path(server)
    ser = start(tls=log_keys(keylog_file=link))
    with sip.TlsClient(ser.address()) as client:
        client.ask()
    assert not os.path.exists(os.path.join(ser.folder, "target"))
    assert ser.logged(r"ERROR: tls: keys are not written to '.*/keys' \(keylog_file\): it is a symbolic link")


def test_many_at_once(start):
    """Several engines write whole lines to one file."""
    ser = start(tls=log_keys(engines=3))
    has(path(ser), 1)

    def call():
        for _ in range(20):
            with sip.TlsClient(ser.address()) as client:
                client.ask()
    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    has(path(ser), 101)


def test_peer(start):
    """Keys go to a collector, a line in each datagram."""
    with socket.socket(type=socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(settings.PATIENCE)
        name = f"udp:127.0.0.1:{collector.getsockname()[1]}"
        ser = start(tls={"keylog_mode": 1 + 2 + 16, "keylog_peer": name})
        assert ser.info()["keylog_peer"] == name
        with sip.TlsClient(ser.address(), sip.context(version="1.2")) as client:
            client.ask()
        lines = [collector.recv(4096).decode("ascii") for _ in range(6)]
    assert all(LINE.fullmatch(line) for line in lines), lines
    assert [line.split(" ")[0] for line in lines].count("CLIENT_RANDOM") == 1


@NEEDED
def test_recipe(start, tmp_path):
    """docs/operations.md, as it stands there but for the addresses and files."""
    config = block("docs/operations.md", 'modparam("tls", "keylog_mode"')
    values = dict(re.findall(r'^modparam\("tls", "(\w+)", "?([^")]+)"?\)', config, re.M))
    assert set(values) == {"keylog_mode", "keylog_file", "keylog_networks"}
    ser = start(tls={**values, "keylog_mode": int(values["keylog_mode"]), "keylog_networks": "127.0.0.0/8",
                     "keylog_file": path})
    ours = {"sudo ": "", "5061": str(ser.address()[1]), values["keylog_file"]: path(ser),
            "calls.pcapng": os.path.join(tmp_path, "capture.pcapng")}
    typed = block("docs/operations.md", "sudo dumpcap")
    for word, replacement in ours.items():
        assert word in typed
        typed = typed.replace(word, replacement)
    capture_it, read_it = commands(typed)
    with Capture(tmp_path, ser.address()[1]):
        pass  # dumpcap may capture here, so the page's command has to
    os.remove(os.path.join(tmp_path, "capture.pcapng"))
    with Capture(tmp_path, ser.address()[1], ["sh", "-c", f"exec {capture_it}"]) as capture:
        with sip.TlsClient(ser.address()) as client:
            call = plain(client.ask().call_id)
        capture.wait_for(path(ser), call)
        printed = subprocess.run(["sh", "-c", read_it], capture_output=True, text=True, check=False).stdout
    assert call in printed and "200 OK" in printed
