# SPDX-License-Identifier: GPL-2.0-or-later
"""Throughput of each home of the records as a share of plain TCP, and the stock module with the same suites."""

from runs import in_rounds
from sections.throughput import failures, show_ratios, show_subjects, summarise
from subjects import KERNEL, KERNEL12, RELAYED, STOCK, STOCK12, STOCK_CBC, TCP, USER, USER12, chosen
from tables import title
from tools import TLS_STAT

__all__ = ["measure", "show", "failures"]


def measure(bench):
    kernel = (KERNEL, KERNEL12) if TLS_STAT.exists() else ()
    subjects = chosen((TCP, *kernel, USER, USER12, RELAYED, STOCK, STOCK12, STOCK_CBC), bench.subjects)
    rounds = in_rounds(subjects, bench.scale.rounds, "homes", bench.closed)
    pairs = [(s.name, "tcp") for s in subjects if s.module]
    return dict(summarise(rounds, pairs), rounds=rounds, kernel=bool(kernel))


def show(result):
    title("homes of the records: closed loop")
    show_subjects(result)
    if not result["kernel"]:
        print("No figure for the kernel: this one has no kernel TLS (no /proc/net/tls_stat); "
              "--guest runs one that has.\n")
    show_ratios(result)
