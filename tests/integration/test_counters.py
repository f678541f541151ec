# SPDX-License-Identifier: GPL-2.0-or-later
"""What tls.stats counts, one connection at a time; the core's group "tls" says the same."""
import contextlib

import pytest

import sip
from homes import DIRECT, RELAYED, USER


def moved(ser, action):
    """The counters, without gauges, that an action moves."""
    ser.wait_idle()
    gauges = "opened_connections", "handshakes_under_way", "relayed_connections", "certificate_days", "crl_days"

    def now():
        return {name: value for name, value in ser.command("tls.stats").items() if name not in gauges}
    before = now()
    action()
    ser.wait_idle()
    ser.settle(lambda: now() != before, "nothing moves")
    after = now()
    assert {name: value for name, value in ser.counters("tls").items() if name in after} == after
    return {name: value - before[name] for name, value in after.items() if value != before[name]}


@pytest.mark.parametrize("home", [*DIRECT, *USER, *RELAYED[:1]], ids=str)
def test_connection(share, pki, home):
    ser = home.shared(share, pki, "counters")
    kind = home.name if home.name == "relayed" else home.offload

    def connect():
        client = home.client(ser).handshake()
        client.ask()
        client.close()
    why = {"user_ktls_off" if home.ktls == 0 else "user_not_taken": 1} if kind == "user" else {}
    assert moved(ser, connect) == {"handshakes_ok": 1, f"records_{kind}": 1, **why}


def test_resumed(ser):
    home = DIRECT[1]
    context, session = home.resumable(ser)
    ser.wait_idle()

    def connect():
        client = home.client(ser, context, session).handshake()
        client.ask()
        client.close()
    found = moved(ser, connect)
    assert found["handshakes_resumed"] == found["handshakes_ok"] == 1


def test_relay_that_ended_without_order(ser):
    def connect():
        client = RELAYED[0].client(ser).handshake()
        client.ask()
        client.sock.close()
    assert moved(ser, connect) == {"handshakes_ok": 1, "records_relayed": 1, "relays_lost": 1}


def test_failed(ser):
    def connect():
        with sip.Wire(ser.address()) as client:
            client.put(b"GET / HTTP/1.0\r\n\r\n")
            client.end()
    assert moved(ser, connect) == {"handshakes_failed": 1}


def test_alert_received(ser):
    """Of a client that does not know our authority."""
    context = sip.ssl.SSLContext(sip.ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False

    def connect():
        client = sip.TlsClient(ser.address(), context)
        with pytest.raises(sip.ssl.SSLCertVerificationError):
            client.handshake()
        client.end()
    found = moved(ser, connect)
    assert found["alert_received_unknown_ca"] == 1


def test_alert_sent(start):
    """To a client without the certificate that is required, and to one that spoils a record."""
    ser = start(tls={"require_certificate": 1})

    def connect():
        client = sip.TlsClient(ser.address(), sip.context(version="1.3"))
        client.handshake()
        assert client.end() == "alert TLSV13_ALERT_CERTIFICATE_REQUIRED"
    assert moved(ser, connect) == {"handshakes_failed": 1, "alert_sent_certificate_required": 1}


def test_bad_record(ser):
    def connect():
        with DIRECT[1].client(ser) as client:
            client.ask()
            record = bytearray(client.seal(sip.request()))
            record[-1] ^= 1
            client.put(bytes(record))
            client.end()
    assert moved(ser, connect)["alert_sent_bad_record_mac"] == 1


def test_timed_out(start):
    ser = start(tls={"handshake_timeout": 1})

    def connect():
        with sip.Wire(ser.address()) as client:
            client.end()
    assert moved(ser, connect) == {"handshakes_failed": 1, "handshakes_timed_out": 1}


def test_gauges(ser):
    ser.wait_idle()
    with contextlib.ExitStack() as stack:
        stack.enter_context(DIRECT[0].client(ser)).ask()
        stack.enter_context(RELAYED[0].client(ser)).ask()
        for _ in range(3):
            stack.enter_context(sip.Wire(ser.address()))
        expected = {"opened_connections": 2, "handshakes_under_way": 3, "relayed_connections": 1}
        ser.settle(lambda: ser.command("tls.stats").items() >= expected.items(), ser.info)
