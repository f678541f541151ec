# SPDX-License-Identifier: GPL-2.0-or-later
"""MSRP over TLS, with the configuration of docs/other-modules.md."""
import re
import ssl

import pytest

import sip
from kernel import TALLY
from manual import block
from on_page import run
from phones import trusting


class MsrpClient(sip.TlsClient):
    """A participant of sessions."""

    def __init__(self, server, pki, name):
        super().__init__(server.address(), trusting(pki, pair=pki.bob), server_name="sip.example.org")
        self.uri, self.number, self.name = f"msrps://{name}.invalid:9/{name};tcp", 0, name

    def take(self):
        """The next frame: its first line, headers, body."""
        while True:
            ends = re.match(rb"MSRP (\w+) .*?\r\n-------\1[$+#]\r\n", self.buffer, re.S)
            if ends:
                break
            self.buffer += self.receive()
        if not self.counted:
            self.counted = True
            TALLY.add(answered=1)
        text, self.buffer = ends[0].decode(), self.buffer[ends.end():]
        text = text[:text.rindex("-------")]
        head, _, body = text.partition("\r\n\r\n")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        return first, dict(line.split(": ", 1) for line in lines), body.removesuffix("\r\n")

    def put_request(self, method, to, body=None):
        """A request; its transaction's name."""
        self.number += 1
        name = f"{self.name}{self.number:04}"
        lines = [f"MSRP {name} {method}", f"To-Path: {to}", f"From-Path: {self.uri}"]
        if body is not None:
            lines += [f"Message-ID: {name}", f"Byte-Range: 1-{len(body)}/{len(body)}", "Content-Type: text/plain", "",
                      body]
        self.send("\r\n".join([*lines, f"-------{name}$\r\n"]).encode())
        return name

    def ask(self, method, to, body=None):  # pylint: disable=arguments-differ
        """What the relay answers: status and headers."""
        name = self.put_request(method, to, body)
        first, headers, _ = self.take()
        assert first.startswith(f"MSRP {name} "), first
        return first.split(" ", 2)[2], headers


def test_msrp(pki, stack):
    """Two participants get a URI each and send each other messages; strangers get nowhere."""
    ser = run(stack, pki, block("docs/other-modules.md", "# A relay for MSRP"), {"sip": pki.server})
    relay = "msrps://msrp.example.org:2855;tcp"
    with MsrpClient(ser, pki, "alice") as alice, MsrpClient(ser, pki, "bob") as bob:
        for client in alice, bob:
            status, headers = client.ask("AUTH", relay)
            assert status == "200 OK"
            client.path = headers["Use-Path"]
            assert re.fullmatch(r"msrps://msrp\.example\.org:2855/[\w.-]+;tcp", client.path)
        for text in "Hello!", "x" * 10000, "An end\r\n-------that is none$":
            for sender, receiver in (alice, bob), (bob, alice):
                assert sender.ask("SEND", f"{receiver.path} {receiver.uri}", text)[0] == "200 OK"
                first, headers, body = receiver.take()
                assert (first.split(" ")[2], body) == ("SEND", text)
                assert (headers["To-Path"], headers["From-Path"]) == (receiver.uri, f"{receiver.path} {sender.uri}")
                receiver.send("\r\n".join([
                    f"MSRP {first.split(' ')[1]} 200 OK", f"To-Path: {receiver.path}", f"From-Path: {receiver.uri}",
                    f"-------{first.split(' ')[1]}$\r\n"]).encode())
                receiver.put_request("REPORT", f"{sender.path} {sender.uri}")
                assert sender.take()[0].endswith(" REPORT")
        for path in "msrps://msrp.example.org:2855/nobody;tcp " + bob.uri, f"{alice.path} {bob.path} {bob.uri}":
            assert alice.ask("SEND", path, "Hello!")[0] == "481 Session-does-not-exist"
        assert alice.ask("NONSENSE", f"{bob.path} {bob.uri}", "Hello!")[0].startswith("501 ")
    with pytest.raises((ssl.SSLError, sip.Ended)), \
            sip.TlsClient(ser.address(), trusting(pki), server_name="sip.example.org") as client:
        client.receive()
