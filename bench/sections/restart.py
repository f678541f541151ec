# SPDX-License-Identifier: GPL-2.0-or-later
"""A crowd of phones while SER restarts: how many have to shake hands again, and how long until they are answered."""

from returning import Returning
from runs import in_rounds
from sections.memory import OTHER_FILES, SHARED_KB_PER_CONNECTION
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
        with Returning(bench, server, count, PARALLEL, LIMIT) as clients:
            if clients.death:
                return {"death": clients.death}
            return clients.restart()


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
            elif run["killed"]:
                yield f"restart, {name}: SER did not end within {LIMIT} s"
            elif run["answered"] != run["up"]:
                yield f"restart, {name}: {run['up'] - run['answered']} of {run['up']} clients got no answer"
            elif name == KEPT.name and run["handshakes"]:
                yield f"restart, {name}: {run['handshakes']} handshakes"
