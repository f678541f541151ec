# SPDX-License-Identifier: GPL-2.0-or-later
"""A SER that forwards what its clients send over TCP, as each request says, and such clients."""
import collections
import re
import select
import socket
import time

import pytest

import settings
import sip
from ports import free_port

# X-Next is where a request goes, X-Then where it goes if that fails. A peer that echoes is answered here.
SCRIPT = [
    'if (is_present_hf("X-Next") && $proto != "tls") {',
    '  if (is_present_hf("X-Id")) $xavp(tls=>server_id) = $hdr(X-Id);',
    '  else $xavp(tls=>other) = "none";',
    '  if (is_present_hf("X-Name")) $xavp(tls[0]=>server_name) = $hdr(X-Name);',
    '  if (is_present_hf("X-Set")) tls_set_connect_server_id("$hdr(X-Set)");',
    '  if (is_present_hf("X-Socket")) $fs = $hdr(X-Socket);',
    '  $du = $hdr(X-Next);',
    '  if (is_present_hf("X-Stateless")) { if (!forward()) sl_send_reply("500", "Not forwarded"); exit; }',
    '  t_on_failure("THEN");',
    '  t_relay();',  # tm answers itself where it cannot send
    '  exit; }']
ROUTES = ['failure_route[THEN] {',
          '  if (is_present_hf("X-Then")) { $du = $hdr(X-Then); t_relay(); } }']
TIMER = 3 if settings.PATIENCE == 20 else 10  # seconds tm waits for an answer
LOCAL = settings.PATIENCE / 8  # seconds in which a server that waits for nobody answers, however busy the machine
FAILED = 408, 477, 500, 503  # what a sender may be told by tm
ASYNC = {"async": ("tcp_async=yes",), "sync": ("tcp_async=no",)}
BOTH = pytest.mark.parametrize("how", ASYNC)


def options(tls=None, core=(), workers=2, timer=TIMER, listen=("tls:127.0.0.1", "tcp:127.0.0.1"), modparams=(),
            **more):
    """What a server is started with. Its first listeners are TLS, for the peers, and TCP, for clients."""
    return {"listen": listen, "script": SCRIPT, "routes": [*ROUTES, *more.pop("routes", ())],
            "modules": ("tm", *more.pop("modules", ())),
            "core": (f"tcp_children={workers}", f"children={workers}", "tcp_connect_timeout=4",
                 "tcp_conn_wq_max=4000000", *core),
            # Transactions that are over go soon: thousands in a second would fill the memory.
            "modparams": (("tm", "fr_timer", timer * 1000), ("tm", "wt_timer", 500), *modparams),
            "tls": {"xavp_cfg": "tls", "handshake_timeout": 5, "con_ct_wq_max": 4000000, **(tls or {})}, **more}


def message(peer, then=None, method="MESSAGE", transport="TCP", headers=(), **said):
    """A request for SER to forward to a peer; said: what X- headers say besides."""
    lines = [f"X-Next: {peer if isinstance(peer, str) else peer.uri}"]
    if then:
        lines.append(f"X-Then: {then.uri}")
    lines += [f"X-{name.capitalize()}: {value}" for name, value in said.items()]
    return sip.request(method, headers=[*lines, *headers], transport=transport)


class Client(sip.Wire):
    """Over TCP; its requests are forwarded."""

    def __init__(self, ser, index=1, source=None):
        super().__init__(ser.address(index), source)
        self.given_up = set()

    def forward(self, peer, **said):
        """
        The answer to a request for a peer. tm forgets a request that it has answered with 408; what the peer still
        answers SER then passes on.
        """
        data = message(peer, **said)
        self.send(data)
        answer, = self.answers(1)
        while answer.call_id in self.given_up:
            answer, = self.answers(1)
        assert answer.call_id == sip.call_id(data), f"{answer.status} to another request"
        if answer.status == 408:
            self.given_up.add(answer.call_id)
        return answer

    def local(self):
        """The seconds that SER takes to answer a request itself."""
        start = time.monotonic()
        data = sip.request("OPTIONS", transport="TCP")
        self.send(data)
        answer, = self.answers(1)
        assert answer.call_id == sip.call_id(data) and answer.status == 200
        return time.monotonic() - start


class Sender:
    """A client whose messages are numbered, so many of them unanswered at a time."""

    def __init__(self, ser, messages, window):
        self.wire, self.waiting, self.window = Client(ser), collections.deque(messages), window
        self.wire.sock.settimeout(settings.PATIENCE)
        self.sent, self.statuses, self.twice = [], {}, []

    @property
    def done(self):
        """Whether everything was sent and answered."""
        return not self.waiting and len(self.statuses) == len(self.sent)

    def fill(self):
        """Sends what the window has room for."""
        batch = []
        while self.waiting and len(self.sent) - len(self.statuses) < self.window:
            batch.append(self.waiting.popleft())
            self.sent.append(sip.call_id(batch[-1]))
        if batch:
            self.wire.send(b"".join(batch))

    def take(self):
        """Answers that are there."""
        self.wire.buffer += self.wire.receive()
        while True:
            answer, self.wire.buffer = sip.take_answer(self.wire.buffer)
            if not answer:
                return
            if answer.status < 200:
                continue
            if answer.call_id in self.statuses:
                self.twice.append(answer.call_id)
            self.statuses[answer.call_id] = answer.status


def send_all(ser, lists, window=20, within=None, meanwhile=None):
    """
    A sender for each list of messages; each message is answered once. Status by Call-ID. meanwhile() is called
    again and again until all are answered.
    """
    senders = [Sender(ser, messages, window) for messages in lists]
    end = time.monotonic() + (within or 3 * settings.PATIENCE)
    try:
        while not all(one.done for one in senders):
            for one in senders:
                one.fill()
            left = [one for one in senders if not one.done]
            ready, _, _ = select.select([one.wire.sock for one in left], [], [], 0.2)
            for one in left:
                if one.wire.sock in ready:
                    one.take()
            if meanwhile:
                meanwhile()
            missing = {call for one in senders for call in one.sent if call not in one.statuses}
            assert time.monotonic() < end, f"{len(missing)} messages without an answer, of them {sorted(missing)[:5]}"
    finally:
        for one in senders:
            one.wire.sock.close()
    assert not any(one.twice for one in senders)
    return {call: status for one in senders for call, status in one.statuses.items()}


def check_arrived(peers, statuses, all_good=True):
    """Each message arrived once, or not at all and its sender was told."""
    seen = collections.Counter(call for peer in peers for call in peer.seen())
    assert not [call for call, count in seen.items() if count > 1], "arrived twice"
    assert not set(seen) - set(statuses), "nobody sent these"
    lost = [call for call, status in statuses.items() if status == 200 and not seen[call]]
    assert not lost, "answered 200, but did not arrive"
    told = collections.Counter(statuses.values())
    if all_good:
        assert set(told) == {200}, told
    return told


def opened(ser, peer, most=1):
    """SER made at least one connection and so many at most. The peer forgets a spare one when it has seen its end."""
    ser.settle(lambda: 1 <= len(peer.connections) <= most, lambda: f"{len(peer.connections)} connections")


def entries(ser, name, peer):
    """What a list says of connections with a peer."""
    structs = re.findall(r"\{(.*?)\n\}", ser.text(name), re.DOTALL)
    found = [dict(re.findall(r"\t(\w+): (.*)", struct)) for struct in structs]
    return [entry for entry in found if str(peer.address[1]) in (entry.get("dst_port"), entry.get("src_port"))]


def lines_about(ser, peer):
    """Warnings and errors of the module that name a peer."""
    return [line for line in ser.log().split("\n") if re.search(r" (WARNING|ERROR): tls:? .*" + peer.pattern, line)]


def in_order(peer, lists):
    """On each connection the messages of each sender came in the order they were sent."""
    place = {sip.call_id(one): (number, index) for number, messages in enumerate(lists)
             for index, one in enumerate(messages)}
    for connection in peer.connections:
        last = {}
        for request in connection.requests:
            number, index = place[request.call_id]
            assert last.get(number, -1) < index
            last[number] = index


def closed_port(host="127.0.0.1"):
    """An address where nobody listens."""
    return f"sip:{host}:{free_port()};transport=tls"


class UdpClient:
    """Sends a datagram once: nothing is lost on loopback."""

    def __init__(self, address):
        self.sock = socket.socket(type=socket.SOCK_DGRAM)
        self.sock.settimeout(settings.PATIENCE)
        self.sock.connect(address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def forward(self, peer, **said):
        """The answer to a request for a peer."""
        data = message(peer, transport="UDP", **said)
        self.sock.send(data)
        while True:
            answer, rest = sip.take_answer(self.sock.recv(65536))
            assert answer and not rest
            if answer.call_id == sip.call_id(data) and answer.status >= 200:
                return answer
