# SPDX-License-Identifier: GPL-2.0-or-later
"""The sections whose clients live through a restart of SER, with a few."""
import json
import pathlib
import subprocess

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
CLIENTS = 30
PATIENCE = 600  # seconds


def test_clients_come_back(tmp_path):
    """All come in, are asked again, are listed, and come back; with a keeper they need not."""
    report = tmp_path / "returning.json"
    command = [str(BENCH / "compare"), "--only", "crowd,restart", "--subjects", "ours,tcp", "--crowd", str(CLIENTS), "--every",
               "2", "--restart", str(CLIENTS), "--storm-rounds", "1", "--json", str(report)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    sections = json.loads(report.read_text())["sections"]
    runs = sections["crowd"]["runs"]
    for run in runs.values():
        assert run["opening"]["opened"] == run["up"] == run["answered"] == CLIENTS
        assert run["kept"]["messages"] >= CLIENTS and not run["kept"]["errors"]
        assert run["after"]["shared"] > run["before"]["shared"]
    assert runs["ours"]["asked"]["listed"] == CLIENTS and runs["ours"]["asked"]["reloaded"]
    assert {"tls engine", "tls engine supervisor"} <= set(runs["ours"]["after"]["private"])
    restarted, = sections["restart"]["rounds"]
    assert restarted["ours, keeper"]["handshakes"] == 0
    for run in (*runs.values(), restarted["ours"], restarted["tcp"]):
        assert run["handshakes"] >= CLIENTS, "each has come back over a new connection"
        assert not run["killed"] and run["end_seconds"] < run["away_seconds"]
