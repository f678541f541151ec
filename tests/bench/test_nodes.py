# SPDX-License-Identifier: GPL-2.0-or-later
"""The section about several machines."""
import json
import pathlib
import subprocess

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
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
