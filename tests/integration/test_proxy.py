# SPDX-License-Identifier: GPL-2.0-or-later
"""tcp_accept_haproxy=yes: a proxy says in front of the handshake who it speaks for."""
import contextlib
import re
import socket
import struct
import time

import pytest

import sip
from homes import ALL

# The proxy's own end is $tcp(c_si), of the module tcpops.
SCRIPT = ('append_to_reply("X-Proxy: $tcp(c_si):$tcp(c_sp)\\r\\n");',
          'append_to_reply("X-From: $si:$sp\\r\\n");', 'append_to_reply("X-At: $Ri:$Rp\\r\\n");')
FAILED = "WARNING: tls: handshake with .* failed: {}"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
BUSY = 0.3  # of a processor


def v1(family="TCP4", source="192.0.2.1", to="198.51.100.1", source_port=1234, to_port=5061):
    """A header of version 1."""
    return f"PROXY {family} {source} {to} {source_port} {to_port}\r\n".encode()


def v2(source="192.0.2.1", to="198.51.100.1", source_port=1234, to_port=5061, command=PROXY, tail=b""):
    """A header of version 2; addresses decide on the family."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    body = socket.inet_pton(family, source) + socket.inet_pton(family, to) + \
        struct.pack(">HH", source_port, to_port) + tail
    kind = 0x21 if family == socket.AF_INET6 else 0x11
    return SIGNATURE + bytes([command, kind]) + struct.pack(">H", len(body)) + body


# Header, who the script has to see; None: the proxy itself. And what the core lists as our end.
GOOD = {
    "v1-ipv4": (v1(), "192.0.2.1:1234", "198.51.100.1:5061"),
    "v1-ipv6": (v1("TCP6", "2001:db8::1", "2001:db8::2"), "2001:db8::1:1234", "2001:db8::2:5061"),
    "v1-unknown": (b"PROXY UNKNOWN\r\n", None, None),
    "v1-unknown-with-addresses": (b"PROXY UNKNOWN 192.0.2.1 192.0.2.2 1 2\r\n", None, None),
    "v1-highest-ports": (v1(source_port=65535, to_port=65535), "192.0.2.1:65535", "198.51.100.1:65535"),
    "v2-ipv4": (v2(), "192.0.2.1:1234", "198.51.100.1:5061"),
    "v2-ipv6": (v2("2001:db8::1", "2001:db8::2"), "2001:db8::1:1234", "2001:db8::2:5061"),
    "v2-local": (SIGNATURE + b"\x20\x00\0\0", None, None),
    "v2-local-with-addresses": (v2(command=LOCAL), None, None),
    "v2-tlv": (v2(tail=b"\x04\0\x05hello" + b"\x20\0\x03abc"), "192.0.2.1:1234", "198.51.100.1:5061"),
    "v2-tlv-large": (v2(tail=b"\x04\x0b\xb8" + bytes(3000)), "192.0.2.1:1234", "198.51.100.1:5061"),
}
# What comes in front of the handshake, and what the log says of it.
BAD = {
    "none": b"",
    "garbage": b"GET / HTTP/1.0\r\n\r\n",
    "v1-no-address": b"PROXY TCP4\r\n",
    "v1-letters": v1(source="one.example.org"),
    "v1-ipv6-as-ipv4": v1("TCP4", "2001:db8::1", "2001:db8::2"),
    "v1-port-too-large": v1(source_port=65536),
    "v1-port-text": v1(source_port="sips"),
    "v1-more": v1()[:-2] + b" more\r\n",
    "v1-without-cr": v1()[:-2] + b"\n",
    "v1-too-long": b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n",
    "v2-version-3": SIGNATURE + b"\x31\x11\0\x0c" + bytes(12),
    "v2-unknown-command": SIGNATURE + b"\x22\x11\0\x0c" + bytes(12),
    "v2-udp": SIGNATURE + b"\x21\x12\0\x0c" + bytes(12),
    "v2-unix": SIGNATURE + b"\x21\x31\0\xd8" + bytes(216),
    "v2-addresses-do-not-fit": SIGNATURE + b"\x21\x11\0\x0b" + bytes(11),
    "v2-too-long": v2(tail=b"\x04\xff\0" + bytes(65000)),
    "twice": v1() + v1(),
}


@pytest.fixture
def proxied(share):
    """A server behind a proxy, with a plain TCP listener for SIP without TLS, which has to have one, too."""
    return share("proxied", core=["tcp_accept_haproxy=yes"], script=SCRIPT, modules=["tcpops"], preamble=v2(),
                 listen=("tls:127.0.0.1", "tls:[::1]", "tcp:127.0.0.1"))


def peers(ser):
    """Of the core's connections over TLS: who and our end."""
    text = ser.text("core.tcp_list")
    fields = [dict(re.findall(r"(\w+): (.*)", part)) for part in re.findall(r"\{(.*?)\}", text, re.DOTALL)]
    return [(f"{one['src_ip']}:{one['src_port']}", f"{one['dst_ip']}:{one['dst_port']}")
            for one in fields if one["type"] == "TLS"]


def endpoint(name):
    """As the script writes it."""
    return f"{name[0]}:{name[1]}"


@pytest.mark.parametrize("listener", [0, 1], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("case", GOOD)
def test_header(proxied, case, listener):
    """The script, the core's list and the log have its addresses; answers go to the proxy."""
    header, source, local = GOOD[case]
    proxied.wait_idle()
    with sip.TlsClient(proxied.address(listener), preamble=header) as client:
        answer = client.ask()
        source = source or endpoint(client.sock.getsockname())
        local = local or endpoint(client.sock.getpeername())
        assert answer.headers["X-From"] == source
        assert answer.headers["X-At"] == endpoint(proxied.address(listener))
        assert answer.headers["X-Proxy"] == endpoint(client.sock.getsockname())
        assert peers(proxied) == [(source, local)]
        client.ask("MESSAGE", size=12000)
    address, _, port = source.rpartition(":")
    shown = f"[{address}]:{port}" if ":" in address else source
    assert proxied.log_count(re.escape(f"{shown} connected at ")) >= 1


@pytest.mark.parametrize("home", ALL, ids=str)
def test_homes(share, pki, home):
    """Whatever home its records have."""
    ser = home.shared(share, pki, "proxied", core=["tcp_accept_haproxy=yes"], script=SCRIPT, modules=["tcpops"], preamble=v2())
    with sip.TlsClient(ser.address(), home.context(), offload=home.offload, preamble=v1()) as client:
        assert client.ask().headers["X-From"] == "192.0.2.1:1234"


@pytest.mark.parametrize("case", GOOD)
def test_header_byte_by_byte(proxied, case):
    """Also the handshake behind it."""
    header, source, _ = GOOD[case]
    client = sip.TlsClient(proxied.address())
    pieces = header if len(header) < 200 else header[:100]
    for byte in pieces:
        client.put(bytes([byte]))
    client.put(header[len(pieces):])
    with client.handshake(piece=7):
        assert client.ask().headers["X-From"] == (source or endpoint(client.sock.getsockname()))


def test_header_and_hello_at_once(proxied):
    """In one segment: what follows the header is the handshake's."""
    for header, _, _ in GOOD.values():
        client = sip.TlsClient(proxied.address())
        with contextlib.suppress(sip.ssl.SSLWantReadError):
            client.tls.do_handshake()
        client.put(header + client.outgoing.read())
        with client:
            client.ask()


@pytest.mark.parametrize("case", BAD)
def test_bad_header(start, case):
    """Closed, with one line, and counted; others are served."""
    ser = start(core=["tcp_accept_haproxy=yes"], script=SCRIPT, modules=["tcpops"], preamble=v2())
    ser.wait_idle()
    before, lines = ser.counter("handshakes_failed"), ser.log_count(FAILED.format(""))
    client = sip.TlsClient(ser.address())
    with contextlib.suppress(OSError):
        client.put(BAD[case])
        client.hello()
    assert sip.Wire.end(client) in ("fin", "reset")
    client.sock.close()
    ser.settle(lambda: ser.counter("handshakes_failed") == before + 1, "not counted")
    assert ser.logged(FAILED.format(""), lines + 1), ser.log()
    with sip.TlsClient(ser.address(), preamble=v1()) as client:
        client.ask()


@pytest.mark.parametrize("header", [v1(), v2()], ids=["v1", "v2"])
def test_cut_off(start, header):
    """The proxy goes in the middle of its header."""
    ser = start(core=["tcp_accept_haproxy=yes"], preamble=v2())
    ser.wait_idle()
    before, cuts = ser.counter("handshakes_failed"), range(1, len(header), 3)
    for cut in cuts:
        with sip.Wire(ser.address(), preamble=header[:cut]):
            pass
    ser.settle(lambda: ser.counter("handshakes_failed") == before + len(cuts), "not all are counted")
    with sip.TlsClient(ser.address(), preamble=header) as client:
        client.ask()


def test_slow_ones_delay_nobody(start):
    """Silent, or a byte now and then: they end at handshake_timeout, and are no work meanwhile."""
    ser = start(core=["tcp_accept_haproxy=yes"], tls={"handshake_timeout": 5}, preamble=v2())
    ser.wait_idle()
    with contextlib.ExitStack() as stack:
        begin = time.monotonic()
        silent = [stack.enter_context(sip.Wire(ser.address())) for _ in range(3)]
        halves = [stack.enter_context(sip.Wire(ser.address(), preamble=v2()[:cut])) for cut in (1, 13, 20)]
        without_hello = stack.enter_context(sip.Wire(ser.address(), preamble=v1()))
        slow = stack.enter_context(sip.Wire(ser.address()))
        assert ser.busiest(1) < BUSY
        with contextlib.suppress(ConnectionError):
            for byte in v1() * 2:  # the first would be enough
                slow.put(bytes([byte]))
                time.sleep(0.1)
                with sip.TlsClient(ser.address(), preamble=v2()) as client:
                    client.ask()
                if not slow.silent(0):
                    break
            assert time.monotonic() - begin >= 4, "ended before its time"
        for wire in (*silent, *halves, without_hello, slow):
            wire.end()
    assert ser.logged(FAILED.format(r"no whole PROXY header within handshake_timeout \(5 s\)"))
    assert ser.logged(FAILED.format(r"not finished within handshake_timeout \(5 s\)"))


def test_limit_per_source(start):
    """Counts who the proxy speaks for, not the proxy."""
    limit = "max_connections_per_source"
    ser = start(core=["tcp_accept_haproxy=yes"], tls={limit: 2}, preamble=v2())
    ser.wait_idle()
    with contextlib.ExitStack() as stack:
        def hold(number):
            client = sip.TlsClient(ser.address(), preamble=v1(source=f"192.0.2.{number}"))
            stack.callback(client.sock.close)
            client.handshake().ask()

        for number in range(1, 6):
            hold(number)
            hold(number)
        client = sip.TlsClient(ser.address(), preamble=v1(source="192.0.2.3", source_port=77)).hello()
        assert sip.Wire.end(client) in ("fin", "reset")
        client.sock.close()
        assert ser.counter("limit_source_connections") == 1
        assert ser.logged(rf"connection from 192\.0\.2\.3:77 refused: it has {limit} \(2\) ", 1)
        with sip.TlsClient(ser.address(), preamble=v2("192.0.2.99")) as client:
            client.ask()


def test_same_addresses(start):
    """tcp_accept_unique: of two connections that claim to be one the second is refused."""
    ser = start(core=["tcp_accept_haproxy=yes", "tcp_accept_unique=yes"], preamble=v2(source_port=1))
    ser.wait_idle()
    with sip.TlsClient(ser.address(), preamble=v2()) as first:
        first.ask()
        second = sip.TlsClient(ser.address(), preamble=v2())
        with pytest.raises((OSError, sip.Ended)):
            second.handshake().ask()
        second.sock.close()
        assert ser.logged(r"ERROR: tls: connection .*192\.0\.2\.1:1234.* refused: one with the same addresses "
                          r"exists \(tcp_accept_unique\)$", 1), ser.log()
        first.ask()
        with sip.TlsClient(ser.address(), preamble=v2(source_port=1235)) as third:
            third.ask()
        first.ask()
    ser.wait_idle()
    with sip.TlsClient(ser.address(), preamble=v2()) as again:
        again.ask()


def test_same_addresses_are_allowed(proxied):
    """Without tcp_accept_unique; answers find their own."""
    with sip.TlsClient(proxied.address(), preamble=v2()) as first, \
            sip.TlsClient(proxied.address(), preamble=v2()) as second:
        for client in first, second, first, second:
            client.ask()


def test_plain_listener(proxied):
    """The core's own reading of the header goes on working beside ours."""
    with sip.Wire(proxied.address(2), preamble=v1()) as client:
        assert client.ask().headers["X-From"] == "192.0.2.1:1234"
    with sip.Wire(proxied.address(2), preamble=v2("192.0.2.9")) as client:
        assert client.ask().headers["X-From"].startswith("192.0.2.9:")  # 5.6.3 leaves the port as it was
