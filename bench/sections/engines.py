# SPDX-License-Identifier: GPL-2.0-or-later
"""What a second engine adds in a storm of handshakes, and whether connections spread evenly over the engines."""

from processes import cpu_by_process
from runs import in_rounds
from sections.rivals import PARALLEL
from server import Server
from subjects import RSA12, TLS13, Subject, chosen
from tables import deaths, print_rows, ratios, shown, spread, title, usable

ONE, TWO = "ours, 1 engine", "ours, 2 engines"
# Certificate, and what the client offers. An RSA-4096 signature costs the server more than the clients beside it can spend.
KINDS = {"ECDSA 1.3": ("server", TLS13), "RSA-4096 1.2": ("server-rsa-4096", RSA12)}


def measure(bench):
    result = {"kinds": []}
    for kind, (certificate, client) in KINDS.items():
        subjects = chosen([Subject(name, "ours", client, certificate=certificate, engines=count)
                           for name, count in ((ONE, 1), (TWO, 2))], bench.subjects)
        rounds = in_rounds(subjects, bench.scale.rounds, f"engines, {kind}", lambda subject: one(bench, subject))
        result["kinds"].append({"kind": kind, "rounds": rounds})
    return result


def one(bench, subject):
    with Server(bench, subject) as server:
        before, established = server.family(), server.of_engines("established")
        run = bench.load(server, "storm", bench.scale.seconds, "--parallel", PARALLEL)
        if run["death"]:
            return run
        spent = sum(cpu_by_process(before, server.family()).values())
        counts = [after - count for after, count in zip(server.of_engines("established"), established)]
    run["cpu_us"] = spent * 1e6 / run["handshakes"] if run["handshakes"] else None
    run["smallest_share"] = min(counts) / sum(counts) if sum(counts) else None
    return run


def rows_of(kind):
    for name in kind["rounds"][0]:
        runs = [r[name] for r in kind["rounds"]]
        good = [run for run in runs if usable(run)]
        ratio = ratios(kind["rounds"], name, ONE, lambda run: run["rate"]) if name != ONE else None
        yield (kind["kind"], name, shown(spread([run["rate"] for run in good])), shown(ratio, 2),
               shown(spread([run["cpu_us"] for run in good])),
               shown(spread([100 * run["smallest_share"] for run in good if run["smallest_share"] is not None])),
               shown(spread([100 * run["load_cpu_seconds"] / run["seconds"] for run in good])), deaths(runs) or "survived")


def show(result):
    title("engines: parallel clients, each connects, shakes hands, resets, comes again")
    head = ("handshake", "subject", "per second", f"/ {ONE}", "CPU us each", "% of the engine with fewest", "load CPU %",
            "server")
    print_rows([head, *(row for kind in result["kinds"] for row in rows_of(kind))])
    print()


def failures(result):
    for kind in result["kinds"]:
        for runs in kind["rounds"]:
            for name, run in runs.items():
                if run["death"]:
                    yield f"{kind['kind']}, {name}: the server died"
