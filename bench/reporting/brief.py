# SPDX-License-Identifier: GPL-2.0-or-later
"""What the README shows: ours beside the stock module, a column for each release, and where the stock module is better."""

from reporting import data, weak
from reporting.grid import Grid, paragraph
from reporting.telling import crowd_of, duration, only
from reporting.weak import median
from tables import shown

KEEPER = "[a keeper](docs/operations.md#a-restart-that-costs-no-handshake)"
HOMES = ("ours kernel 1.3", "ours user 1.3")


def pair(ours, stock, spelled):
    """A figure of each; a stock module without one died."""
    return f"{spelled(ours)}, {'died' if stock is None else spelled(stock)}"


def messages(source):
    subjects = data.throughput(source) or ()
    ours = next((s for home in HOMES if (s := only(home, subjects)) and s["cpu_of_stock"]), None)
    if ours:
        yield "CPU per message, busy server", shown(ours["cpu_of_stock"], 2)
        yield "messages/s, busy server", shown(ours["share_of_stock"], 2)


def same_load(source):
    """The highest rate that both kept up with."""
    kept = {step["rate"]: ours["of_stock"] for step in data.constant_rates(source) or ()
            if (ours := only("ours", step["subjects"])) and ours["of_stock"]}
    if kept:
        yield f"CPU per message, both at {max(kept):,} messages/s", shown(kept[max(kept)], 2)


def storms(source):
    for kind in data.survival(source) or ():
        ours, stock = only("ours", kind["subjects"]), only("stock", kind["subjects"])
        if not ours or not stock:
            continue
        what = "resumed handshake" if kind["mode"] == "resume" else "full handshake"
        clients = f"{kind['parallel']} clients that reset and come again"
        died = f"the stock module died in {len(stock['fates'])} of {len(stock['runs'])} runs" if stock["fates"] else ""
        share = shown(ours["of_stock"]["cpu"], 2) if ours["of_stock"]["cpu"] else ""
        yield f"CPU per {what}, {clients}", "; ".join(filter(None, (share, died)))


def silences(source):
    measured = data.stalled(source)
    for setting in measured["settings"] if measured else ():
        ours, stock = (only(name, setting["subjects"]) for name in ("ours", "stock"))
        if setting["tcp_async"] == "no" and ours and ours["silence"] and stock:
            yield ("longest time without any answer beside peers that never read (tcp_async=no)",
                   pair(median(ours, "silence"), median(stock, "silence"), lambda s: f"{s:.2f} s"))


def latencies(source):
    measured = data.latency(source)
    if measured:
        ours, stock = (only(name, measured["subjects"]) for name in ("ours", "stock"))
        if ours and ours["storm"] and stock:
            yield (f"p99 of answers beside {measured['parallel']} clients that shake hands and reset",
                   pair(ours["storm"]["p99"]["median"], stock["storm"] and stock["storm"]["p99"]["median"], duration))


def memory(source):
    measured = data.memory(source) or {}
    last = {name: next((p[1] for p in reversed(points) if p[1] is not None), None) for name, points in measured.items()}
    ours = next((last[home] for home in HOMES if last.get(home)), None)
    if ours and last.get("tcp") and "stock" in last:
        ours, plain, stock = (kb and round(kb, 1) for kb in (ours, last["tcp"], last["stock"]))  # as the page has them
        yield (f"memory of SER for an idle connection, on top of plain TCP's {plain:.0f} KB",
               pair(ours - plain, stock - plain if stock else None, lambda kb: f"{kb:.1f} KB"))


def floods(source):
    largest = {case["sources"]: case for case in data.flood(source)[1] if not case["slow"]} if source.flood else {}
    for case in largest.values():
        ours, stock = (only(name, case["subjects"]) for name in ("ours", "stock"))
        if ours and stock and ours["worst"] is not None:
            yield (f"slowest handshake of others beside {crowd_of(case)}",
                   f"{duration(ours['worst'])}, {of_stock(stock)}")


def of_stock(stock):
    """What others met beside a crowd."""
    if stock["fates"]:
        return "died"
    if stock["median"] is None:
        return "nobody came in"
    return duration(stock["worst"]) + (f" and {stock['missed']} failed" if stock["missed"] else "")


def restarts(source):
    measured = data.restart(source)
    if measured:
        ours, stock = only("ours, keeper", measured["subjects"]), only("stock", measured["subjects"])
        if not ours or not ours["p99"] or not stock:
            return
        died = f"; died in {len(stock['fates'])} of {stock['runs']} runs" if stock["fates"] and stock["p99"] else ""
        yield (f"99 % of phones answered again after a restart within (ours with {KEEPER})",
               pair(median(ours, "p99"), median(stock, "p99"), duration) + died)


def table(head, reads, sources):
    grid = Grid(head)
    for read in reads:
        for source in sources:
            for row, text in read(source) if not source.sipp else ():
                grid.put((row,), source.column, text)
    return grid.text() if grid.rows else ""


def against_ours(sources, group):
    """What speaks against ours: a table like those of the page."""
    grid = Grid("ours, the other" if group == weak.STOCK else "what")
    for source in sources:
        for _, what, figure in weak.points(source):
            if weak.group_of(what) == group:
                grid.put((what,), source.column, figure)
    return grid.text() if grid.rows else ""


def worse(sources):
    """Where the stock module is better, and what went wrong."""
    better, wrong = (against_ours(sources, group) for group in (weak.STOCK, weak.OWN))
    if better:
        yield f"The stock module is better at:\n\n{better}"
    elif weak.compares_stock(sources):
        yield "The stock module was better at nothing that was measured.\n"
    if wrong:
        yield f"Went wrong:\n\n{wrong}"


def first_words(sources):
    """Of the newest release: the figures that are asked for first."""
    newest = max((source.column for source in sources if data.throughput(source)), default=None)
    rows = dict(row for source in sources if source.column == newest for read in (messages, storms, memory) for row in read(source))
    named = {"a message on a busy server takes": "CPU per message, busy server", "a full handshake": "CPU per full handshake, 20 clients"}
    shares = {words: next((text.partition(" ")[0] for row, text in rows.items() if row.startswith(name)), "")
              for words, name in named.items()}
    told = [f"{words} {share} times" for words, share in shares.items() if share[:1].isdigit()]
    text = f"On {newest} {' and '.join(told)} the stock module's CPU." if told else ""
    ours, comma, stock = next((text for row, text in rows.items() if row.startswith("memory")), "").partition(", ")
    if comma:
        text += f" An idle connection takes {ours} on top of plain TCP's"
        text += "." if stock == "died" else f", with the stock module {stock}."
    return text.strip()


def in_kernel(sources, folder):
    """What changes with kernel TLS, where the tables do not have it."""
    if any(source.ktls for source in sources if not source.guest):
        return ""
    for source in sources:
        sizes = {name: [p[2] for p in points if p[2] is not None] for name, points in (data.memory(source) or {}).items()}
        own, its = sizes.get("ours kernel 1.3"), sizes.get("stock")
        if own and its:
            return (f"With records in the kernel ({source.column}) an idle connection takes {own[-1]:.1f} KB of the kernel's memory, with the "
                    f"stock module {its[-1]:.1f}; what a message costs then is [here]({folder}/kernel-tls.md#what-it-costs-and-what-we-do-not-use).")
    return ""


def brief(sources, folder):
    native = [source for source in sources if not source.guest]
    rounds = min((source.settings["rounds"] for source in native if "rounds" in source.settings), default=1)
    where = next((source.machine for source in native), None)
    words = " ".join(filter(None, (first_words(native), in_kernel(sources, folder))))
    parts = [*worse(native), paragraph(words),
             table("ours as a multiple of the stock module's", (same_load, messages, storms), native),
             table("ours, stock module", (silences, latencies, memory, floods, restarts), native)]
    if where:
        parts.append(paragraph(
            f"Medians of {rounds} rounds, of memory and floods one run, on {where['cores']} processors ({where['cpu']}) that the load "
            "generator shared. \"Others\" are clients that do not belong to the crowd. Every SER ran with `-X fm`, without which 5.6.3 takes "
            f"[more CPU]({folder}/sizing.md#one-of-each). [{folder}/benchmarks.md]({folder}/benchmarks.md) has ranges, commands and all other figures; it begins with what is worse."))
    return [part for part in parts if part]
