# SPDX-License-Identifier: GPL-2.0-or-later
"""Latency of established traffic at a constant rate, alone and while others storm in."""

from runs import in_rounds
from server import Server
from subjects import OURS, OURS_NICE, STOCK, TCP, chosen
from tables import deaths, print_rows, quotient, shown, spread, title, usable

PERCENTILES = ("p50", "p99", "max")


def measure(bench):
    subjects = chosen((OURS, OURS_NICE, STOCK, TCP) if bench.storm_stock else (OURS, OURS_NICE, TCP), bench.subjects)
    rounds = in_rounds(subjects, bench.scale.storm_rounds, "latency", lambda subject: one(bench, subject))
    return {"rate": bench.scale.rate, "parallel": bench.scale.mixed_parallel, "rounds": rounds}


def one(bench, subject):
    scale = bench.scale
    more = ("--rate", scale.rate, "--connections", scale.connections, "--parallel", scale.mixed_parallel)
    with Server(bench, subject) as server:
        return bench.load(server, "mixed", scale.phase_seconds, *more, phases=2)


def latency(runs, phase, percentile):
    return spread([run[phase]["latency_us"][percentile] for run in runs])


def show(result):
    title(f"latency of {result['rate']} messages/s from the intended sending, in microseconds: "
          f"quiet -> beside {result['parallel']} clients that storm (of tcp: connect and reset)")
    rows = [("subject", *PERCENTILES, "p99 grows", "storm/s", "answered/s in it", "unanswered",
             "sent late p99", "server")]
    for name in result["rounds"][0]:
        runs = [r[name] for r in result["rounds"]]
        good = [run for run in runs if usable(run)]
        cells = [f"{shown(latency(good or runs, 'quiet', p))} -> {shown(latency(good, 'disturbed', p))}"
                 for p in PERCENTILES]
        growth = spread([quotient(run["disturbed"]["latency_us"]["p99"], run["quiet"]["latency_us"]["p99"])
                         for run in good])
        storm = shown(spread([run["storm"]["rate"] for run in good]))
        answered = shown(spread([quotient(run["answered_meanwhile"], run["disturbed"]["seconds"]) for run in good]))
        unanswered = str(sum(run["unanswered"] for run in runs))
        late = shown(spread([run["sent_late_us"]["p99"] for run in runs]))
        factor = f"x {shown(growth, 1)}" if growth else "-"
        rows.append((name, *cells, factor, storm, answered, unanswered, late, deaths(runs) or "survived"))
    print_rows(rows)


def failures(result):
    for runs in result["rounds"]:
        for name, run in runs.items():
            if name == "stock":
                continue
            if run["death"]:
                yield f"{name}: the server died"
            elif run["unanswered"]:
                yield f"{name}: {run['unanswered']} messages had no answer"
