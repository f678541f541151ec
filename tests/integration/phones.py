# SPDX-License-Identifier: GPL-2.0-or-later
"""Phones for messages: SIP over TLS, and over a WebSocket over TLS (RFC 7118)."""
import base64
import os
import ssl
import struct

import peers
import sip
from kernel import TALLY

UPGRADE = ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n"
           "Content-Length: 0\r\n{}\r\n")


def trusting(pki, *protocols, pair=None):
    """A client's settings: it verifies who it talks to, and offers protocols by ALPN."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(pki.ca.cert)
    if pair:
        made.load_cert_chain(pair.cert, pair.key)
    if protocols:
        made.set_alpn_protocols(protocols)
    return made


class Phone(sip.TlsClient):
    """It reads requests and answers one after the other, whatever they say."""

    transport, scheme = "TLS", "tls"

    def take(self):
        """The next request or answer."""
        while True:
            take = sip.take_answer if self.buffer.startswith(b"SIP/2.0 ") else peers.take_request
            found, self.buffer = take(self.buffer)
            if found:
                self.count()
                return found
            self.buffer += self.receive()

    def count(self):
        """This connection is one that was answered."""
        if not self.counted:
            self.counted = True
            TALLY.add(answered=1, offload=self.offload)

    def send_request(self, method, name, **more):
        """To somebody."""
        message = sip.request(method, transport=self.transport, **more).replace(b"sip:test@", f"sip:{name}@".encode())
        self.send(message)
        return message

    def register(self, name):
        """Under that name."""
        self.send_request("REGISTER", name, headers=[
            f"Contact: <sip:{name}@phone.invalid;transport={self.scheme}>", "Expires: 600"])
        answer = self.take()
        assert answer.status == 200, answer.raw
        return answer

    def message(self, name, text):
        """Sends somebody a message; the answer is to be taken."""
        return self.send_request("MESSAGE", name, body=text.encode(), headers=["Content-Type: text/plain"])

    def hear(self, text):
        """The next that comes is a message that says this; it is answered."""
        request = self.take()
        assert (request.method, request.body.decode()) == ("MESSAGE", text)
        self.send(request.answer())
        return request


def phone(server, pki, index=0, name="sip.example.org", pair=None):
    """One that knows the CA."""
    return Phone(server.address(index), trusting(pki, pair=pair), server_name=name)


def pass_message(sender, receiver, name):
    """It arrives, and so does its answer."""
    message = sender.message(name, f"Hello, {name}!")
    request = receiver.hear(f"Hello, {name}!")
    answer = sender.take()
    assert answer.status == 200 and answer.call_id == sip.call_id(message) == request.call_id
    return request


def frame(message):
    """A WebSocket message of a client (RFC 6455, 5.2): final, text, masked with zeros."""
    return struct.pack("!BBH4x", 0x81, 0x80 | 126, len(message)) + message


def unframe(data):
    """The message of the first frame and the rest; None where it is not complete."""
    start = 4 if data[1:2] == b"\x7e" else 2
    if len(data) < start:
        return None, data
    end = start + (struct.unpack("!H", data[2:4])[0] if start == 4 else data[1])
    return (data[start:end], data[end:]) if len(data) >= end else (None, data)


class WebSocketPhone(Phone):
    """The same over a WebSocket; upgrade() has to come first."""

    transport, scheme = "WSS", "ws"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.frames, self.upgraded = b"", False

    def upgrade(self, *headers):
        """Asks for it; the status line of the answer."""
        key = base64.b64encode(os.urandom(16)).decode()
        super().send(UPGRADE.format(key, "".join(line + "\r\n" for line in headers)).encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += super().receive()
        self.count()
        head, _, self.frames = data.partition(b"\r\n\r\n")
        status = head.decode().split("\r\n")[0]
        self.upgraded = status.startswith("HTTP/1.1 101 ")
        return status

    def send(self, data):
        assert self.upgraded
        super().send(frame(data))

    def receive(self):
        while True:
            message, self.frames = unframe(self.frames)
            if message is not None:
                return message
            self.frames += super().receive()
