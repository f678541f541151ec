# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of the generator against a server, and the rounds they are done in."""

import json
import signal
import subprocess
import time
from typing import NamedTuple, Tuple

from processes import Process, cpu_by_process
from server import Failed, Server, say
from tools import tls_counters

WARM_UP_SECONDS = 1
# What the generator may take beyond its seconds: connecting, last answers (30 s at most).
LOAD_SLACK = 60.0


class Scale(NamedTuple):
    """How much is done. Seconds are those of one phase of a run."""

    rounds: int = 5
    seconds: int = 10
    storm_rounds: int = 3  # also of latency and stalled
    storm_seconds: int = 10
    phase_seconds: int = 10
    stalled_seconds: int = 15  # beyond the core's send timeout of 10 s
    connections: int = 10
    body: int = 0
    rate: int = 2000  # messages/s of the traffic whose latency counts
    rates: Tuple[int, ...] = (5000, 10000, 20000, 40000)  # at which CPU is compared
    storm_parallel: Tuple[int, ...] = (20, 200)
    mixed_parallel: int = 50
    peers: int = 60
    crowds: Tuple[int, ...] = (1000, 5000, 10000, 20000)
    restart: int = 5000  # connections while SER restarts
    crowd: int = 10000  # connections of phones that are only kept
    every: int = 30  # seconds after which each of these is asked again


QUICK = Scale(
    rounds=3, seconds=3, storm_rounds=1, storm_seconds=5, phase_seconds=4, stalled_seconds=6, rates=(10000, 40000),
    crowds=(1000, 5000), restart=1000,
)
# One processor that does system calls slowly.
GUEST = Scale(
    rounds=3, seconds=4, storm_rounds=1, storm_seconds=6, phase_seconds=5, stalled_seconds=8, rate=200,
    rates=(),  # its CPU is counted in ticks, and between two of them a rate below the limit is done
    storm_parallel=(20,), mixed_parallel=20, peers=20, crowds=(200, 500), restart=200,
)


class Bench:
    def __init__(self, scale, subjects, storm_stock, tools, folder):
        self.scale = scale
        self.subjects = subjects  # words: ours, stock, tcp
        self.storm_stock = storm_stock
        self.tools = tools
        self.folder = folder
        self.loads = 0

    def words(self, server, mode, seconds, *more):
        words = [self.tools["load"], mode, "--to", f"127.0.0.1:{server.port}", "--seconds", seconds, *more]
        if server.subject.module:
            words += ["--tls", "--ca", self.folder / "ca.pem", *server.subject.client]
        return words

    def start(self, server, mode, seconds, *more, stdin=subprocess.DEVNULL):
        """Starts the generator. Returns the process and the files of its output and its log."""
        self.loads += 1
        result, told = self.folder / f"load-{self.loads}.json", self.folder / f"load-{self.loads}.log"
        with result.open("wb") as out, told.open("wb") as log:
            return Process(self.words(server, mode, seconds, *more), log, out, stdin), result, told

    def load(self, server, mode, seconds, *more, phases=1):
        """Runs the generator; ends it early when the server dies. Its JSON, with the death if there is one."""
        process, result, told = self.start(server, mode, seconds, *more)
        try:
            death = watch(process, server, seconds * phases)
        finally:
            process.stop()
        return run_of(result, told, death)

    def exchange(self, server, seconds, mode="closed", *more):
        scale = self.scale
        return self.load(server, mode, seconds, "--connections", scale.connections, "--body", scale.body, *more)

    def connected_first(self, server, mode, *more):
        """An exchange, and the CPU of each process from when all were connected. Handshakes do not count."""
        scale = self.scale
        process, result, told = self.start(server, mode, scale.seconds, "--connections", scale.connections, "--body",
                                           scale.body, "--hold", *more, stdin=subprocess.PIPE)
        try:
            death = wait_ready(process, server, result, scale.connections)
            before = server.family()
            process.popen.stdin.close()
            death = watch(process, server, scale.seconds) or death
            return run_of(result, told, death), cpu_by_process(before, server.family())
        finally:
            process.stop()

    def measured(self, subject, *mode):
        """One measured run of a mode of the generator on a fresh server."""
        with Server(self, subject) as server:
            warm = self.exchange(server, WARM_UP_SECONDS, *mode)
            if warm["death"]:
                return warm
            counters, homes = tls_counters(), server.homes()
            run, spent = self.connected_first(server, *mode)
            grown = growth(counters, tls_counters())
            logged = growth(homes, server.homes())
        run["errors"] += warm["errors"]
        with_cpu(run, spent)
        check_home(run, subject, grown, logged)
        return run

    def closed(self, subject):
        return self.measured(subject, "closed")

    def answers(self, server):
        """True when the server still answers everything."""
        after = self.exchange(server, WARM_UP_SECONDS)
        return not after["death"] and after["messages"] > 0 and after["errors"] == 0


def run_of(result, told, death):
    run = last_json(result, told)
    run["death"] = death
    run["told"] = [line for line in told.read_text(errors="replace").splitlines() if line.startswith("load: ")]
    return run


def last_json(result, told):
    try:
        return json.loads(result.read_text().splitlines()[-1])
    except (ValueError, IndexError):
        raise Failed(f"The load generator gave no result: {told.read_text(errors='replace').strip()}") from None


def wait_ready(process, server, result, count):
    """Waits until all connections are up; returns the server's death, or None."""
    return wait_word("ready", process, server, result, LOAD_SLACK + count / 20)


def wait_word(word, process, server, result, limit):
    """Waits until the generator says it; returns the server's death, or None."""
    begin = time.monotonic()
    while f'"{word}"'.encode() not in result.read_bytes():
        passed = time.monotonic() - begin
        death = server.death()
        if death:
            return dict(death, after_seconds=round(passed, 1))
        if process.wait(0.1) or passed > limit:
            raise Failed(f"The connections to {server.subject.name} did not come to {word!r}:\n{server.log_tail()}")
    return None


def watch(process, server, seconds):
    """Waits for the generator. Returns how the server died, with the second, or None."""
    begin = time.monotonic()
    while not process.wait(0.1):
        passed = time.monotonic() - begin
        death = server.death()
        if death:
            process.signal(signal.SIGINT)
            process.wait(LOAD_SLACK)
            return dict(death, after_seconds=round(passed, 1))
        if passed > seconds + LOAD_SLACK:
            raise Failed("The load generator does not end.")
    death = server.death()
    return dict(death, after_seconds=round(time.monotonic() - begin, 1)) if death else None


def with_cpu(run, spent):
    total = sum(spent.values())
    run["server_cpu_seconds"] = round(total, 3)
    run["server_cpu_by_pid"] = spent
    run["cpu_us_per_message"] = total * 1e6 / run["messages"] if run["messages"] else None
    run["load_core_share"] = run["load_cpu_seconds"] / run["seconds"] if run["seconds"] else 0.0


def growth(before, after):
    return {name: value - before.get(name, 0) for name, value in after.items()}


def check_home(run, subject, grown, logged):
    """Refuses a figure unless the kernel's counters and the log say that its connections had the home it claims."""
    if subject.module != "ours":
        return
    grown = {name: grown.get(name, 0) for name in ("TlsTxSw", "TlsRxSw")}
    in_kernel = min(grown.values()) >= run["connections"]
    run["ktls_growth"] = grown
    run["home"] = subject.home or ("kernel" if in_kernel else "user")
    if not subject.home:
        return
    told = ", ".join(f"{name} grew by {count}" for name, count in grown.items())
    told = f"{told}, the log names {logged} for {run['connections']} connections"
    if (subject.home == "kernel") != in_kernel or logged[subject.home] < run["connections"]:
        run["refused"] = f"records are not in the home {subject.home}: {told}"


def in_rounds(subjects, count, what, measure):
    """Every round runs all subjects, each round beginning with another one. A list of {name: run}."""
    rounds = []
    for i in range(count):
        first = i % len(subjects)
        runs = {}
        for subject in subjects[first:] + subjects[:first]:
            say(f"{what}: round {i + 1} of {count}, {subject.name}")
            runs[subject.name] = measure(subject)
        rounds.append(runs)
    return rounds
