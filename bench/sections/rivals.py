# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user would take in our place: nginx or haproxy in front of plain TCP. CPU of everything on the server's side.

"nginx alone" has no SER behind it: it shakes hands and closes."""

import time

from processes import cpu_by_process, private_memory
from proxy import Proxy
from runs import in_rounds, wait_ready
from sections.memory import SETTLE_SECONDS, SHARED_KB_PER_CONNECTION, WARM_UP
from server import Server
from subjects import GCM12, RSA12, TCP, TLS13, Subject, chosen
from tables import deaths, print_rows, ratios, shown, spread, title, usable

ALONE = "nginx alone"
NAMES = {"ours": "ours", ALONE: "nginx", "nginx": "nginx", "haproxy": "haproxy"}
# Certificate, and what the client offers.
KINDS = {
    "ECDSA 1.3": ("server", TLS13),
    "ECDSA 1.2": ("server", GCM12),
    "RSA 1.3": ("server-rsa", TLS13),
    "RSA 1.2": ("server-rsa", RSA12),
}
PARALLEL = 20
CROWD = 1000


def subjects_of(bench, kind):
    certificate, client = KINDS[kind]
    return chosen([Subject(name, module, client, certificate=certificate) for name, module in NAMES.items()],
                  bench.subjects)


def server_of(bench, subject, crowd=0):
    """Ours and plain TCP are a Kamailio alone."""
    if subject.module in ("ours", None):
        return Server(bench, subject, crowd=crowd, shared_mb=128 + crowd * SHARED_KB_PER_CONNECTION // 1024)
    return Proxy(bench, subject, crowd, alone=subject.name == ALONE)


def measure(bench):
    result = {"handshakes": [], "connections": []}
    for kind in KINDS:
        rounds = in_rounds(subjects_of(bench, kind), bench.scale.rounds, f"handshakes, {kind}",
                           lambda subject: handshakes(bench, subject))
        result["handshakes"].append({"kind": kind, "rounds": rounds})
    for kind in list(KINDS)[:2]:
        subjects = [s for s in subjects_of(bench, kind) if s.name != ALONE] + chosen([TCP], bench.subjects)
        rounds = in_rounds(subjects, bench.scale.rounds, f"connections with one request, {kind}",
                           lambda subject: connections(bench, subject))
        result["connections"].append({"kind": kind, "rounds": rounds})
    return result


def handshakes(bench, subject):
    """Clients that reset and come again."""
    with server_of(bench, subject) as server:
        before = server.family()
        run = bench.load(server, "storm", bench.scale.seconds, "--parallel", PARALLEL)
        spent = sum(cpu_by_process(before, server.family()).values())
    run["cpu_us"] = spent * 1e6 / run["handshakes"] if run["handshakes"] else None
    return run


def look(server):
    return server.rpc("core.shmmem")["real_used"], private_memory(server.family())


def connections(bench, subject):
    """Each is opened, asked once and held: what that costs, and the memory it then has."""
    with server_of(bench, subject, crowd=CROWD) as server:
        warm = bench.load(server, "idle", 1, "--connections", WARM_UP)
        if warm["death"]:
            return warm
        time.sleep(SETTLE_SECONDS)
        memory, before = look(server), server.family()
        process, result, _ = bench.start(server, "idle", 600, "--connections", CROWD, "--parallel", PARALLEL)
        try:
            death = wait_ready(process, server, result, CROWD)
            spent = sum(cpu_by_process(before, server.family()).values())
            time.sleep(SETTLE_SECONDS)
            after = look(server) if not death else memory
        finally:
            process.stop()
    shared, private = (now - then for now, then in zip(after, memory))
    return {"death": death, "cpu_us": spent * 1e6 / CROWD, "shared": shared / CROWD, "private": private / CROWD}


def figure(runs, key, unit=1, digits=0):
    """Of the runs that count."""
    return shown(spread([run[key] / unit for run in runs if usable(run) and run.get(key) is not None]), digits)


def subjects(kinds):
    """Of each kind and subject: the two names, all runs, CPU, and ours by it."""
    for kind in kinds:
        for name in kind["rounds"][0]:
            runs = [r[name] for r in kind["rounds"]]
            ratio = shown(ratios(kind["rounds"], "ours", name, lambda run: run["cpu_us"]), 2)
            yield kind["kind"], name, runs, figure(runs, "cpu_us"), ratio


def handshake_rows(kinds):
    yield "handshake", "subject", "CPU us", "per second", "ours / it", "errors", "server"
    for kind, name, runs, cpu, ratio in subjects(kinds):
        yield kind, name, cpu, figure(runs, "rate"), ratio, str(sum(run["errors"] for run in runs)), deaths(runs)


def connection_rows(kinds):
    yield "connection", "subject", "CPU us", "ours / it", "shared KB", "private KB", "server"
    for kind, name, runs, cpu, ratio in subjects(kinds):
        memory = [figure(runs, part, 1024, 1) for part in ("shared", "private")]
        yield kind, name, cpu, ratio, *memory, deaths(runs)


def show(result):
    title("rivals: full handshakes of clients that reset and come again; CPU of all processes but the clients")
    print_rows(list(handshake_rows(result["handshakes"])))
    title("rivals: a connection that is asked once and then held")
    print_rows(list(connection_rows(result["connections"])))


def failures(result):
    for what, kinds in result.items():
        for kind in kinds:
            for number, runs in enumerate(kind["rounds"], 1):
                if runs.get("ours", {}).get("death"):
                    yield f"{what}, {kind['kind']}, round {number}: ours died"
