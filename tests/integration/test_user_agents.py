# SPDX-License-Identifier: GPL-2.0-or-later
"""User agents that people call with, and a tool they test with: baresip (libre on OpenSSL) and sipsak (GnuTLS)."""
import os
import re
import subprocess

import pytest

import settings
import sip
from kernel import TALLY
from server import KAMCMD, MODULES

REGISTRAR = {
    "modules": ("usrloc", "registrar"), "modparams": (("registrar", "received_avp", "$avp(RECEIVED)"),), "script": (
        'if ($rm == "REGISTER") {',
        'if (@tls.peer != "Bob" || @tls.peer.verified != "1") { sl_send_reply("403", "You are not Bob"); exit; }',
        '$avp(RECEIVED) = "sip:" + $si + ":" + $sp + ";transport=tls"; save("location"); exit; }',
        'if ($rU == "bob") { force_rport(); if (!lookup("location")) sl_send_reply("404", "Not here"); else forward();',
        'exit; }')}


BOB = "<sip:bob@{}:{};transport=tls>;regint=600;auth_pass=none"


class Baresip:
    """baresip with one account, no audio and no terminal; TLS as its configuration file has it."""

    def __init__(self, ser, pki, folder, pair, more=(), account=BOB):
        lines = ["module_path /usr/lib/baresip/modules", "module_app account.so", "module_app menu.so",
                 "sip_listen 127.0.0.1:0", f"sip_cafile {pki.ca.cert}", "net_interface 127.0.0.1", *more]
        if pair:
            with open(folder / "identity.pem", "wb") as identity:
                for name in pair.cert, pair.key:
                    with open(name, "rb") as part:
                        identity.write(part.read())
            lines.append(f"sip_certificate {folder}/identity.pem")
        (folder / "config").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "accounts").write_text(account.format(*ser.address()) + "\n", encoding="utf-8")
        self.ser, self.log = ser, folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["baresip", "-4", "-f", folder, "-s"], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        TALLY.add(made=1)

    def text(self):
        """What it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, pattern):
        """Until it has printed that."""
        self.ser.settle(lambda: re.search(pattern, self.text()), self.text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def contacts(ser):
    """How many the registrar knows."""
    done = subprocess.run([KAMCMD, "-s", "unix:" + ser.control, "ul.dump"], capture_output=True, text=True, check=True,
                          timeout=settings.PATIENCE)
    return done.stdout.count("Contact: {")


@pytest.fixture
def ser(share):
    assert os.path.exists(MODULES + "registrar.so")
    return share("registrar", **REGISTRAR)


def test_baresip(ser, pki, tmp_path):
    """Registers as Bob, is asked over the connection that it opened, and takes its leave."""
    with Baresip(ser, pki, tmp_path, pki.bob) as bob:
        bob.wait_for(r"200 OK .*\[1 binding\]")
        TALLY.add(answered=1)
        assert contacts(ser) == 1
        with sip.TlsClient(ser.address(), sip.context()) as client:
            for _ in range(3):
                message = sip.request().replace(b"OPTIONS sip:test@", b"OPTIONS sip:bob@")
                client.send(message)
                data = b""
                while b"\r\n\r\n" not in data:
                    data += client.receive()
                assert data.startswith(b"SIP/2.0 200 OK\r\n") and b"Server: baresip" in data
                assert sip.call_id(data) == sip.call_id(message)
                while len(data.partition(b"\r\n\r\n")[2]) < int(re.search(rb"Content-Length: (\d+)", data)[1]):
                    data += client.receive()
        TALLY.add(answered=1)
        bob.process.terminate()
        bob.process.wait(settings.PATIENCE)
        assert contacts(ser) == 0, "it says goodbye with Expires: 0"


def test_baresip_without_certificate(ser, pki, tmp_path):
    with Baresip(ser, pki, tmp_path, None) as bob:
        bob.wait_for("403 You are not Bob")
        TALLY.add(answered=1)
        assert contacts(ser) == 0


def test_sipsak(start):
    """With TLS 1.2: it takes a TLS 1.3 ticket for an answer, of whatever server."""
    ser = start(tls={"tls_method": "TLSv1.2"})
    TALLY.add(made=1, answered=1)
    done = subprocess.run(["sipsak", "-vvv", "-s", "sip:test@{}:{}".format(*ser.address()), "--transport", "tls",
                           "--tls-ignore-cert-failure"], capture_output=True, check=False, timeout=settings.PATIENCE)
    assert done.returncode == 0, done
    answer, _ = sip.take_answer(done.stdout[done.stdout.index(b"SIP/2.0 200 OK"):].replace(b"\r\n", b"\n").replace(
        b"\n", b"\r\n"))
    assert answer.select("tls.version") == "TLSv1.2" and answer.select("tls.offload") == settings.EXPECT
