# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory of an idle connection: shared, private in all processes of SER, and the kernel's at both ends."""

import signal
import time

from processes import private_memory
from runs import LOAD_SLACK, last_json, wait_ready
from server import Failed, Server, say
from subjects import KERNEL, RELAYED, STOCK, TCP, USER, chosen
from tables import died, print_rows, title
from tools import TLS_STAT, allow_files, kernel_memory, tls_counters

PARTS = ("shared", "private", "kernel")
WARM_UP = 20
SETTLE_SECONDS = 1.5
# The stock module takes 73 KB; the rest is what SER itself needs.
SHARED_KB_PER_CONNECTION = 120
# SER's own, beside one for each connection; the engine has two for a connection it relays.
OTHER_FILES = 500
# One handshake at a time: what is measured is the crowd, not a storm.
PARALLEL = 1
# The stock module falls now and then even so.
ATTEMPTS = 3


def measure(bench):
    kernel = (KERNEL,) if TLS_STAT.exists() else ()
    subjects = chosen((TCP, *kernel, USER, RELAYED, STOCK), bench.subjects)
    result, measured = {"crowds": []}, set()
    for wanted in bench.scale.crowds:
        runs = {}
        for subject in subjects:
            count = allowed(subject, wanted)
            if (subject.name, count) in measured:  # the limit of open files allows no more than last time
                continue
            measured.add((subject.name, count))
            say(f"memory: {count} idle connections, {subject.name}")
            runs[subject.name] = dict(attempt(bench, subject, count), connections=count)
        result["crowds"].append({"wanted": wanted, "runs": runs})
    return result


def allowed(subject, wanted):
    """As many connections of the wanted ones as the limit of open files allows."""
    each = 2 if subject.home == "relayed" else 1
    return min(wanted, (allow_files(each * wanted + OTHER_FILES) - OTHER_FILES) // each)


def attempt(bench, subject, count):
    """A stock module that falls is tried again; how often it fell stays with the result."""
    fallen = []
    for _ in range(ATTEMPTS if subject == STOCK else 1):
        run = one(bench, subject, count)
        if not run.get("death"):
            break
        fallen.append(run["death"])
    run["fallen"] = fallen
    return run


def one(bench, subject, count):
    shared_mb = 128 + count * SHARED_KB_PER_CONNECTION // 1024
    with Server(bench, subject, crowd=count, shared_mb=shared_mb) as server:
        warm = bench.load(server, "idle", 1, "--connections", WARM_UP, "--parallel", PARALLEL)
        if warm["death"]:
            return {"death": warm["death"]}
        time.sleep(SETTLE_SECONDS)  # the connections of the warm-up go
        before, counters = look(server), tls_counters()
        run = crowd(bench, server, count)
        if "after" not in run:
            return run
        check_home(run, subject, counters, server.homes())
    run["base"] = before
    run["per_connection"] = {part: (run["after"][part] - before[part]) / count for part in PARTS}
    return run


def look(server):
    return {
        "shared": server.rpc("core.shmmem")["real_used"],
        "private": private_memory(server.family()),
        "kernel": kernel_memory(),
    }


def crowd(bench, server, count):
    """Opens the crowd, looks while it idles, lets it go."""
    process, result, told = bench.start(server, "idle", 600, "--connections", count, "--parallel", PARALLEL)
    try:
        death = wait_ready(process, server, result, count)
        if death:
            return {"death": death}
        time.sleep(SETTLE_SECONDS)
        after, counters = look(server), tls_counters()
        process.signal(signal.SIGINT)
        process.wait(LOAD_SLACK)
    finally:
        process.stop()
    run = last_json(result, told)
    if run["stayed"] != count:
        run["refused"] = f"only {run['stayed']} of {count} connections stayed"
    return dict(run, after=after, counters=counters)


def check_home(run, subject, before, logged):
    """Refuses a figure whose connections have another home than it claims."""
    if not subject.home:
        return
    names = ("TlsCurrTxSw", "TlsCurrRxSw")
    in_kernel = min(run["counters"].get(name, 0) - before.get(name, 0) for name in names)
    wanted = run["up"] if subject.home == "kernel" else 0
    # The log stops naming homes after 200 lines.
    if in_kernel != wanted or logged[subject.home] < WARM_UP:
        run["refused"] = (f"{in_kernel} of {run['up']} connections are in the kernel, the log names {logged}: "
                          f"they are not {subject.home}")


def cells(run, plain):
    if run.get("death") or run.get("refused"):
        if run.get("death"):
            trouble = f"{len(run['fallen'])} time(s) {died(run['death'])}"
        else:
            trouble = f"no figure: {run['refused']}"
        return ("-",) * 6 + (trouble,)
    per = run["per_connection"]
    total = per["shared"] + per["private"]
    above = "-"
    if plain and "per_connection" in plain:
        above = f"{(total - plain['per_connection']['shared'] - plain['per_connection']['private']) / 1024:+.1f}"
    base = (run["base"]["shared"] + run["base"]["private"]) / 2**20
    numbers = [f"{per[part] / 1024:.1f}" for part in ("shared", "private")]
    session = " ".join(run[key] for key in ("tls_version", "tls_suite") if key in run) or "plain"
    if run["fallen"]:
        session += f"; before that {len(run['fallen'])} time(s) {died(run['fallen'][0])}"
    return (*numbers, f"{total / 1024:.1f}", above, f"{per['kernel'] / 1024:.1f}", f"{base:.1f}", session)


def show(result):
    title("memory of an idle connection that was asked once, KB")
    head = ("connections", "subject", "shared", "private", "sum", "above tcp", "kernel, both ends",
            "SER before, MB", "session")
    rows, limited = [head], False
    for each in result["crowds"]:
        plain = each["runs"].get("tcp")
        for name, run in each["runs"].items():
            limited = limited or run["connections"] < each["wanted"]
            rows.append((str(run["connections"]), name, *cells(run, plain)))
    print_rows(rows)
    if limited:
        print("Fewer connections than wanted where the limit of open files allows no more (ulimit -Hn).\n")


def failures(result):
    for each in result["crowds"]:
        for name, run in each["runs"].items():
            if run.get("death") and name != "stock":
                yield f"{run['connections']} idle connections, {name}: the server died"
            if run.get("refused"):
                yield f"{run['connections']} idle connections, {name}: {run['refused']}"
