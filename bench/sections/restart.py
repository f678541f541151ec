# SPDX-License-Identifier: GPL-2.0-or-later
"""A crowd of phones while SER restarts: how many have to shake hands again, and how long until they are answered."""

import subprocess
import time

from runs import LOAD_SLACK, in_rounds, last_json
from sections.memory import OTHER_FILES, SHARED_KB_PER_CONNECTION, wait_ready
from server import Server
from subjects import KEPT, OURS, STOCK, TCP, chosen
from tables import deaths, print_rows, shown, spread, title, usable
from tools import allow_files

# Handshakes at a time when the crowd comes for the first time.
PARALLEL = 4
# In which all should be answered again.
LIMIT = 60


def measure(bench):
    count = min(bench.scale.restart, allow_files(bench.scale.restart + OTHER_FILES) - OTHER_FILES)
    subjects = chosen((KEPT, OURS, STOCK, TCP), bench.subjects)
    rounds = in_rounds(subjects, bench.scale.storm_rounds, f"restart with {count} connections",
                       lambda subject: one(bench, subject, count))
    return {"connections": count, "rounds": rounds}


def one(bench, subject, count):
    with Server(bench, subject, crowd=count, shared_mb=128 + count * SHARED_KB_PER_CONNECTION // 1024) as server:
        process, result, told = bench.start(server, "restart", LIMIT, "--connections", count, "--parallel", PARALLEL,
                                            stdin=subprocess.PIPE)
        try:
            death = wait_ready(process, server, result, count)
            if death:
                return {"death": death}
            process.popen.stdin.close()
            begin = time.monotonic()
            server.restart()
            away = time.monotonic() - begin
            process.wait(LIMIT + LOAD_SLACK)
        finally:
            process.stop()
        death = server.death()
    run = last_json(result, told)
    return dict(run, away_seconds=away, death=dict(death, after_seconds=round(run["seconds"], 1)) if death else None)


def rows_of(result):
    for name in result["rounds"][0]:
        runs = [r[name] for r in result["rounds"]]
        good = [run for run in runs if usable(run)]
        latency = [shown(spread([run["latency_us"][point] / 1000 for run in good])) for point in ("p50", "p99", "max")]
        answered = spread([run["answered"] for run in runs if "answered" in run])  # also by one that died then
        yield (name, shown(spread([run["handshakes"] for run in good])), shown(answered),
               *latency, shown(spread([run["away_seconds"] for run in good]), 2), deaths(runs) or "survived")


def show(result):
    title(f"restart of SER with {result['connections']} connections: from SIGTERM until each is answered again, ms")
    head = ("subject", "connected again", "answered", "p50", "p99", "slowest", "seconds away", "server")
    print_rows([head, *rows_of(result)])
    print()


def failures(result):
    for runs in result["rounds"]:
        for name, run in runs.items():
            if name == STOCK.name:
                continue
            if run.get("death"):
                yield f"restart, {name}: the server died"
            elif run["answered"] != run["up"]:
                yield f"restart, {name}: {run['up'] - run['answered']} of {run['up']} clients got no answer"
            elif name == KEPT.name and run["handshakes"]:
                yield f"restart, {name}: {run['handshakes']} handshakes"
