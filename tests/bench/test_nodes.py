# SPDX-License-Identifier: GPL-2.0-or-later
"""The section about several machines."""
import json
import pathlib
import re
import socket
import subprocess
import sys
import threading

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
sys.path.append(str(BENCH))
from sections import nodes  # noqa: E402

PATIENCE = 600  # seconds


def test_nodes(tmp_path):
    """Both nodes keep all registrations, and the balancer does something for each connection; the report tells it."""
    result = tmp_path / "nodes.json"
    ran = subprocess.run([str(BENCH / "compare"), "--only", "nodes", "--seconds", "1", "--json", str(result)],
                         capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    measured = json.loads(result.read_text())["sections"]["nodes"]
    assert min(measured["registrations"]["new"]["shared"]) > 256, "a contact has an address and a path"
    assert min(measured["registrations"]["refreshed"]["cpu_us"]) > 0
    assert measured["balanced"]["cpu_us"] > 0 == measured["direct"]["cpu_us"]
    assert measured["balanced"]["kernel"] > measured["direct"]["kernel"]
    reported = subprocess.run([str(BENCH / "report"), "--out", str(tmp_path / "docs"), str(result)], capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
    assert reported.returncode == 0, reported.stderr
    assert "What do several machines add?" in (tmp_path / "docs/benchmarks.md").read_text()


def test_lost_registrations(monkeypatch):
    """A registrar that loses every third datagram gets all registrations at last, each of them once or again."""
    monkeypatch.setattr(nodes, "REGISTRATIONS", 100)
    monkeypatch.setattr(nodes, "T1", 0.1)
    got = []

    def lose_some(registrar):
        while (datagram := registrar.recvfrom(65536))[0]:
            got.append(re.search(rb"Call-ID: .*", datagram[0])[0])
            if len(got) % 3:
                registrar.sendto(b"SIP/2.0 200 OK\r\n%s\n\r\n" % got[-1], datagram[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as registrar:
        registrar.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=lose_some, args=(registrar,), daemon=True)
        thread.start()
        nodes.register(registrar.getsockname()[1], 1)
        registrar.sendto(b"", registrar.getsockname())
        thread.join()
    assert len(set(got)) == 100 < len(got)
