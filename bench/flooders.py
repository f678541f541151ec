#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A crowd at a port: connections that say nothing, or a byte of a ClientHello a second, and come again when sent away."""

import argparse
import collections
import contextlib
import ipaddress
import json
import select
import socket
import ssl
import sys
import time

from arguments import number

IP_BIND_ADDRESS_NO_PORT = 24  # the port is chosen at connect(), so that addresses share ports
BYTE_SECONDS = 1.0
TOLD_SECONDS = 1.0


def addresses(count):
    """So many of the loopback network, none of them the server's."""
    first = ipaddress.IPv4Address("127.0.2.1")
    return [str(first + i) for i in range(count)]


def first_flight():
    """A ClientHello."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    made = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), made).do_handshake()
    return made.read()


class Crowd:
    """All in one thread; turn() does what can be done."""

    def __init__(self, port, count, sources, slow):
        self.port, self.hello = port, first_flight() if slow else b""
        self.missing = collections.deque(addresses(sources)[i % sources] for i in range(count))
        self.open = {}  # descriptor: socket, its address
        self.said = {}
        self.opened = 0
        self.poll = select.epoll()
        self.talk = time.monotonic()

    def connect(self, source):
        """One more. False if the system has no port for it now."""
        sock = socket.socket()
        sock.setblocking(False)
        try:
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source, 0))
            with contextlib.suppress(BlockingIOError):
                sock.connect(("127.0.0.1", self.port))
        except OSError:
            sock.close()
            return False
        self.open[sock.fileno()], self.said[sock.fileno()] = (sock, source), 0
        self.poll.register(sock.fileno(), select.EPOLLRDHUP)
        self.opened += 1
        return True

    def leave(self, descriptor):
        sock, source = self.open.pop(descriptor)
        sock.close()
        self.missing.append(source)

    def speak(self):
        """A byte each, all of them within a second."""
        now = time.monotonic()
        count = int(len(self.open) * (now - self.talk) / BYTE_SECONDS)
        if not self.hello or not count:
            return
        self.talk = now
        for descriptor in list(self.said)[:count]:
            said = self.said.pop(descriptor)  # whoever has spoken is last in the row
            if descriptor not in self.open:
                continue
            with contextlib.suppress(OSError):
                said += self.open[descriptor][0].send(self.hello[said:said + 1])
            self.said[descriptor] = said

    def turn(self):
        for _ in range(len(self.missing)):
            if not self.connect(self.missing[0]):
                break
            self.missing.popleft()
        for descriptor, _ in self.poll.poll(0.02, 1000):
            self.leave(descriptor)
        self.speak()

    def close(self):
        for sock, _ in self.open.values():
            sock.close()
        self.poll.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=number(1, 65535), required=True, help="at 127.0.0.1")
    parser.add_argument("--count", type=number(1, 20000), required=True)
    parser.add_argument("--sources", type=number(1, 250), default=1, help="addresses that they come from")
    parser.add_argument("--slow", action="store_true", help="a byte a second instead of nothing")
    args = parser.parse_args()
    crowd, told = Crowd(args.port, args.count, args.sources, args.slow), 0
    while True:
        crowd.turn()
        if time.monotonic() - told >= TOLD_SECONDS:
            told = time.monotonic()
            print(json.dumps({"open": len(crowd.open), "opened": crowd.opened}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
