# SPDX-License-Identifier: GPL-2.0-or-later
"""Handshakes/s of parallel clients that reset and come again, full and resumed, and who survives it."""

from processes import cpu_by_process
from runs import in_rounds
from server import Server
from subjects import OURS, STOCK, chosen
from tables import deaths, print_rows, ratios, shown, spread, title, usable


def measure(bench):
    subjects = chosen((OURS, STOCK) if bench.storm_stock else (OURS,), bench.subjects)
    kinds = [("storm", parallel) for parallel in bench.scale.storm_parallel] + [("resume", 20)]
    result = {"kinds": []}
    for mode, parallel in kinds if subjects else ():
        rounds = in_rounds(subjects, bench.scale.storm_rounds, f"{mode} of {parallel} clients",
                           lambda subject, mode=mode, parallel=parallel: one(bench, subject, mode, parallel))
        result["kinds"].append({"mode": mode, "parallel": parallel, "rounds": rounds})
    return result


def one(bench, subject, mode, parallel):
    with Server(bench, subject) as server:
        before = server.family()
        run = bench.load(server, mode, bench.scale.storm_seconds, "--parallel", parallel)
        spent = sum(cpu_by_process(before, server.family()).values())
        run["survived"] = not run["death"] and bench.answers(server)
    run["cpu_us_per_handshake"] = spent * 1e6 / run["handshakes"] if run["survived"] and run["handshakes"] else None
    return run


def outcome(runs):
    silent = sum(not run["survived"] and not run["death"] for run in runs)
    silence = f"{silent} of {len(runs)} runs on but does not answer without errors" if silent else ""
    return "; ".join(filter(None, (deaths(runs), silence))) or "survived and answers"


def rows_of(kind):
    for name in kind["rounds"][0]:
        runs = [r[name] for r in kind["rounds"]]
        resumed = spread([100 * run["resumed"] / run["handshakes"] for run in runs if run["handshakes"]])
        # Of a server that died this is what it did before.
        rate = shown(spread([run["rate"] for run in runs if usable(run)]))
        done = shown(spread([run["handshakes"] for run in runs]))
        cpu = shown(spread([run["cpu_us_per_handshake"] for run in runs]))
        p99 = shown(spread([run["latency_us"]["p99"] for run in runs if usable(run)]))
        errors = str(sum(run["errors"] for run in runs))
        label = f"{kind['mode']} {kind['parallel']}"
        yield label, name, done, rate, cpu, p99, shown(resumed), errors, outcome(runs)


def show(result):
    title("storm: parallel clients, each connects, shakes hands, resets, comes again")
    head = ("kind", "subject", "handshakes", "per second", "CPU us each", "p99 us", "% resumed", "errors", "server")
    print_rows([head] + [row for kind in result["kinds"] for row in rows_of(kind)])
    for kind in result["kinds"]:
        ratio = ratios(kind["rounds"], "ours", "stock", lambda run: run["rate"])
        if ratio:
            print(f"{kind['mode']} {kind['parallel']}: ours / stock {shown(ratio, 2)} in handshakes/s")
    print()


def failures(result):
    for kind in result["kinds"]:
        for runs in kind["rounds"]:
            if "ours" in runs and not runs["ours"]["survived"]:
                yield f"{kind['mode']} of {kind['parallel']}: ours did not survive"
