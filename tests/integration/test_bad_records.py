# SPDX-License-Identifier: GPL-2.0-or-later
"""After the handshake: forged, torn and repeated records end their connection, and no other."""
import random
import struct

import pytest

import sip
from server import Usage

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


@pytest.fixture
def ser(share):
    return share("victim")


def flipped(client):
    """A good record with one bit of its text changed."""
    data = bytearray(client.seal(sip.request()))
    data[40] ^= 1
    return bytes(data)


def repeated(client):
    """The same record twice; the answer to the first may come."""
    data = client.seal(sip.request("MESSAGE"))
    return data + data


def left_out(client):
    """A record is missing before this one."""
    client.seal(sip.request())
    return client.seal(sip.request())


def header(kind, length, version=b"\x03\x03"):
    """Of a record."""
    return bytes([kind]) + version + struct.pack(">H", length)


NOISE = random.Random(5)
FORGED = {
    "garbage": lambda _: NOISE.randbytes(500),
    "http": lambda _: b"GET / HTTP/1.1\r\n\r\n" * 10,
    "forged-record": lambda _: header(23, 200) + NOISE.randbytes(200),
    "flipped-bit": flipped,
    "repeated": repeated,
    "left-out": left_out,
    "too-large": lambda _: header(23, 0xffff) + NOISE.randbytes(40000),
    # Several: Linux does not look at a record of TLS 1.2 before the 13 bytes that each should have are there.
    "too-small": lambda _: (header(23, 5) + NOISE.randbytes(5)) * 5,
    "no-length": lambda _: header(23, 0) * 5,
    "plain-alert": lambda _: (header(21, 2) + b"\x02\x28") * 5,
    "plain-hello": lambda _: header(22, 100) + b"\x01\x00\x00\x60\x03\x03" + bytes(94),
    "other-version": lambda _: header(23, 100, b"\x02\x00") + bytes(100),
}


def ended(client):
    """However the connection ends, it does; answers on the way are fine."""
    while True:
        try:
            client.receive()
        except (sip.Ended, ConnectionError, sip.ssl.SSLError) as end:
            return end


@VERSIONS
@pytest.mark.parametrize("make", FORGED.values(), ids=FORGED)
def test_forged(ser, version, make):
    with sip.TlsClient(ser.address(), sip.context(version=version)) as bad:
        with sip.TlsClient(ser.address(), sip.context(version=version)) as other:
            bad.ask()
            other.ask()
            bad.put(make(bad))
            ended(bad)
            other.ask()
    with sip.TlsClient(ser.address(), sip.context(version=version)) as later:
        later.ask()
    ser.wait_idle()


@VERSIONS
def test_forged_before_the_first_request(ser, version):
    """Nothing good was ever received."""
    with sip.TlsClient(ser.address(), sip.context(version=version)) as bad:
        bad.put(NOISE.randbytes(500))
        ended(bad)
    ser.wait_idle()


@VERSIONS
def test_good_before_the_forged(ser, version):
    """What came before is answered or not, but never half, and not from the forged bytes."""
    with sip.TlsClient(ser.address(), sip.context(version=version)) as bad:
        bad.ask()
        message = sip.request("MESSAGE")
        bad.put(bad.seal(message) + flipped(bad))
        try:
            while True:
                answer, = bad.answers(1)
                assert answer.call_id == sip.call_id(message)
        except (sip.Ended, ConnectionError, sip.ssl.SSLError):
            assert not bad.buffer
    ser.wait_idle()


@VERSIONS
def test_torn_record_then_fin(ser, version):
    with sip.TlsClient(ser.address(), sip.context(version=version)) as bad:
        bad.ask()
        bad.put(bad.seal(sip.request())[:50])
        bad.sock.shutdown(sip.socket.SHUT_WR)
        ended(bad)
    ser.wait_idle()


def test_nothing_leaks(ser):
    def round_of_all():
        for version in "1.2", "1.3":
            for make in FORGED.values():
                with sip.TlsClient(ser.address(), sip.context(version=version)) as bad:
                    bad.ask()
                    bad.put(make(bad))
                    ended(bad)
    round_of_all()
    before = Usage(ser)
    for _ in range(3):
        round_of_all()
    before.check()
