# SPDX-License-Identifier: GPL-2.0-or-later
"""CPU of SER per message at constant rates: all do the same work in the same time, whoever could do more."""

from runs import in_rounds
from sections.throughput import PAIRS, summarise
from sections.throughput import failures as failures_of_one
from subjects import AEAD, MAIN, TLS13, Subject, chosen
from tables import deaths, print_rows, shown, title
from tools import TLS_STAT

# The share of a rate that a server has to reach.
KEPT_UP = 0.99
USER = Subject("ours user", "ours", TLS13, 0, "user")  # where the other is in the kernel
ALL_PAIRS = (*PAIRS, ("ours user", "tcp"), ("tcp with AEAD", "tcp"))


def measure(bench):
    subjects = chosen((*MAIN, *((USER,) if TLS_STAT.exists() else ()), AEAD), bench.subjects)
    found = []
    for rate in bench.scale.rates:
        rounds = in_rounds(subjects, bench.scale.rounds, f"{rate} messages/s",
                           lambda subject, rate=rate: one(bench, subject, rate))
        found.append(dict(summarise(rounds, ALL_PAIRS), rate=rate, rounds=rounds))
    return {"rates": found}


def one(bench, subject, rate):
    run = bench.measured(subject, "rate", "--rate", rate)
    if not run["death"] and run["rate"] < rate * KEPT_UP:
        run["refused"] = f"{run['rate']:.0f} of {rate} messages/s"
    return run


def show(result):
    title("rates: CPU per message where all do the same work")
    if not result["rates"]:
        print("No figure: this kernel counts CPU in ticks, which miss what an idle processor does at once.\n")
        return
    rows = [("messages/s", "subject", "CPU us/message", "/ tcp", "p50 us", "p99 us")]
    for step in result["rates"]:
        for name, s in step["subjects"].items():
            ratio = step["ratios"].get(f"{name} / tcp", {}).get("cpu_us_per_message")
            trouble = deaths([one[name] for one in step["rounds"]]) or s["trouble"]
            numbers = shown(s["cpu_us_per_message"], 1), shown(ratio, 3), shown(s["p50_us"]), shown(s["p99_us"])
            rows.append((str(step["rate"]), name, *numbers[:-1], "; ".join(filter(None, (numbers[-1], trouble)))))
    print_rows(rows)


def failures(result):
    for step in result["rates"]:
        for told in failures_of_one(step):
            yield f"{step['rate']} messages/s, {told}"
