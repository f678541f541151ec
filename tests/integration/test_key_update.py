# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS 1.3 KeyUpdate: followed in user space and by kernels that can, else the connection ends cleanly."""
import pytest

import settings
import sip
import tools

HOW = pytest.mark.parametrize("how", ["k", "K"], ids=["update", "update-and-ask-for-one"])
STORM = 100
CHANGED = "closed: it changed its key"
TOO_MANY = "closed: too many key changes"


def client_of(ser, offload=settings.EXPECT):
    """s_client of TLS 1.3; it says when the server ends the connection, and how."""
    host, port = ser.address()
    return tools.Command(["openssl", "s_client", "-connect", f"{host}:{port}", "-tls1_3", "-msg"], offload)


def update(client, how):
    """One KeyUpdate."""
    before = client.output.count(b"KEYUPDATE\n")
    client.type(how.encode() + b"\n")
    client.wait_for(b"KEYUPDATE\n", before + 1)


def updates_are_followed(client, how):
    """In turn with requests, and two in a row."""
    assert client.ask(), client.text()
    for count in 1, 1, 2, 3:
        for _ in range(count):
            update(client, how)
        assert client.ask() and client.ask(), client.text()
    seen = client.output.count(b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate")
    assert seen == 0 if how == "k" else seen >= 1, client.text()


def follows(ser):
    """This kernel takes new keys for a live connection."""
    return ser.info()["ktls_rekey"] == "yes"


@HOW
def test_followed_in_user_space(share, how):
    ser = share("user keys", tls={"ktls": 0})
    with client_of(ser, "user") as client:
        updates_are_followed(client, how)
    ser.wait_idle()


@HOW
def test_default(ser, how):
    """Wherever records are: followed where that is possible, else one line in the log and close_notify."""
    if settings.EXPECT == "user" or follows(ser):
        with client_of(ser) as client:
            updates_are_followed(client, how)
        return
    lines = ser.log_count(CHANGED)
    with client_of(ser) as client:
        assert client.ask(), client.text()
        update(client, how)
        client.wait_for(b"warning close_notify")
        client.wait_for_end()
    ser.settle(lambda: ser.log_count(CHANGED) == lines + 1, ser.log)
    with sip.TlsClient(ser.address()) as later:
        later.ask()
    ser.wait_idle()


@HOW
def test_rekey_required(share, how):
    """TLS 1.3 is in the kernel only if that follows; TLS 1.2 always is, where any record can be."""
    ser = share("rekey required", tls={"ktls_rekey_required": 1})
    where = settings.EXPECT if follows(ser) else "user"
    with client_of(ser, where) as client:
        updates_are_followed(client, how)
        with sip.TlsClient(ser.address(), sip.context(version="1.2")) as other:
            assert other.ask().select("tls.offload") == settings.EXPECT
    ser.wait_idle()


def test_asked_for_many_and_no_content(share):
    """Our own updates need no answer of ours to go with."""
    ser = share("user keys", tls={"ktls": 0})
    with client_of(ser, "user") as client:
        assert client.ask(), client.text()
        for _ in range(5):
            update(client, "K")
        client.wait_for(b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate")
        assert client.ask(), client.text()


@HOW
def test_storm(share, how):
    """Nobody keeps SER busy with new keys; the requests in between do not make them fewer."""
    ser = share("user keys", tls={"ktls": 0})
    lines = ser.log_count(TOO_MANY)
    with client_of(ser, "user") as client, sip.TlsClient(ser.address(), offload="user") as other:
        assert client.ask(), client.text()
        other.ask()
        try:
            for number in range(STORM):
                client.type(how.encode() + b"\n")
                client.wait_for(b"KEYUPDATE\n", number + 1)
                if number % 10 == 9 and not client.ask():
                    break
        except (BrokenPipeError, tools.CommandEnded):
            pass
        client.wait_for_end()
        assert b"fatal unexpected_message" in client.output, client.text()
        other.ask()
    ser.settle(lambda: ser.log_count(TOO_MANY) == lines + 1, ser.log)
    ser.wait_idle()
