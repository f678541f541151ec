# SPDX-License-Identifier: GPL-2.0-or-later
"""Kamailio's log as JSON: the module's lines say where in the source they come from, whichever process has them."""
import contextlib
import json
import os
import re

import pytest

import sip
from manual import ROOT, read
from server import behind


@pytest.fixture
def ser(start, pki):
    return start(binary=behind(pki, 'set -- "$@" --log-engine=json:M'))


def lines(ser):
    """
    What the module has logged, in order. glibc 2.41 writes long lines to stderr in pieces: those that processes write at
    the same time, as at the start, may be mixed, and do not count.
    """
    for line in ser.log().split("\n"):
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict) and found.get("module") == "tls":
                yield found


def check_place(line):
    """The source has a call that logs, in that function."""
    assert os.path.exists(os.path.join(ROOT, line["file"])), line
    source = read(line["file"]).split("\n")
    assert "ser_log" in "\n".join(source[max(line["line"] - 6, 0):line["line"] + 6]), line
    name = re.escape(line["function"])
    begins = [number for number, text in enumerate(source, 1) if re.match(r"(?:\w.*[\s*])?" + name + r"\(", text)]
    assert [begin for begin in begins if begin < line["line"]], line


def said(ser, text):
    """The lines with these words, as soon as there are any."""
    ser.settle(lambda: [line for line in lines(ser) if text in line["message"]], ser.log)
    return [line for line in lines(ser) if text in line["message"]]


def test_fields(ser):
    """Of lines from the start, an engine, a TCP worker and a process that reloads, one after the other."""
    said(ser, "ended without close_notify")  # the first client
    with sip.TlsClient(ser.address()) as client:
        client.ask()
        port = client.sock.getsockname()[1]
        engine, = said(ser, f"127.0.0.1:{port} connected at")
    worker, = said(ser, f"127.0.0.1:{port} ended without close_notify")
    ser.text("tls.reload")
    reload, = said(ser, "the TLS configuration was reloaded")
    assert (engine["level"], worker["level"], reload["level"]) == ("INFO", "INFO", "NOTICE")
    assert len({line["pid"] for line in (engine, worker, reload)}) == 3
    assert engine["file"].startswith("ser/engine/") and worker["file"] != reload["file"]
    for line in next(lines(ser)), engine, worker, reload:
        assert line["message"] and not line["message"].endswith("\n")
        check_place(line)
