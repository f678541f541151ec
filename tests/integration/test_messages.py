# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages, records and TCP segments do not fall together: sizes, pipelining and pieces."""
import pytest

import sip
from homes import HOMES

CORE_BUFFER = 16384  # tcp_rd_buf_size, the core's default


@pytest.fixture
def ser(share, pki, home):
    return home.shared(share, pki, "messages")


@pytest.fixture
def client(ser, home):
    with home.client(ser) as made:
        yield made


def chunks(data, size):
    """data in pieces."""
    return [data[start:start + size] for start in range(0, len(data), size)]


@HOMES
@pytest.mark.parametrize("size", [12 * 1024, 16000])
def test_large(client, size):
    client.ask("MESSAGE", size=size)
    client.ask("MESSAGE", size=size)
    client.ask()


@HOMES
@pytest.mark.parametrize("size", [CORE_BUFFER, 3 * CORE_BUFFER])
def test_too_large_for_the_core(client, ser, home, size):
    """The core refuses it and closes; nobody else notices."""
    with home.client(ser) as other:
        other.ask()
        client.ask()
        client.send(sip.request("MESSAGE", size=size))
        assert client.end() in ("close_notify", "reset")
        other.ask()
    with home.client(ser) as later:
        later.ask()


@HOMES
def test_too_large_behind_a_part(client, ser, home):
    """A full record that finds the core's buffer partly taken by the message it belongs to."""
    message = sip.request("MESSAGE", size=2 * CORE_BUFFER)
    client.send(message[:3000])
    client.send(message[3000:3000 + sip.RECORD])
    assert client.end() in ("close_notify", "reset")
    with home.client(ser) as later:
        later.ask()


@HOMES
def test_full_records_behind_a_part(client):
    """As before, but of messages that are small: what does not fit at once must wait, not be lost."""
    messages = [sip.request("MESSAGE", body=b"b" * 500) for _ in range(60)]
    stream = b"".join(messages)
    assert len(stream) > 600 + 2 * sip.RECORD

    def send():
        client.put(client.seal(stream[:600]) + b"".join(map(client.seal, chunks(stream[600:], sip.RECORD))))
    client.ask_all(messages, send)


@HOMES
def test_pipelined_in_one_write(client):
    messages = [sip.request() for _ in range(20)]
    client.ask_all(messages, lambda: client.send(b"".join(messages)))


@HOMES
def test_pipelined_in_own_records(client):
    """All records in one TCP write."""
    messages = [sip.request() for _ in range(20)]
    client.ask_all(messages, lambda: client.put(b"".join(map(client.seal, messages))))


@HOMES
def test_pipelined_in_own_writes(client):
    messages = [sip.request() for _ in range(20)]
    client.ask_all(messages, lambda: [client.send(message) for message in messages])


@HOMES
@pytest.mark.parametrize("at_once", [True, False], ids=["one-write", "writes"])
def test_one_message_in_many_records(client, at_once):
    message = sip.request("MESSAGE", body=b"b" * 300)
    records = list(map(client.seal, chunks(message, 11)))
    if at_once:
        records = [b"".join(records)]
    client.ask_all([message], lambda: list(map(client.put, records)))


@HOMES
def test_message_borders_inside_records(client):
    messages = [sip.request("MESSAGE", body=b"b" * (40 * number)) for number in range(20)]
    stream = b"".join(messages)
    client.ask_all(messages, lambda: [client.send(data) for data in chunks(stream, 777)])


@HOMES
def test_tiny_segments(client):
    """The core reads pieces of a record; it is one message all the same."""
    messages = [sip.request("MESSAGE", body=b"b" * 100), sip.request()]
    client.ask_all(messages, lambda: client.put(client.seal(messages[0]) + client.seal(messages[1]), piece=7))


@HOMES
def test_handshake_in_tiny_segments(ser, pki, home):
    client = home.client(ser, home.context(pki.bob))
    client.handshake(piece=7)
    with client:
        assert client.ask().select("tls.peer") == "Bob"


@HOMES
def test_large_answers_in_a_row(client):
    """What the client does not fetch at once is kept for it."""
    padding = "X-Conn: " + "p" * 900
    messages = [sip.request("MESSAGE", headers=[padding]) for _ in range(200)]
    found = client.ask_all(messages, lambda: client.send(b"".join(messages)))
    assert {answer.headers["X-Conn"] for answer in found} == {"p" * 900}
