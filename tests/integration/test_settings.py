# SPDX-License-Identifier: GPL-2.0-or-later
"""The group "tls" of the core's run-time configuration: what can be read, what can be changed, what becomes of it."""
import re
import subprocess
import time

import pytest

import settings
import sip
from domains import AWAY, section, write
from server import KAMCMD

RPC = {"modules": ("cfg_rpc",)}
PUBLISHED = 3  # seconds: changes reach engines and supervisors with SER's timer, once a second
NAMES = """force_run method server_name server_name_mode server_id verify_certificate verify_depth require_certificate
    verify_client private_key ca_list ca_path crl certificate cipher_list session_cache session_id config log debug
    connection_timeout disable_compression ssl_release_buffers ssl_free_list_max ssl_max_send_fragment ssl_read_ahead
    low_mem_threshold1 low_mem_threshold2 ct_wq_max con_ct_wq_max ct_wq_blk_size send_close_notify""".split()
LINE = r"connected at .* records in "


def get(ser, name):
    """What cfg.get answers."""
    return ser.text("cfg.get", "tls", name).strip().replace("<null string>", "")


def refused(ser, command, *arguments):
    """The line that a change which is refused leaves in the log."""
    before = len(ser.log())
    done = subprocess.run([KAMCMD, "-s", f"unix:{ser.control}", "--", command, "tls", *arguments], capture_output=True,
                          text=True, timeout=settings.PATIENCE, check=False)
    assert "Failed to set the variable" in done.stdout + done.stderr, done
    return ser.log()[before:]


@pytest.fixture
def served(share_here):
    """A server that some of the tests read from."""
    return share_here("settings", **RPC)


def test_names(served):
    """All names of the stock module, each readable and with a description."""
    assert sorted(re.findall(r"^tls: (\w+)", served.text("cfg.list", "tls"), re.M)) == sorted(NAMES)
    for name in NAMES:
        get(served, name)
        assert len(served.text("cfg.help", "tls", name)) > 10, name


def test_values(served, pki):
    """What is in force, the same as tls.options says."""
    expected = {"certificate": pki.server.cert, "private_key": pki.server.key, "ca_list": pki.ca.cert, "log": "2",
                "verify_certificate": "1", "verify_depth": "9", "verify_client": "off", "method": "TLSv1.2+",
                "connection_timeout": "600", "low_mem_threshold1": "1024", "crl": "", "send_close_notify": "1",
                "force_run": "0", "config": ""}
    assert {name: get(served, name) for name in expected} == expected
    options = served.info("tls.options")
    assert all(options.get(name, "").strip() == value for name, value in expected.items())


@pytest.mark.parametrize("name, number, why", [
    ("send_close_notify", 0, "close_notify is always sent"), ("debug", 1, "tls_log is the level"),
    ("ct_wq_max", 2000, "ct_wq_max; read at the start"), ("low_mem_threshold2", 1000, "low_mem_threshold1 refuses new"),
    ("verify_depth", 3, "verify_depth; read at the start")])
def test_read_only(served, name, number, why):
    """A change without an effect is refused, what is read stays, and the description says why."""
    before = get(served, name)
    assert "variable is read-only" in refused(served, "cfg.set_now_int", name, str(number))
    assert get(served, name) == before
    assert why in served.text("cfg.help", "tls", name)


@pytest.mark.parametrize("name, number", [("log", 1001), ("connection_timeout", -2), ("low_mem_threshold1", -2)])
def test_out_of_range(served, name, number):
    before = get(served, name)
    assert "out of range" in refused(served, "cfg.set_now_int", name, str(number))
    assert get(served, name) == before


def test_log_level(start):
    """The line for each connection appears, at a level that is written, and is gone again."""
    ser = start(**RPC, tls={"tls_log": 3})
    with sip.TlsClient(ser.address()) as client:
        client.ask()
    assert not ser.log_count(LINE)
    for level, there in (2, True), (3, False):
        ser.text("cfg.set_now_int", "tls", "log", str(level))
        assert get(ser, "log") == str(level) == ser.info("tls.options")["log"]

        def as_set(there=there):
            before = ser.log_count(LINE)
            with sip.TlsClient(ser.address()) as client:
                client.ask()
            return (ser.log_count(LINE) > before) == there
        ser.settle(as_set, f"tls.log {level}")
    ser.wait_idle()


def test_connection_timeout(start):
    """New connections have the new time, those before keep theirs."""
    ser = start(**RPC)
    with sip.TlsClient(ser.address()) as old:
        old.ask()
        ser.text("cfg.set_now_int", "tls", "connection_timeout", "2")
        assert get(ser, "connection_timeout") == "2"
        time.sleep(PUBLISHED)
        with sip.TlsClient(ser.address()) as client:
            client.ask()
            began = time.monotonic()
            with pytest.raises((sip.Ended, ConnectionError)):
                client.receive()
            # The core's readers keep a connection for 5 seconds, and its timer is not exact.
            assert time.monotonic() - began < 20
        old.ask()
        ser.text("cfg.set_now_int", "tls", "connection_timeout", "-1")
        time.sleep(PUBLISHED)
        assert ser.info("tls.options")["connection_timeout"] == "-1"
        with sip.TlsClient(ser.address()) as client:
            client.ask()
            client.sock.settimeout(10)
            with pytest.raises(TimeoutError):
                client.receive()
            client.ask()
    ser.wait_idle()


def test_memory(start):
    """More free memory demanded than there is: new connections wait; none demanded: they are let in."""
    ser = start(**RPC, tls={"limit_policy": "refuse"})
    ser.accept("connection from .* refused: less than 1000000 KB")
    ser.text("cfg.set_now_int", "tls", "low_mem_threshold1", "1000000")

    def is_refused():
        try:
            with sip.TlsClient(ser.address()) as client:
                client.ask()
        except (OSError, sip.Ended):
            return True
        return False
    ser.settle(is_refused, "connections refused")
    assert ser.counters()["limit_memory"] >= 1
    ser.text("cfg.set_now_int", "tls", "low_mem_threshold1", "-1")
    ser.settle(lambda: not is_refused(), "connections let in")
    ser.wait_idle()


def test_core_limit(start):
    """The core's own limit, which cfg.set changes for all, holds for engines, also when the core has moved its values."""
    ser = start(**RPC, tls={"limit_policy": "refuse"})
    ser.text("cfg.set_now_string", "tls", "config", "/nowhere/tls.cfg")  # the core moves them
    ser.text("cfg.set_now_int", "tcp", "max_tls_connections", "1")

    def second_is_refused():
        with sip.TlsClient(ser.address()) as first:
            first.ask()
            try:
                with sip.TlsClient(ser.address()) as client:
                    client.ask()
            except (OSError, sip.Ended):
                return True
        ser.wait_idle()
        return False
    ser.settle(second_is_refused, "the second connection refused")
    ser.wait_idle()


def test_config(start, pki):
    """Another tls.cfg is what the next tls.reload reads; a delayed change counts when it is committed."""
    def config(server):
        return write(server, section("server:default", pki.server))
    ser = start(**RPC, tls={**AWAY, "config": config})
    path = get(ser, "config")
    assert path.endswith("tls.cfg")
    other = path.replace("tls.cfg", "other.cfg")
    with open(other, "w", encoding="utf-8") as file:
        file.write(section("server:default", pki.server_rsa))

    def name():
        with sip.TlsClient(ser.address()) as client:
            return client.ask().select("tls.me")
    ser.text("cfg.set_delayed_string", "tls", "config", "other.cfg")
    ser.text("tls.reload")
    assert name() == pki.server.name and get(ser, "config") == path
    ser.text("cfg.commit")
    assert get(ser, "config") == "other.cfg"
    ser.text("tls.reload")
    assert name() == pki.server_rsa.name
    ser.text("cfg.set_now_string", "tls", "config", "/nowhere/tls.cfg")
    done = subprocess.run([KAMCMD, "-s", f"unix:{ser.control}", "tls.reload"], capture_output=True, text=True,
                          timeout=settings.PATIENCE, check=False)
    assert "/nowhere/tls.cfg" in done.stdout + done.stderr
    assert name() == pki.server_rsa.name
    ser.wait_idle()
