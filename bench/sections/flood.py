# SPDX-License-Identifier: GPL-2.0-or-later
"""Honest handshakes and established traffic while a crowd takes all places."""

import contextlib
import os
import pathlib
import socket
import ssl
import statistics
import sys
import time
from typing import NamedTuple, Tuple

from processes import Process
from runs import WARM_UP_SECONDS, last_json, watch
from server import Failed, Server, say
from subjects import OURS, STOCK, chosen
from tables import died, print_rows, title
from tools import Missing, allow_files

CROWD = pathlib.Path(__file__).resolve().parent.parent / "flooders.py"
ROOMY = STOCK._replace(name="stock, with room")
HONEST = "127.0.0.9"
PATIENCE = 12.0  # seconds of one handshake
ALL_PATIENCE = 24.0  # of all of them
PAUSE = 0.05  # between two of them
UP_LIMIT = 10.0
UP_PART = 0.5  # of a crowd that the server keeps sending away never all are there
LIMIT_MS = 1000
OTHER_FILES = 1000  # of SER and of the crowd


class FloodScale(NamedTuple):
    """How much is done."""

    crowds: Tuple[int, ...] = (2500, 10000)
    sources: Tuple[int, ...] = (1, 50)
    handshakes: int = 50
    seconds: int = 10  # of the traffic in front of the crowd, and beside it
    rate: int = 200
    connections: int = 20
    body: int = 0


class Case(NamedTuple):
    """One crowd."""

    connections: int
    sources: int
    slow: bool


def cases(scale):
    """Silent ones of each size and spread; slow ones of many addresses."""
    found = [Case(count, sources, False) for count in scale.crowds for sources in scale.sources]
    return found + [Case(count, max(scale.sources), True) for count in scale.crowds]


def measure(bench):
    subjects, found, load = chosen((OURS, STOCK, ROOMY), bench.subjects), [], os.getloadavg()[0]
    for number, case in enumerate(cases(bench.scale)):
        need_files(case.connections)
        runs, first = {}, number % len(subjects)
        for subject in subjects[first:] + subjects[:first]:
            say(f"flood: {case.connections} connections of {case.sources} addresses, "
                f"{'slow' if case.slow else 'silent'}, {subject.name}")
            runs[subject.name] = one(bench, subject, case)
        found.append(dict(case._asdict(), runs={subject.name: runs[subject.name] for subject in subjects}))
    return {"load": load, "rate": bench.scale.rate, "handshakes": bench.scale.handshakes, "cases": found}


def need_files(count):
    wanted = count + OTHER_FILES
    allowed = allow_files(wanted)
    if allowed < wanted:
        raise Missing(f"A crowd of {count} needs {wanted} open files and only {allowed} are allowed: "
                      "raise the limit (ulimit -Hn), or choose smaller ones with --crowds.")


def one(bench, subject, case):
    scale = bench.scale
    traffic = ("rate", scale.seconds, "--rate", scale.rate, "--connections", scale.connections)
    with Server(bench, subject, crowd=case.connections if subject == ROOMY else 0, shared_mb=512) as server:
        warm = bench.exchange(server, WARM_UP_SECONDS)
        quiet = bench.load(server, *traffic)
        if warm["death"] or quiet["death"]:
            return {"death": warm["death"] or quiet["death"]}
        process, result, told = bench.start(server, *traffic)
        try:
            wait_for(lambda: told.read_bytes(), process, "the generator")  # it tells once a second that it works
            with gathered(bench, server, case) as crowd:
                times = handshakes(bench, server, scale.handshakes)
                death = watch(process, server, scale.seconds)
                seen = last_json(crowd, told)
        finally:
            process.stop()
        run = {"quiet": quiet, "beside": last_json(result, told), "death": death, "crowd": seen, **times}
        if subject.module == "ours" and not death:
            run["sent_away"] = {name: count for name, count in server.rpc("tls.stats").items() if "evicted" in name}
    return run


def wait_for(what, process, name, seconds=UP_LIMIT):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        if process.wait(0.1):
            raise Failed(f"{name} ended before its time.")


@contextlib.contextmanager
def gathered(bench, server, case):
    """The file that says how the crowd does; it is there, or as many as the server lets in."""
    bench.loads += 1
    said, log = (bench.folder / f"crowd-{bench.loads}.{kind}" for kind in ("json", "log"))
    words = [sys.executable, CROWD, "--port", server.port, "--count", case.connections, "--sources", case.sources]
    with said.open("wb") as out, log.open("wb") as errors:
        process = Process(words + (["--slow"] if case.slow else []), errors, out)
    try:
        wait_for(lambda: said.read_bytes() and last_json(said, log)["opened"] >= UP_PART * case.connections, process,
                 "the crowd")
        yield said
        if process.status() is not None:
            raise Failed(f"The crowd ended: {log.read_text(errors='replace').strip()}")
    finally:
        process.stop()


def handshakes(bench, server, wanted):
    """One after the other, from an address of their own."""
    context, end = ssl.create_default_context(cafile=bench.folder / "ca.pem"), time.monotonic() + ALL_PATIENCE
    times, failed = [], 0
    while len(times) + failed < wanted and time.monotonic() < end:
        took = handshake(context, server.port)
        if took is None:
            failed += 1
        else:
            times.append(took)
        time.sleep(PAUSE)
    return {"times_ms": times, "failed": failed, "untried": wanted - len(times) - failed}


def handshake(context, port):
    """Milliseconds from connect() to its end; None if it fails."""
    begin = time.monotonic()
    with socket.socket() as plain:
        plain.settimeout(PATIENCE)
        try:
            plain.bind((HONEST, 0))
            plain.connect(("127.0.0.1", port))
            context.wrap_socket(plain, server_hostname="127.0.0.1").close()
        except OSError:
            return None
    return (time.monotonic() - begin) * 1000


def summary(run):
    """Median and worst of the handshakes, and p99 of the traffic, in ms; None where there is none."""
    times = run.get("times_ms")
    return {
        "median": statistics.median(times) if times else None,
        "worst": max(times) if times else None,
        "missed": run["failed"] + run["untried"] if "failed" in run else None,
        **{name: run[name]["latency_us"]["p99"] / 1000 if name in run else None for name in ("quiet", "beside")},
        "late": run["beside"]["sent_late_us"]["p99"] / 1000 if "beside" in run else None,
    }


def shown(value, digits=0):
    return "-" if value is None else f"{value:.{digits}f}"


def show(result):
    title(f"flood: {result['handshakes']} handshakes of others beside a crowd, ms; and p99 of {result['rate']} messages/s "
          f"over connections that were there before, ms: alone -> beside it; load average at the start {result['load']:.1f}")
    rows = [("connections", "addresses", "they are", "subject", "median", "worst", "failed", "p99", "sent late p99",
             "crowd: open, opened", "sent away", "server")]
    for case in result["cases"]:
        for name, run in case["runs"].items():
            found, crowd = summary(run), run.get("crowd")
            rows.append((str(case["connections"]), str(case["sources"]), "slow" if case["slow"] else "silent", name,
                         shown(found["median"], 1), shown(found["worst"]), shown(found["missed"]),
                         f"{shown(found['quiet'], 1)} -> {shown(found['beside'], 1)}", shown(found["late"], 1),
                         f"{crowd['open']}, {crowd['opened']}" if crowd else "-",
                         str(sum(run["sent_away"].values())) if "sent_away" in run else "-",
                         died(run["death"]) if run["death"] else "survived"))
    print_rows(rows)


def failures(result):
    """What ours may not do; the stock module may."""
    for case in result["cases"]:
        run = case["runs"].get("ours")
        if not run:
            continue
        found, what = summary(run), f"{case['connections']} of {case['sources']}"
        if run["death"]:
            yield f"{what}: the server died"
            continue
        if found["missed"]:
            yield f"{what}: {found['missed']} handshakes of others failed"
        if found["worst"] and found["worst"] >= LIMIT_MS:
            yield f"{what}: a handshake of somebody else took {found['worst']:.0f} ms"
        for name in ("quiet", "beside"):
            if run[name]["errors"]:
                yield f"{what}: established traffic had {run[name]['errors']} errors"
