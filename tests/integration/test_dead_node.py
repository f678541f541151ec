# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/several-machines.md: one of two nodes behind a balancer is killed while phones talk. What is lost, and what is not."""
import re

import pytest

import phones
import sip
from balancer import Balancer
from manual import block
from test_two_nodes import NODES, nodes  # noqa: F401, pylint: disable=unused-import

PHONES = 8
SDP = "\r\n".join(["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 9 RTP/AVP 0", ""])


class Phone(phones.Phone):
    """One with a number, which comes again with the session that it had."""

    def __init__(self, balancer, number, context, session=None):
        super().__init__(balancer.address, context, session=session)
        self.number, self.context = number, context

    def begin(self):
        """It connects and registers."""
        self.handshake()
        port = self.sock.getsockname()[1]
        self.contact = f"Contact: <sip:{self.number}@127.0.0.1:{port};transport=tls>"
        self.send(sip.request("REGISTER", headers=[self.contact, "Expires: 600"]).replace(
            b"sip:test@127.0.0.1 ", b"sip:example.org ").replace(b"<sip:test@", f"<sip:{self.number}@".encode()))
        answer = self.take()
        assert answer.status == 200, answer.raw
        return self


class Call:
    """Of a phone to another one that is registered; both stay what they are."""

    def __init__(self, caller, callee):
        self.caller, self.callee = caller, callee
        invite = self.ask("INVITE", f"sip:{callee.number}@example.org", 1, body=SDP)
        request = callee.take()
        assert request.method == "INVITE", request.lines
        callee.send(request.answer(headers=[callee.contact]))
        answer = self.final()
        assert answer.status == 200, answer.raw
        recorded = re.findall("^Record-Route: (.*?)\r$", answer.raw.decode(), re.M)
        self.routes = [f"Route: {value}" for value in reversed(", ".join(recorded).split(", "))]
        self.call_id = sip.call_id(invite).decode()
        self.target = re.search("<(.*)>", answer.headers["Contact"])[1]
        self.ask("ACK", self.target, 1)
        assert callee.take().method == "ACK"

    call_id, target, routes = None, None, ()

    def ask(self, method, uri, number, body=""):
        """A request of the caller."""
        text = sip.request(method, headers=[self.caller.contact, *self.routes], body=body.encode()).decode()
        text = text.replace("sip:test@127.0.0.1 ", f"{uri} ").replace("To: <sip:test@", f"To: <sip:{self.callee.number}@")
        text = re.sub(r"CSeq: \d+", f"CSeq: {number}", text)
        if self.call_id:
            text = re.sub("Call-ID: .*?\r\n", f"{self.call_id}\r\n", text)
            text = re.sub("(To: .*?)\r\n", r"\1;tag=p\r\n", text)
        self.caller.send(text.encode())
        return text.encode()

    def final(self):
        """The answer that ends a transaction."""
        while True:
            answer = self.caller.take()
            if answer.status >= 200:
                return answer

    def hang_up(self):
        """The other one hears it, and agrees."""
        self.ask("BYE", self.target, 2)
        request = self.callee.take()
        assert request.method == "BYE", request.lines
        self.callee.send(request.answer())
        assert self.final().status == 200


@pytest.fixture
def balancer(nodes):  # noqa: F811
    """The page's, in front of them."""
    places = {f"{name}:5061": f"127.0.0.1:{node.ports[0][1]}" for name, node in zip(NODES, nodes)}
    with Balancer(block("docs/several-machines.md", "frontend "), "192.0.2.1:5061", places) as started:
        yield started


def ports_of(node):
    """Of the phones that are connected there."""
    return {int(port) for port in re.findall(r"src_port: (\d+)", node.text("tls.list"))}


def connected(node, crowd):
    """Which of them are."""
    ports = ports_of(node)
    return [phone for phone in crowd if phone.sock.getsockname()[1] in ports]


def figures(node):
    """Its counters."""
    return {name: int(value) for name, value in re.findall(r"(\w+): (\d+)", node.text("tls.stats"))}


def everybody_knows(nodes, number):  # noqa: F811
    """All nodes know as many registrations."""
    for node in nodes:
        node.settle(lambda node=node: len(re.findall(r"AoR: p\d", node.text("ul.dump"))) == number,
                    lambda node=node: node.text("ul.dump"))


def test_a_node_is_killed(nodes, balancer, stack):  # noqa: F811
    """Its connections are lost. The other node's go on, calls included; the lost phones come back to it with their sessions."""
    crowd = [stack.enter_context(Phone(balancer, f"p{i}", sip.context())).begin() for i in range(PHONES)]
    everybody_knows(nodes, PHONES)
    dying, living = nodes
    lost, kept = connected(dying, crowd), connected(living, crowd)
    assert len(lost) + len(kept) == PHONES and len(kept) >= 2 and lost
    calls = [Call(kept[0], kept[1]), Call(kept[1], kept[0])]
    across = Call(kept[0], lost[0])
    across.hang_up()
    before = figures(living)
    dying.kill()
    for phone in lost:
        sip.Wire.end(phone)  # without a word to its OpenSSL: 3.5 forgets the session of a connection that was cut off
    for call in calls:
        call.hang_up()
    again = [stack.enter_context(Phone(balancer, phone.number, phone.context, phone.tls.session)).begin() for phone in lost]
    assert all(phone.tls.session_reused for phone in again)
    assert set(connected(living, crowd + again)) == {*kept, *again}
    for phone in again:
        Call(kept[0], phone).hang_up()
    after = figures(living)
    assert after["handshakes_resumed"] - before["handshakes_resumed"] == len(lost)
    assert after["handshakes_ok"] - before["handshakes_ok"] == len(lost)
    dying.start()
    everybody_knows(nodes, PHONES)
