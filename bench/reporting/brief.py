# SPDX-License-Identifier: GPL-2.0-or-later
"""What the README shows: ours beside the stock module, a column for each release, and where the stock module is better."""

from reporting import data, weak
from reporting.grid import Grid, paragraph
from reporting.telling import crowd_of, only
from reporting.weak import median
from tables import quotient, shown

HOMES = ("ours kernel 1.3", "ours user 1.3")


def both(ours, stock, digits, unit):
    """A figure of each; a stock module without one died."""
    if ours is None:
        return ""
    return f"{ours:,.{digits}f}{unit} / " + ("died" if stock is None else f"{stock:,.{digits}f}{unit}")


def times(ratio):
    figure, space, its_range = shown(ratio, 2).partition(" ")
    return f"{figure} times{space}{its_range}"


def messages(source):
    subjects = data.throughput(source) or ()
    ours = next((s for home in HOMES if (s := only(home, subjects)) and s["cpu_of_stock"]), None)
    if ours:
        yield "SER's CPU per message (below 1: ours takes less)", times(ours["cpu_of_stock"])
        yield "messages/s", times(ours["share_of_stock"])


def storms(source):
    for kind in data.survival(source) or ():
        ours, stock = only("ours", kind["subjects"]), only("stock", kind["subjects"])
        if ours and stock:
            what = "resumptions" if kind["mode"] == "resume" else "handshakes"
            rate = quotient(median(ours, "rate"), median(stock, "rate"))
            yield (f"{what}/s of {kind['parallel']} clients that reset and come again",
                   f"the stock module died in {len(stock['fates'])} of {len(stock['runs'])} runs" if stock["fates"]
                   else f"{rate:.2f} times")


def silences(source):
    measured = data.stalled(source)
    for setting in measured["settings"] if measured else ():
        ours, stock = (only(name, setting["subjects"]) for name in ("ours", "stock"))
        yield (f"with tcp_async={setting['tcp_async']} nobody is answered beside peers that never read, for",
               both(median(ours, "silence"), median(stock, "silence"), 2, " s"))


def latencies(source):
    measured = data.latency(source)
    if measured:
        ours, stock = (only(name, measured["subjects"]) for name in ("ours", "stock"))
        if ours and stock:
            yield ("99 % of established traffic answered in a storm within",
                   both(median(ours["storm"], "p99"), median(stock["storm"], "p99"), 1, " ms"))


def memory(source):
    measured = data.memory(source) or {}
    last = {name: next((p[1] for p in reversed(points) if p[1] is not None), None) for name, points in measured.items()}
    ours = next((last[home] for home in HOMES if last.get(home)), None)
    if ours and last.get("tcp"):
        stock = last.get("stock")
        yield (f"an idle connection, on top of plain TCP's {last['tcp']:.0f} KB",
               both(ours - last["tcp"], stock - last["tcp"] if stock else None, 1, " KB"))


def floods(source):
    largest = {case["sources"]: case for case in data.flood(source)[1] if not case["slow"]} if source.flood else {}
    for case in largest.values():
        ours, stock = (only(name, case["subjects"]) for name in ("ours", "stock"))
        if ours and stock and ours["worst"] is not None:
            yield (f"slowest honest handshake beside {crowd_of(case)}",
                   f"{ours['worst']:,.0f} ms / " + ("nobody came in" if stock["median"] is None else f"{stock['worst']:,.0f} ms"))


def restarts(source):
    measured = data.restart(source)
    if measured:
        ours, stock = only("ours, keeper", measured["subjects"]), only("stock", measured["subjects"])
        yield ("after a restart 99 % are answered within (ours with a keeper)",
               both(median(ours, "p99"), median(stock, "p99"), 0, " ms"))


def table(sources):
    grid = Grid("ours / stock module")
    for read in (messages, storms, silences, latencies, memory, floods, restarts):
        for source in sources:
            for row, text in read(source) if not source.sipp else ():
                grid.put((row,), source.column, text)
    return grid.text() if grid.rows else ""


def better(sources):
    """Where the stock module is."""
    told = {}
    for source in sources:
        for _, what, figure in weak.points(source):
            if "stock module" in what:
                told.setdefault(what, []).append(f"{figure} ({source.column})")
    return "".join(paragraph(f"- {what}: {'; '.join(figures)}").replace("\n", "\n  ").rstrip(" ") for what, figures in told.items())


def brief(sources, folder):
    native = [source for source in sources if not source.guest]
    rounds = min((source.settings["rounds"] for source in native if "rounds" in source.settings), default=1)
    where = next((source.machine for source in native), None)
    parts = [table(native)]
    worse = better(native)
    parts.append(f"The stock module is better at:\n\n{worse}" if worse else "The stock module was better at nothing.\n")
    if where:
        parts.append(paragraph(
            f"Medians of {rounds} rounds, of memory and floods one run, on {where['cores']} processors ({where['cpu']}) that the load "
            f"generator shared. [{folder}/benchmarks.md]({folder}/benchmarks.md) has ranges, commands and all other figures; it begins with what is worse."))
    return [part for part in parts if part]
