# SPDX-License-Identifier: GPL-2.0-or-later
"""Two phones log in with passwords and call each other: Debian's configuration, made ready as docs/install.md does it."""
import json
import os
import socket
import subprocess

import pytest

import manual
import settings
import whole
from kernel import TALLY
from manual import block
from ports import free_port
from test_debian_config import DEBIAN, DebianServer
from test_user_agents import Baresip

TABLES = "/usr/share/kamailio/dbtext/kamailio"
ACCOUNT = '<sip:{name}@example.org>;outbound="sip:{{}}:{{}};transport=tls";regint=600;auth_pass={password}'


class Registrar(DebianServer):
    """With the lines and the table of the page."""

    def lines(self, core, load):
        etc = os.path.dirname(self.config)
        *steps, restart = manual.commands(block("docs/install.md", "sudo install -d -m 750 "))
        assert restart == "sudo systemctl restart kamailio"
        script = "\n".join(steps).replace(DEBIAN, etc).replace("-g kamailio ", "")
        subprocess.run(["bash", "-ec", manual.SUDO + script], check=True, timeout=settings.PATIENCE)
        with open(os.path.join(etc, "kamailio-local.cfg"), encoding="utf-8") as added:
            yield from super().lines(added.read().splitlines(), load)


class BaresipPhone(Baresip):
    """Takes calls by itself, and makes one when it is told to."""

    def __init__(self, ser, pki, folder, name, password):
        folder.mkdir()
        self.control = free_port()
        super().__init__(ser, pki, folder, None, ["module g711.so", "module ctrl_tcp.so",
                                                  f"ctrl_tcp_listen 127.0.0.1:{self.control}"],
                         ACCOUNT.format(name=name, password=password) + ";answermode=auto")

    def tell(self, command, parameters=""):
        """Has it done. Messages are netstrings, and others than the answer may come first."""
        text, said = json.dumps({"command": command, "params": parameters}).encode(), b""
        with socket.create_connection(("127.0.0.1", self.control), settings.PATIENCE) as control:
            control.sendall(b"%d:%s," % (len(text), text))
            while b'"response":true' not in said:
                more = control.recv(4096)
                assert more, said
                said += more
        assert b'"ok":true' in said


@pytest.fixture
def registrar(pki):
    """The server."""
    if not os.path.isdir(TABLES):
        pytest.skip(f"no {TABLES}: this is not Debian's Kamailio")
    with whole.running(Registrar(pki)) as (server,):
        yield server


def test_call(registrar, pki, tmp_path):
    """From INVITE to BYE, over the two connections that the phones opened."""
    with BaresipPhone(registrar, pki, tmp_path / "bob", "bob", "SECRET-2") as bob, \
            BaresipPhone(registrar, pki, tmp_path / "alice", "alice", "SECRET-1") as alice:
        for phone in bob, alice:
            phone.wait_for(r"200 OK .*\[1 binding\]")
        alice.tell("dial", "sip:bob@example.org")
        for phone in bob, alice:
            phone.wait_for("Call established")
        assert 'Proxy-Authorization: Digest username="alice", realm="example.org"' in alice.text()
        alice.tell("hangup")
        bob.wait_for(r"\nBYE ")
        alice.wait_for(r"\nSIP/2.0 200 OK\r?\n(?:.+\n)*CSeq: \d+ BYE\r?\n")
        TALLY.add(answered=2)
        counters = registrar.counters()
        assert counters["handshakes_ok"] == counters[f"records_{settings.EXPECT}"] == 2
        assert registrar.text("tls.list").count(f"offload_tx: {settings.EXPECT}\n") == 2


def test_wrong_password(registrar, pki, tmp_path):
    """That phone is not let in, and nobody can call it."""
    with BaresipPhone(registrar, pki, tmp_path / "bob", "bob", "SECRET-1") as bob:
        bob.wait_for(r"reg: sip:bob@example.org.* 401 Unauthorized")
        TALLY.add(answered=1)
        assert 'Authorization: Digest username="bob", realm="example.org"' in bob.text()
        assert "bob" not in registrar.text("ul.dump")
