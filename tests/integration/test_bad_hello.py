# SPDX-License-Identifier: GPL-2.0-or-later
"""What is no handshake: closed in time, with little noise, at nobody else's cost."""
import random
import struct
import warnings

import pytest

import sip
from server import Usage

TIMEOUT = 2  # handshake_timeout of the server here
GRACE = 2
FAILED = r"handshake with \S+ at \S+ failed: "
MANY, MOST_LINES = 300, 60


@pytest.fixture
def ser(share):
    return share("impatient", tls={"handshake_timeout": TIMEOUT})


def hello(client_context=None):
    """The bytes of a good ClientHello."""
    incoming, outgoing = sip.ssl.MemoryBIO(), sip.ssl.MemoryBIO()
    tls = (client_context or sip.context()).wrap_bio(incoming, outgoing)
    with pytest.raises(sip.ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def hello_tls11():
    """Of a client that knows nothing newer."""
    made = sip.context(ciphers="ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version = made.maximum_version = sip.ssl.TLSVersion.TLSv1_1
    return hello(made)


def hello_ssl3():
    """SSL 3.0, with suites of its time."""
    body = b"\x03\x00" + bytes(range(32)) + b"\0" + b"\x00\x04\x00\x2f\x00\x0a\x00\x05" + b"\x01\x00"
    handshake = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x00" + struct.pack(">H", len(handshake)) + handshake


def hello_ssl2():
    """SSL 2.0, a record format of its own."""
    body = b"\x01\x00\x02\x00\x03\x00\x00\x00\x10\x01\x00\x80" + bytes(range(16))
    return struct.pack(">H", 0x8000 | len(body)) + body


def record(kind, body, length=None, version=b"\x03\x03"):
    """Any TLS record."""
    return bytes([kind]) + version + struct.pack(">H", len(body) if length is None else length) + body


def spoilt_hello():
    """Lengths inside do not add up."""
    data = bytearray(hello())
    data[5 + 4 + 2 + 32] = 255
    return bytes(data)


def hello_without_suites():
    """Asks for TLS 1.2 with a suite nobody has."""
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\x00\x02\x56\x56" + b"\x01\x00"
    return record(22, b"\x01" + struct.pack(">I", len(body))[1:] + body)


BAD = {
    "garbage": random.Random(7).randbytes(300),
    "garbage-large": random.Random(8).randbytes(40000),
    "http": b"GET / HTTP/1.1\r\nHost: sip.example.org\r\n\r\n",
    "sip": sip.request(),
    "ssl2-hello": hello_ssl2(),
    "ssl3-hello": hello_ssl3(),
    "tls11-hello": hello_tls11(),
    "half-a-hello": hello()[:100],
    "half-a-header": hello()[:3],
    "nothing": b"",
    "record-too-large": record(22, b"\x01" * 2000, 0xffff),
    "record-empty": record(22, b"") * 3,
    "spoilt-hello": spoilt_hello(),
    "hello-without-suites": hello_without_suites(),
    "hello-of-16-megabytes": record(22, b"\x01\xff\xff\xff\x03\x03" + bytes(200)),
    "hello-then-garbage": hello() + record(22, b"\x14" + bytes(300)),
    "data-first": record(23, bytes(100)),
    "change-cipher-first": record(20, b"\x01"),
    "alert-first": record(21, b"\x02\x28"),
    "unknown-type": record(99, bytes(50)),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_closed_in_time(ser, data):
    lines = ser.log_count(FAILED)
    with sip.Wire(ser.address()) as bad, sip.TlsClient(ser.address()) as good:
        bad.put(data)
        good.ask()
        bad.end(TIMEOUT + GRACE)
        good.ask()
    assert ser.log_count(FAILED) <= lines + 1
    ser.wait_idle()


def test_slow_drops_do_not_prolong_it(ser):
    """A byte now and then is no reason to wait longer."""
    data = hello()
    with sip.Wire(ser.address()) as bad:
        # One byte each half second: a timer that starts anew with every byte would let the client go on.
        bad.sock.settimeout(0.5)
        for sent in range(2 * (TIMEOUT + GRACE)):
            try:
                bad.put(data[sent:sent + 1])
                if not bad.sock.recv(100):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            raise AssertionError(f"not closed within {TIMEOUT + GRACE} s")


@pytest.mark.parametrize("after", ["connect", "hello", "server-hello"])
@pytest.mark.parametrize("way", ["fin", "reset"])
def test_client_goes_away(ser, after, way):
    with sip.TlsClient(ser.address()) as good:
        with sip.Wire(ser.address()) as bad:
            mine = r"handshake with {}:{} at".format(*bad.sock.getsockname())
            if after != "connect":
                bad.put(hello())
            if after == "server-hello":
                assert bad.receive()[0] == 22
            if way == "reset":
                bad.reset()
        good.ask()
    ser.wait_idle()
    assert ser.log_count(mine) <= 1


def test_silent_clients_do_not_keep_others_out(ser):
    """Many more than SER has processes."""
    silent = [sip.Wire(ser.address()) for _ in range(40)]
    with sip.TlsClient(ser.address()) as good:
        good.ask()
        for client in silent:
            with client:
                client.end(TIMEOUT + GRACE)
        good.ask()


def test_many_in_a_row(start):
    """The log is not flooded, nothing leaks."""
    ser = start(tls={"handshake_timeout": TIMEOUT})
    noise = random.Random(9)

    def garbage(count):
        for _ in range(count):
            with sip.Wire(ser.address()) as bad:
                bad.put(noise.randbytes(200))
                bad.end(TIMEOUT + GRACE)
    garbage(20)
    with sip.TlsClient(ser.address()) as good:
        good.ask()
    before = Usage(ser)
    garbage(MANY)
    assert 1 <= ser.log_count(FAILED) <= MOST_LINES
    with sip.TlsClient(ser.address()) as good:
        good.ask()
    before.check()


def test_failure_is_logged(start):
    """Who, where, why: one line of a fresh server, so nothing holds it back."""
    ser = start()
    with sip.Wire(ser.address()) as bad:
        line = r"handshake with {}:{} at {}:{} failed: \w".format(*bad.sock.getsockname(), *ser.address())
        bad.put(BAD["http"])
        bad.end()
    ser.settle(lambda: ser.log_count(line), line)
    with sip.TlsClient(ser.address()) as good:
        good.ask()
    assert ser.logged(line, 1)
