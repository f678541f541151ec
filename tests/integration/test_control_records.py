# SPDX-License-Identifier: GPL-2.0-or-later
"""Records that are no application data, or no good: what the client is told of them, and the log."""
import pytest

import raw
import sip
from homes import DIRECT, HOMES_13, RELAYED, USER

HOMES = pytest.mark.parametrize("home", (*DIRECT, *USER, RELAYED[0]), ids=str)
ALERTS = {40: "handshake_failure", 42: "bad_certificate", 45: "certificate_expired", 80: "internal_error"}


@pytest.fixture
def ser(start, pki, home):
    """The log's limits are a server's: each test has its own."""
    return start(**home.options(pki))


@pytest.fixture
def bad(ser, home):
    with raw.Client(ser, home) as client:
        client.ask()
        yield client


@pytest.fixture
def good(ser, home):
    """Must not notice anything."""
    with home.client(ser) as client:
        client.ask()
        yield client
        client.ask()
    ser.wait_idle()


def logged(ser, bad, pattern):
    """One line of the log, no more, tells of that connection's end."""
    ser.settle(lambda: ser.log_count(bad.peer + ".*" + pattern), lambda: f"{pattern} is not in\n{ser.log()}")
    assert ser.logged(bad.peer + " (ended|closed)", 1), ser.log()


@HOMES
def test_own_records(good, bad):
    """That the helper is right: its records are like any other client's."""
    for size in None, 12000:
        bad.ask("MESSAGE", size=size)
        good.ask()


@HOMES
def test_truncated(ser, good, bad):
    """The TCP stream ends without close_notify."""
    bad.sock.shutdown(sip.socket.SHUT_WR)
    bad.end()
    logged(ser, bad, "ended without close_notify")
    good.ask()


@HOMES
def test_not_truncated(ser, good, bad):
    """close_notify says that this is all: there is nothing to log."""
    bad.put(bad.record(raw.ALERT, b"\x01\x00"))
    bad.sock.shutdown(sip.socket.SHUT_WR)
    assert bad.end() == "close_notify"
    ser.settle(lambda: ser.tls_connections() == 1, "one connection")
    assert not ser.log_count(bad.peer + " (ended|closed)"), ser.log()
    good.ask()


@pytest.mark.parametrize("home", (*(home for home in (*DIRECT, *USER) if home.version == "1.3"), RELAYED[0]), ids=str)
@pytest.mark.parametrize("padding", [16, 128, 240])
def test_padding(good, bad, padding):
    """More than there has to be, up to the most that CBC has room for."""
    for _ in range(3):
        message = sip.request("MESSAGE")
        bad.put(bad.record(raw.DATA, message, padding=padding))
        answer, = bad.answers(1)
        assert answer.call_id == sip.call_id(message)
    good.ask()


@pytest.mark.parametrize("home", RELAYED[:1], ids=str)
@pytest.mark.parametrize("padding", [16, 240])
def test_wrong_padding(ser, good, bad, padding):
    """A byte of it is not what its length says."""
    bad.put(bad.record(raw.DATA, sip.request(), padding=padding, spoil=1))
    assert bad.end().endswith("BAD_RECORD_MAC")
    logged(ser, bad, "closed: its record cannot be read")
    good.ask()


def flipped(bad):
    data = bytearray(bad.seal(sip.request()))
    data[40] ^= 1
    return bytes(data)


BROKEN = {
    "noise": (lambda bad: raw.header(raw.DATA, 208) + bytes(range(208)), "BAD_RECORD_MAC"),
    "flipped-bit": (flipped, "BAD_RECORD_MAC"),
    "oversized": (lambda bad: raw.header(raw.DATA, 19000) + bytes(19000), "RECORD_OVERFLOW"),
    "unknown-type": (lambda bad: bad.record(99, b"what"), "UNEXPECTED_MESSAGE"),
    "empty-alert": (lambda bad: bad.record(raw.ALERT), "UNEXPECTED_MESSAGE"),
    "change-cipher-spec": (lambda bad: bad.record(raw.CHANGE_CIPHER_SPEC, b"\x01"), "UNEXPECTED_MESSAGE"),
}
# What TLS 1.3 alone has, and the kernel does not tell from a forgery.
UNTOLD = {
    "no-type": lambda bad: bad.record(0),
    "padding-alone": lambda bad: bad.record(0, padding=100),
    "plain-change-cipher-spec": lambda bad: raw.header(raw.CHANGE_CIPHER_SPEC, 1) + b"\x01",
}


@HOMES
@pytest.mark.parametrize("make,alert", BROKEN.values(), ids=BROKEN)
def test_broken(ser, good, bad, make, alert):
    """The client reads the alert that names what is wrong."""
    bad.put(make(bad))
    end = bad.end()
    assert end.startswith("alert ") and end.endswith(alert), end
    logged(ser, bad, "closed: its record cannot be read")
    good.ask()


@HOMES_13
@pytest.mark.parametrize("make", UNTOLD.values(), ids=UNTOLD)
def test_untold(ser, good, bad, home, make):
    """The RFC's alert where it can be told, else the one that docs/kernel-tls.md says."""
    bad.put(make(bad))
    assert bad.end().endswith("BAD_RECORD_MAC" if home.offload == "kernel" else "UNEXPECTED_MESSAGE")
    logged(ser, bad, "closed: its record cannot be read")
    good.ask()


@HOMES
@pytest.mark.parametrize("alert", ALERTS)
def test_fatal_alert(ser, good, bad, alert):
    """Logged by its name."""
    bad.put(bad.record(raw.ALERT, bytes([2, alert])))
    sip.Wire.end(bad)
    logged(ser, bad, "alert " + ALERTS[alert])
    good.ask()


@HOMES
def test_user_canceled(good, bad):
    """A warning, of which nothing follows."""
    for _ in range(3):
        bad.put(bad.record(raw.ALERT, b"\x01\x5a"))
        bad.ask()
    good.ask()


@HOMES
@pytest.mark.parametrize("count", [1, 5, 20])
def test_a_few_empty_records(good, bad, count):
    """They are allowed."""
    for _ in range(3):
        bad.put(b"".join(bad.record(raw.DATA) for _ in range(count)))
        bad.ask()
    good.ask()
