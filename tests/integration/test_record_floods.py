# SPDX-License-Identifier: GPL-2.0-or-later
"""Records that carry nothing, and key changes, without end: the same bound wherever records live."""
import threading

import pytest

import raw
import sip
from homes import DIRECT, RELAYED

MAX = 32  # in a row
CLIENT_HELLO = b"\x01\x00\x00\x29\x03\x03" + bytes(range(32)) + b"\x00\x00\x02\xc0\x2b\x01\x00"
HOMES = (*DIRECT, RELAYED[0])  # without kernel TLS the first are in user space
FLOODED = "closed: too many key changes or records without content"


def empty(client):
    return client.record(raw.DATA)


def padded(client):
    """Of TLS 1.3: its content is a few bytes of nothing."""
    return client.record(raw.DATA, padding=50)


def all_padding(client):
    return client.record(raw.DATA, padding=16000)


def warning(client):
    return client.record(raw.ALERT, b"\x01\x5a")  # user_canceled


def renegotiation(client):
    return client.record(raw.HANDSHAKE, CLIENT_HELLO)


def kinds(homes, **makers):
    """Each kind of record in each home that can have it."""
    return pytest.mark.parametrize("home,make", [
        pytest.param(home, make, id=f"{name}-{home}") for home in homes for name, (version, make) in makers.items()
        if version in (None, home.version)])


KINDS = {"empty": (None, empty), "padded": ("1.3", padded), "warning": (None, warning),
         "renegotiation": ("1.2", renegotiation)}


@pytest.fixture
def ser(start, pki, home):
    """The log's limits are a server's: each test has its own."""
    return start(**home.options(pki))


def types(client):
    """Of the records that come, as they are on the wire."""
    data = b""
    while True:
        while len(data) >= 5 and len(data) >= 5 + int.from_bytes(data[3:5], "big"):
            yield data[0]
            data = data[5 + int.from_bytes(data[3:5], "big"):]
        try:
            more = client.sock.recv(65536)
        except ConnectionError:
            return
        if not more:
            return
        data += more


def allowed(home, make):
    """OpenSSL itself, which the relayed home relies on, takes but four warnings in a row."""
    return 4 if home.name == "relayed" and make is warning else MAX


def is_logged(ser, client):
    """One line, no more."""
    ser.settle(lambda: ser.log_count(client.peer + ".*" + FLOODED), ser.log)
    assert ser.logged(client.peer + " (ended|closed)", 1), ser.log()


@kinds(HOMES, **KINDS)
def test_as_many_as_allowed(ser, home, make):
    """Content in front of them and behind them."""
    with raw.Client(ser, home) as client:
        for _ in range(3):
            client.put(b"".join(make(client) for _ in range(allowed(home, make))))
            if make is renegotiation:  # no client of Python's survives the refusal
                client.put(client.seal(sip.request()))
                assert raw.DATA in types(client)
            else:
                client.ask()
    ser.wait_idle()


@kinds(HOMES, **KINDS)
def test_one_too_many(ser, home, make):
    """The client reads why; whoever else is there does not notice."""
    with raw.Client(ser, home) as client, home.client(ser) as other:
        other.ask()
        client.put(b"".join(make(client) for _ in range(allowed(home, make) + 1)))
        if make is renegotiation:
            # The others refuse those that come together with one warning.
            alerts = list(types(client))
            assert set(alerts) == {raw.ALERT} and (home.name != "relayed" or len(alerts) == MAX + 1), alerts
        else:
            end = client.end()
            assert end.startswith("alert ") and end.endswith("UNEXPECTED_MESSAGE"), end
        is_logged(ser, client)
        other.ask()
    ser.wait_idle()


def send(client, data):
    """As much as the server takes."""
    try:
        client.put(data)
    except ConnectionError:
        pass


@kinds(HOMES, **KINDS, all_padding=("1.3", all_padding))
def test_flood(ser, home, make):
    """Thousands behind some requests. Where the server leaves some of them unread, a reset is all it can say."""
    with raw.Client(ser, home) as client, home.client(ser) as other:
        for _ in range(3):
            client.ask()
            other.ask()
        records = b"".join(make(client) for _ in range(1000 if make is all_padding else 20000))
        thread = threading.Thread(target=send, args=(client, records))
        thread.start()
        is_logged(ser, client)
        sip.Wire.end(client)
        thread.join()
        other.ask()
    ser.wait_idle()


@pytest.mark.parametrize("home", DIRECT, ids=str)
@pytest.mark.parametrize("kind", [raw.ALERT, raw.HANDSHAKE], ids=["alert", "handshake"])
def test_record_of_length_zero(ser, home, kind):
    """RFC 8446 5.1: only application data may have none."""
    with raw.Client(ser, home) as client:
        client.ask()
        client.put(client.record(kind))
        end = client.end()
        assert end.startswith("alert ") and end.endswith("UNEXPECTED_MESSAGE"), end
    ser.wait_idle()


def without_type(client):
    """Padding only: it ends in no content type."""
    return client.record(0)


def change_cipher_spec(client):
    """As a TLS 1.3 handshake may have it."""
    return raw.header(20, 1) + b"\x01"


@pytest.mark.parametrize("home", [DIRECT[1]], ids=str)
@pytest.mark.parametrize("make", [without_type, change_cipher_spec])
def test_form(ser, home, make):
    """The kernel does not tell a wrong form from a forgery."""
    with raw.Client(ser, home) as client:
        client.ask()
        client.put(make(client))
        end = client.end()
        alert = "BAD_RECORD_MAC" if home.offload == "kernel" else "UNEXPECTED_MESSAGE"
        assert end.startswith("alert ") and end.endswith(alert), end
    ser.wait_idle()
