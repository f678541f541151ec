# SPDX-License-Identifier: GPL-2.0-or-later
"""The slowest answer to well-behaved connections beside peers that ask for long answers and never read."""

from runs import in_rounds
from server import Server
from subjects import MAIN, chosen
from tables import deaths, print_rows, shown, spread, title, usable


def measure(bench):
    subjects = chosen(MAIN, bench.subjects)
    scale = bench.scale
    result = {"rate": scale.rate, "peers": scale.peers, "seconds": scale.stalled_seconds, "settings": []}
    for tcp_async in (True, False):
        word = "yes" if tcp_async else "no"
        rounds = in_rounds(subjects, scale.storm_rounds, f"stalled peers, tcp_async={word}",
                           lambda subject, tcp_async=tcp_async: one(bench, subject, tcp_async))
        result["settings"].append({"tcp_async": word, "rounds": rounds})
    return result


def one(bench, subject, tcp_async):
    scale = bench.scale
    more = ("--rate", scale.rate, "--connections", scale.connections, "--peers", scale.peers)
    with Server(bench, subject, tcp_async=tcp_async) as server:
        return bench.load(server, "stalled", scale.stalled_seconds, *more, phases=2)


def milliseconds(runs, phase, percentile):
    values = [run[phase]["latency_us"][percentile] / 1000 for run in runs if run[phase]["messages"]]
    return shown(spread(values), 1)


def show(result):
    title(f"stalled: {result['rate']} messages/s, latency in ms from the intended sending: alone -> beside "
          f"{result['peers']} peers that never read, for {result['seconds']} s each")
    rows = [("tcp_async", "subject", "p50", "p99", "slowest", "longest silence, ms", "% answered in time", "unanswered",
             "peers: closed, blocked, still asking", "server")]
    for setting in result["settings"]:
        for name in setting["rounds"][0]:
            runs = [r[name] for r in setting["rounds"]]
            good = [run for run in runs if usable(run)]
            cells = [f"{milliseconds(good or runs, 'quiet', p)} -> {milliseconds(good, 'disturbed', p)}"
                     for p in ("p50", "p99", "max")]
            cells.append(f"{shown(silence(good or runs, 'quiet'))} -> {shown(silence(good, 'disturbed'))}")
            in_time = shown(spread([100 * run["answered_meanwhile"] / (result["rate"] * run["disturbed"]["seconds"])
                                    for run in good]))
            peers = ", ".join(shown(spread([run[f"peers_{state}"] for run in good]))
                              for state in ("closed", "blocked", "asking"))
            unanswered = str(sum(run["unanswered"] for run in runs))
            rows.append((setting["tcp_async"], name, *cells, in_time, unanswered, peers, deaths(runs) or "survived"))
    print_rows(rows)
    print("The peers leave at the end of their time, which frees whoever waits for them: it bounds \"slowest\" and "
          "the silence.\n")


def silence(runs, phase):
    return spread([run[phase]["longest_silence_ms"] for run in runs])


def failures(result):
    for setting in result["settings"]:
        for runs in setting["rounds"]:
            for name, run in runs.items():
                if run["death"] and name != "stock":
                    yield f"{name}, tcp_async={setting['tcp_async']}: the server died"
