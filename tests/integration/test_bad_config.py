# SPDX-License-Identifier: GPL-2.0-or-later
"""Configurations that cannot work: SER does not start, and a line of the log says which parameter it is."""
import os
import re
import socket

import pytest

import sip

# Parameters with their values; "file:" stands for a file of that kind. Then the one to be named in the log.
BAD = {
    "certificate-missing": ({"certificate": "file:missing"}, "certificate"),
    "certificate-empty": ({"certificate": "file:empty"}, "certificate"),
    "certificate-directory": ({"certificate": "file:directory"}, "certificate"),
    "certificate-garbage": ({"certificate": "file:garbage"}, "certificate"),
    "certificate-is-a-key": ({"certificate": "file:key"}, "certificate"),
    "key-missing": ({"private_key": "file:missing"}, "private_key"),
    "key-empty": ({"private_key": "file:empty"}, "private_key"),
    "key-directory": ({"private_key": "file:directory"}, "private_key"),
    "key-garbage": ({"private_key": "file:garbage"}, "private_key"),
    "key-of-another": ({"private_key": "file:key"}, "private_key"),
    "ca-missing": ({"ca_list": "file:missing"}, "ca_list"),
    "ca-empty": ({"ca_list": "file:empty"}, "ca_list"),
    "ca-directory": ({"ca_list": "file:directory"}, "ca_list"),
    "ca-garbage": ({"ca_list": "file:garbage"}, "ca_list"),
    "method-unknown": ({"method": "TLSv9"}, "method"),
    "method-unknown-stock-name": ({"tls_method": "TLSv9"}, "tls_method"),
    "method-ssl3": ({"method": "SSLv3"}, "method"),
    "cipher-unknown": ({"cipher_list": "NO-SUCH-SUITE"}, "cipher_list"),
    "protocols-without-comma": ({"alpn": "sip/2 http/1.1"}, "alpn"),
    "verify-word": ({"verify_certificate": "maybe"}, "verify_certificate"),
    "require-word": ({"require_certificate": "maybe"}, "require_certificate"),
    "ticket-keys-missing": ({"session_ticket_keys": "file:missing"}, "session_ticket_keys"),
    "ticket-keys-short": ({"session_ticket_keys": "file:garbage"}, "session_ticket_keys"),
    "ticket-keys-empty": ({"session_ticket_keys": "file:empty"}, "session_ticket_keys"),
    "timeout-negative": ({"handshake_timeout": -1}, "handshake_timeout"),
    "ktls-without-port": ({"ktls": "1.2.3.4=0"}, "ktls"),
    "ktls-no-address": ({"ktls": "x:5061=0"}, "ktls"),
    "ktls-port-65536": ({"ktls": "127.0.0.1:65536=0"}, "ktls"),
    "ktls-bare-ipv6": ({"ktls": "::1:5061=0"}, "ktls"),
    "ktls-address-and-word": ({"ktls": "127.0.0.1:5061=maybe"}, "ktls"),
    "ktls-address-alone": ({"ktls": "127.0.0.1:5061="}, "ktls"),
    "engines-0": ({"engines": 0}, "engines"),
    "engines-99": ({"engines": 99}, "engines"),
    "nice-20": ({"engine_nice": 20}, "engine_nice"),
    "policy-word": ({"limit_policy": "perhaps"}, "limit_policy"),
    "keylog-without-file": ({"keylog_mode": 11}, "keylog_mode"),
    "keylog-without-peer": ({"keylog_mode": 19}, "keylog_mode"),
    "keylog-peer-by-name": ({"keylog_mode": 19, "keylog_peer": "udp:localhost:8020"}, "keylog_peer"),
    "keylog-networks": ({"keylog_networks": "192.0.2.0/33"}, "keylog_networks"),
    "warn-days-negative": ({"certificate_warn_days": -1}, "certificate_warn_days"),
    "handshakes-0": ({"max_handshakes": 0}, "max_handshakes"),
    "handshakes-too-many": ({"max_handshakes": 65537}, "max_handshakes"),
    "handshakes-per-source-negative": ({"max_handshakes_per_source": -1}, "max_handshakes_per_source"),
    "connections-per-source-negative": ({"max_connections_per_source": -2}, "max_connections_per_source"),
}


@pytest.fixture
def files(tmp_path, pki):
    """Files one cannot use, by kind."""
    (tmp_path / "directory.pem").mkdir()
    (tmp_path / "empty.pem").write_text("")
    (tmp_path / "garbage.pem").write_text(
        "-----BEGIN CERTIFICATE-----\nno, it is not\n-----END CERTIFICATE-----\n"
        "-----BEGIN PRIVATE KEY-----\nnor is it\n-----END PRIVATE KEY-----\n")
    return {"key": pki.bob.key} | {kind: str(tmp_path / f"{kind}.pem")
                                   for kind in ("missing", "directory", "empty", "garbage")}


def complaint(log, *words):
    """A line of level ERROR or CRITICAL has all the words."""
    return any(re.search(r"\b(ERROR|CRITICAL)\b", line) and all(word in line for word in words)
               for line in log.split("\n"))


@pytest.mark.parametrize("options", [["-DD"], ["-c"]], ids=["start", "check"])
@pytest.mark.parametrize("case", BAD)
def test_refused(refused, files, case, options):
    parameters, name = BAD[case]
    values = {key: files[value[5:]] if str(value).startswith("file:") else value
              for key, value in parameters.items()}
    server = refused(tls=values)
    code, log = server.run_to_end(*options)
    assert code != 0, log
    shown = str(values[name]).rpartition("=")[2]  # what is wrong may be the part behind an address
    assert complaint(log, name, shown), f"no line names {name} and {shown}:\n{log}"
    server.check_log_for_crashes()


def test_good_one_passes_the_check(refused):
    """Or the tests above would pass for any reason."""
    code, log = refused(tls={"handshake_timeout": 5, "require_certificate": 0}).run_to_end("-c")
    assert code == 0, log
    assert "config file ok" in log


def test_port_in_use(refused):
    server = refused()
    host, port = server.address()
    with socket.socket() as holder:
        holder.bind((host, port))
        holder.listen()
        code, log = server.run_to_end("-DD")
        assert code != 0, log
        assert complaint(log, str(port)), f"no line names port {port}:\n{log}"
    server.check_log_for_crashes()


def test_starts_again_at_once(start, refused):
    """The port of a SER that was stopped with connections open can be taken again."""
    first = start()
    with sip.TlsClient(first.address()) as client:
        client.ask()
        first.stop()
    second = refused()
    second.move_to(first)
    second.start()
    with sip.TlsClient(second.address()) as client:
        client.ask()
    second.stop()
    second.check_log()


def test_nothing_left_behind(refused, files):
    """No process, no file but the log and what the test wrote."""
    server = refused(tls={"certificate": files["missing"]})
    server.run_to_end("-DD")
    server.settle(lambda: not server.processes(), "no process left")
    assert set(os.listdir(server.folder)) <= {"etc", "run", "log", "pid"}
