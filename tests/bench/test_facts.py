# SPDX-License-Identifier: GPL-2.0-or-later
"""The section of bench/compare about what a script knows of a client's certificate."""
import json
import pathlib
import struct
import subprocess
import sys

import pytest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
sys.path.append(str(BENCH))
from sections import facts  # noqa: E402


def record(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


def header(family, addresses, *records):
    rest = bytes(addresses) + b"".join(records)
    return facts.SIGNATURE + struct.pack("!BBH", 0x21, family, len(rest)) + rest


TLS = record(0x20, struct.pack("!BI", 0x07, 0) + record(0x21, b"TLSv1.3") + record(0x22, b"Bob") + record(0x23, b"a suite"))
NOBODY = record(0x20, struct.pack("!BI", 0x01, 1) + record(0x21, b"TLSv1.3"))


@pytest.mark.parametrize("data, told", [
    (header(0x11, 12, record(0x03, b"crc?"), TLS), ["verified", "subject.cn"]),
    (header(0x21, 36, TLS) + b"OPTIONS", ["verified", "subject.cn"]),
    (header(0x11, 12, NOBODY), []),
    (header(0x11, 12), []),
    (b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nOPTIONS", []),
], ids=["version 2", "IPv6", "no certificate", "no TLS", "version 1"])
def test_header(data, told):
    """What a PROXY header says of a certificate."""
    assert facts.facts_of(data) == told


def test_failure():
    """Ours has to show all."""
    result = {"of": 2, "facts": {"ours": {"seen": ["issuer"]}, "haproxy": {"seen": [], "carried": []}}}
    assert list(facts.failures(result)) == ["facts: ours shows 1 of 2"]


def test_whole(tmp_path):
    """Real servers, and a real proxy, which says more than SER hears."""
    file = tmp_path / "facts.json"
    command = [BENCH / "compare", "--only", "facts", "--subjects", "ours,haproxy", "--json", file]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads(file.read_text())["sections"]["facts"]["facts"]
    assert found == {"ours": {"seen": list(facts.FACTS)}, "haproxy": {"seen": [], "carried": ["verified", "subject.cn"]}}
    subprocess.run([BENCH / "report", "--out", tmp_path, file], check=True, timeout=120)
    page = (tmp_path / "benchmarks.md").read_text()
    assert "| in SER's script | 10 | 0 |" in page and "| in the PROXY header |  | 2 |" in page
