# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/several-machines.md: two nodes behind a balancer share tickets and registrations."""
import os
import re
import shutil
import subprocess

import pytest

import settings
import sip
import whole
from manual import SUDO, block
from ports import free_port
from server import MODULES, PATH
from test_proxy import v2

PHONE, CALLER = ("192.0.2.11", 40011), ("192.0.2.12", 40012)
NODES = "10.0.0.1", "10.0.0.2"


class Node(whole.Whole):
    """The page's configuration with this machine's addresses and files; peer is the other node."""

    def __init__(self, pki, udp, me, tickets):
        self.udp, self.me, self.tickets = udp, me, tickets
        super().__init__(pki)

    def lines(self, core, load):
        text = block("docs/several-machines.md", "# node\n")
        for name, value in {'"tls.so"': f'"{settings.MODULE}"', "/etc/kamailio/tickets": self.tickets,
                            "/etc/kamailio/example.org.pem": self.pki.server.cert,
                            "/etc/kamailio/example.org.key": self.pki.server.key,
                            f"{NODES[0]}:5061": f"127.0.0.1:{self.ports[0][1]}",
                            f"{NODES[0]}:5060": f"127.0.0.1:{self.udp[self.me]}",
                            f"{NODES[1]}:5060": f"127.0.0.1:{self.udp[1 - self.me]}"}.items():
            assert name in text, name
            text = text.replace(name, value)
        assert "10.0." not in text and "/etc/" not in text
        yield f'mpath="{MODULES}"'
        yield text


@pytest.fixture
def nodes(pki, tmp_path):
    """Both, and that they know each other."""
    tickets = tmp_path / "tickets"
    command = block("docs/several-machines.md", "sudo install -m 640 ")
    for theirs, ours in ("/etc/kamailio/tickets", tickets), ("-g kamailio", f"-g {os.getgid()}"):
        assert theirs in command
        command = command.replace(theirs, str(ours))
    subprocess.run(["sh", "-ec", SUDO + command], check=True, timeout=settings.PATIENCE)
    assert tickets.stat().st_mode & 0o777 == 0o640
    udp = [free_port() for _ in NODES]
    with whole.running(*(Node(pki, udp, me, str(tickets)) for me in range(2))) as both:
        for node in both:
            node.settle(lambda node=node: node.text("dmq.list_nodes").count("active") == 2,
                        lambda node=node: node.text("dmq.list_nodes"))
        yield both


def connect(node, who, context=None, session=None):
    """A phone, through the balancer."""
    return sip.TlsClient(node.address(), context, session, preamble=v2(*who[:1], source_port=who[1]))


def message(method, to, *headers):
    """A request for the domain."""
    return sip.request(method, headers=headers).replace(b"sip:test@127.0.0.1 ", to + b" ").replace(
        b"test@example.org", b"phone@example.org")


def wait_for(client, text):
    """What comes until that has come."""
    while text not in client.buffer:
        client.buffer += client.receive()
    taken, client.buffer = client.buffer, b""
    return taken


def test_call_to_a_phone_of_the_other_node(nodes):
    """It registers at one; who calls it at the other is answered by it."""
    first, second = nodes
    with connect(first, PHONE) as phone, connect(second, CALLER) as caller:
        phone.send(message("REGISTER", b"sip:example.org", "Contact: <sip:phone@192.0.2.11:40011;transport=tls>"))
        assert b"SIP/2.0 200" in wait_for(phone, b"\r\n\r\n")
        second.settle(lambda: "phone@192.0.2.11" in second.text("ul.dump"), lambda: second.text("ul.dump"))
        caller.send(message("MESSAGE", b"sip:phone@example.org"))
        request = wait_for(phone, b"\r\n\r\n")
        assert request.startswith(b"MESSAGE sip:phone@192.0.2.11:40011;transport=tls SIP/2.0\r\n")
        kept = re.findall(rb"^(?:Via|From|To|Call-ID|CSeq): .*\r\n", request, re.M | re.I)
        phone.send(b"SIP/2.0 202 Taken\r\n" + b"".join(kept) + b"Content-Length: 0\r\n\r\n")
        assert wait_for(caller, b"\r\n\r\n").startswith(b"SIP/2.0 202 Taken\r\n")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_session_of_the_other_node(nodes, version):
    """It is resumed."""
    context = sip.context(version=version)
    with connect(nodes[0], PHONE, context) as phone:
        phone.send(message("MESSAGE", b"sip:nobody@example.org"))
        assert b"404" in wait_for(phone, b"\r\n\r\n")
        session = phone.tls.session
    with connect(nodes[1], PHONE, context, session) as phone:
        assert phone.tls.session_reused


def test_parts_agree(tmp_path):
    """Names in DNS and the balancer lead to the node's listener, which expects the header that the balancer sends."""
    node = block("docs/several-machines.md", "# node\n")
    domain, = re.findall(r'^alias="(.*)"$', node, re.M)
    listener, = re.findall(r"^listen=tls:(.*)$", node, re.M)
    port = listener.split(":")[1]
    for record in block("docs/several-machines.md", "_sips._tcp").splitlines():
        assert re.fullmatch(rf"_sips\._tcp\.{domain}\. +\d+ IN SRV \d+ \d+ {port} \w+\.{domain}\.", record), record
    balancer = block("docs/several-machines.md", "frontend ")
    assert re.findall(r"^\tserver \w+ (\S+) check send-proxy-v2$", balancer, re.M) == [f"{own}:{port}" for own in NODES]
    assert listener == f"{NODES[0]}:{port}" and "\ntcp_accept_haproxy=yes\n" in node
    assert block("docs/several-machines.md", 'modparam("tls"') in node
    if shutil.which("haproxy", path=PATH):
        (tmp_path / "haproxy.cfg").write_text(balancer, encoding="ascii")
        subprocess.run(["haproxy", "-c", "-f", "haproxy.cfg"], cwd=tmp_path, check=True, env={"PATH": PATH},
                       timeout=settings.PATIENCE)
