# SPDX-License-Identifier: GPL-2.0-or-later
"""A large crowd of phones: what it takes to let it in, to keep it, to look at it, and to have all of it come back at once."""

import re
import time

from processes import cpu_by_process, private_memory
from returning import Returning
from sections.memory import OTHER_FILES
from server import Server, say
from subjects import OURS, STOCK, TCP, chosen
from tables import died, print_rows, title
from tools import allow_files, kernel_memory

# Handshakes at a time when the crowd comes for the first time.
PARALLEL = 16
# How often each is asked again.
KEPT_TIMES = 2
# In which all should be back.
LIMIT = 3000
SHARED_KB_PER_CONNECTION = {"ours": 19, "stock": 120, None: 19}
# How many connections tls.list tells at a time.
PAGE = 200


def measure(bench):
    count = min(bench.scale.crowd, allow_files(bench.scale.crowd + OTHER_FILES) - OTHER_FILES)
    runs = {}
    for subject in chosen((OURS, STOCK, TCP), bench.subjects):
        say(f"crowd: {count} connections, {subject.name}")
        runs[subject.name] = one(bench, subject, count)
    return {"connections": count, "every": bench.scale.every, "runs": runs}


def one(bench, subject, count):
    shared_mb = 128 + count * SHARED_KB_PER_CONNECTION[subject.module] // 1024
    with Server(bench, subject, crowd=count, shared_mb=shared_mb) as server:
        before = look(server)
        with Returning(bench, server, count, PARALLEL, LIMIT, "--every", bench.scale.every) as clients:
            if clients.death:
                return {"death": clients.death}
            after = look(server)
            kept = keep(server, KEPT_TIMES * bench.scale.every)
            asked = ask(server) if subject.module == "ours" else {}
            return dict(clients.restart(), before=before, after=after, keeping=kept, asked=asked)


def names(server):
    """What each process is for, by its id."""
    text = server.rpc_text("core.ps")
    called = {int(pid): name for pid, name in re.findall(r"^(\d+)\n(.+)$", text, re.M)}
    engines = server.of_engines("pid") if server.subject.module == "ours" else ()
    return {**called, **dict.fromkeys(engines, "tls engine")}


def kind(name):
    """Readers and the like count together."""
    return re.sub(r"[ \d:.@/_-]*(child|sock).*|[ =]*\d+$", "", name)


def by_kind(server, family, value):
    called, found = names(server), {}
    for pid in family:
        name = kind(called.get(pid, "others"))
        found[name] = found.get(name, 0) + value(pid)
    return found


def look(server):
    return {
        "shared": server.rpc("core.shmmem")["real_used"],
        "private": by_kind(server, server.family(), lambda pid: private_memory([pid])),
        "kernel": kernel_memory(),
    }


def keep(server, seconds):
    """CPU of each kind of process while all are only kept."""
    before, begin = server.family(), time.monotonic()
    time.sleep(seconds)
    spent = cpu_by_process(before, server.family())
    return {"seconds": time.monotonic() - begin, "cpu": by_kind(server, spent, lambda pid: spent[pid])}


def timed(server, *words):
    begin = time.monotonic()
    text = server.rpc_text(*words)
    return time.monotonic() - begin, text


def ask(server):
    """Seconds that commands take with all there, and how many tls.list tells."""
    asked = {"tls.stats": timed(server, "tls.stats")[0], "tls.count": timed(server, "tls.count", "proto")[0]}
    asked["tls.list"], asked["listed"] = read_list(server)
    asked["tls.reload"], answer = timed(server, "tls.reload")
    asked["reloaded"] = answer.startswith("Ok.")
    return asked


def read_list(server):
    """All pages of it."""
    begin, last, listed = time.monotonic(), 0, 0
    while True:
        ids = re.findall(r"^\s*id: (\d+)$", server.rpc_text("tls.list", "after", last, PAGE), re.M)
        if not ids:
            return time.monotonic() - begin, listed
        last, listed = int(ids[-1]), listed + len(ids)


def show(result):
    count = result["connections"]
    title(f"{count} connections, each asked every {result['every']} s")
    rows = [("subject", "opened/s", "shared KB", "private KB", "kernel KB, both ends", "CPU s per s", "p99 ms", "unanswered",
             "s to end", "back after s", "connected again", "server")]
    for name, run in result["runs"].items():
        rows.append((name, *cells(run, count)))
    print_rows(rows)
    for name, run in result["runs"].items():
        if "asked" in run:
            print(name, {key: round(value, 2) for key, value in run["asked"].items()})
            print(name, "private KB:", {key: round((value - run["before"]["private"].get(key, 0)) / 1024)
                                        for key, value in run["after"]["private"].items()})
            print(name, "CPU:", {key: round(value, 2) for key, value in run["keeping"]["cpu"].items()})
    print()


def cells(run, count):
    if "after" not in run:
        return ("-",) * 10 + (died(run["death"]),)
    grown = {part: run["after"][part] - run["before"][part] for part in ("shared", "kernel")}
    private = sum(run["after"]["private"].values()) - sum(run["before"]["private"].values())
    cpu = sum(run["keeping"]["cpu"].values()) / run["keeping"]["seconds"]
    return (f"{run['opening']['rate']:.0f}", *(f"{size / count / 1024:.1f}" for size in (grown["shared"], private, grown["kernel"])),
            f"{cpu:.2f}", f"{run['kept']['latency_us']['p99'] / 1000:.1f}", str(run["kept"]["errors"]), f"{run['end_seconds']:.1f}",
            f"{run['seconds']:.0f}", str(run["handshakes"]), died(run["death"]) if run["death"] else "survived")


def failures(result):
    for name, run in result["runs"].items():
        if name == STOCK.name:
            continue
        if run.get("death"):
            yield f"crowd, {name}: the server died"
            continue
        if run["killed"]:
            yield f"crowd, {name}: SER did not end within {LIMIT} s"
        if run["kept"]["errors"]:
            yield f"crowd, {name}: {run['kept']['errors']} errors while it was kept"
        if run["answered"] != run["up"]:
            yield f"crowd, {name}: {run['up'] - run['answered']} of {run['up']} did not come back"
        asked = run["asked"]
        there = run["up"] - run["kept"]["errors"]  # at least: some end after the list was read
        if asked and not there <= asked["listed"] <= run["up"]:
            yield f"crowd, {name}: tls.list told {asked['listed']} of {there} connections"
        if asked and not asked["reloaded"]:
            yield f"crowd, {name}: tls.reload failed"
