# SPDX-License-Identifier: GPL-2.0-or-later
"""The section about very many connections, with a few."""
import json
import pathlib
import subprocess

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
PATIENCE = 600  # seconds


def test_whole(tmp_path):
    """All come in, are asked again and again, are listed, and come back."""
    report = tmp_path / "crowd.json"
    command = [str(BENCH / "compare"), "--only", "crowd", "--subjects", "ours,tcp", "--crowd", "30", "--every", "2",
               "--json", str(report)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    runs = json.loads(report.read_text())["sections"]["crowd"]["runs"]
    for run in runs.values():
        assert run["opening"]["opened"] == run["up"] == run["answered"] == 30
        assert run["handshakes"] >= 30, "each has come back over a new connection"
        assert run["kept"]["messages"] >= 30 and not run["kept"]["errors"]
        assert run["after"]["shared"] > run["before"]["shared"]
    assert runs["ours"]["asked"]["listed"] == 30 and runs["ours"]["asked"]["reloaded"]
    assert {"tls engine", "tls engine supervisor"} <= set(runs["ours"]["after"]["private"])
