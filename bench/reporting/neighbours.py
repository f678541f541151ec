# SPDX-License-Identifier: GPL-2.0-or-later
"""What peers that mean harm, or say nothing, do to the others."""

from reporting import data, plots
from reporting.grid import Grid, span, spelled, the
from reporting.telling import by_column, cell, crowd_of, duration, fate_or, listed, to_tell
from tables import shown


def flood(page):
    if not page.flooded:
        return
    grid, cases_of = Grid("crowd", "server"), {}
    for source in page.flooded:
        met = {}
        for case in data.flood(source)[1]:
            for s in case["subjects"]:
                grid.put((crowd_of(case), spelled(s["name"])), source.column, met_by_others(s))
                met.setdefault(s["name"], []).append(s)
        for name, subjects in met.items():
            cases_of.setdefault(name, {})[source.column] = subjects
    settings = page.flooded[0].settings
    loads = by_column({source.column: f"{data.flood(source)[0]:.1f}" for source in page.flooded})
    told = "; ".join(flooded(name, found, settings["handshakes"]) for name, found in cases_of.items())
    page.section("Who gets in beside a crowd that says nothing?", f"Beside crowds that say nothing {told}.", grid.text(),
                 f"Of the handshakes of {settings['handshakes']} others the median and, in parentheses, the slowest, in ms; behind it p99 of "
                 "established traffic, in ms. The others come one after the other from another address. The crowd opens again what "
                 "is closed, as fast as it can; slow ones send a byte of a ClientHello each second. Every server has two TCP workers, "
                 "512 MB of shared memory and `-X fm`; all other settings are defaults. \"With room\" also has tcp_max_connections and "
                 "tls_max_connections above the crowd, connections that live for an hour, and no limit for one address. By default Kamailio "
                 "6 takes at most 1,024 connections from one address, so its stock module keeps places for others beside a crowd of one address. "
                 f"Load average at the start: {loads}.", short=True)


def met_by_others(s):
    """What others met beside a crowd."""
    if s["fates"]:
        return fate_or(s, "-")
    text = f"{cell(s['median'], 1)} ({cell(s['worst'])})" if s["median"] is not None else "none came in"
    if s["missed"] and s["median"] is not None:
        text += f", {s['missed']} failed"
    return text + (f"; {cell(s['beside'], 1)}" if s["beside"] is not None else "")


def flooded(name, found, handshakes):
    """What became of a subject's others, over all crowds."""
    told, slowest = [], {}
    for column, cases in sorted(found.items()):
        missed = [s["missed"] for s in cases if not s["fates"] and s["median"] is not None and s["missed"]]
        in_all = [("died beside", sum(bool(s["fates"]) for s in cases)),
                  ("let nobody else in beside", sum(not s["fates"] and s["median"] is None for s in cases)),
                  (f"lost {span(missed, 0)} of {handshakes} other clients beside" if missed else "", len(missed))]
        bad = [f"{words} {count} of {len(cases)}" for words, count in in_all if count]
        if bad:
            told.append(f"{listed(bad)} ({column})")
        else:
            slowest[column] = f"{max(s['worst'] for s in cases):,.0f} ms"
    if slowest:
        told.append(f"let in all {handshakes} other clients, the slowest after {by_column(slowest)}")
    return f"{the(name).replace(', with room', ' with limits above the crowd')} {', and '.join(told)}"


def with_digits(ms):
    """With as many digits as times below a millisecond need."""
    return shown(ms, 2 if ms["median"] < 1 else 1)


def latency(page):
    found = page.measured(data.latency)
    if not found:
        return
    grid, within = Grid("p99, ms", ""), {}
    for source, measured in found:
        for key, words in (("quiet", "alone"), ("storm", f"beside {measured['parallel']} clients")):
            for s in measured["subjects"]:
                grid.put((words, spelled(s["name"])), source.column,
                         fate_or(dict(s, fates=s["fates"] if key == "storm" else []), with_digits(s[key]["p99"]) if s[key] else "-"))
    for source, measured in to_tell(found):
        for s in measured["subjects"]:
            if s["storm"] and s["name"] in ("ours", "stock", "tcp"):
                within.setdefault(s["name"], {})[source.column] = duration(s["storm"]["p99"]["median"])
    clients = to_tell(found)[-1][1]["parallel"]
    told = [f"{by_column(columns)} with {the(name)}" for name, columns in within.items() if name != "tcp"]
    plain = within.get("tcp")
    page.section("How long do answers take, alone and in a storm?",
                 (f"While {clients} clients shake hands and reset, 99 % of established traffic is answered within {listed(told)}"
                  + (f"; with plain TCP, where they only connect and reset, within {by_column(plain)}" if plain else "") + ".") if told else "",
                 *page.plots_of("latency", "latency percentiles, alone and in a storm", found, plots.latency, "storm_rounds"),
                 grid.text(), short=True)


def stalled(page):
    found = page.measured(data.stalled)
    if not found:
        return
    grid, worst = Grid("longest time without an answer, s", ""), {}
    for source, measured in found:
        for setting in measured["settings"]:
            for s in setting["subjects"]:
                grid.put((f"tcp_async={setting['tcp_async']}", spelled(s["name"])), source.column,
                         fate_or(s, shown(s["silence"], 2)))
                if s["silence"] and (source, measured) in to_tell(found):
                    worst.setdefault((s["name"], setting["tcp_async"]), []).append(s["silence"]["max"])
    told = [f"{longest({name: max(values) for (name, its), values in worst.items() if its == setting})} (tcp_async={setting})"
            for setting in sorted({setting for _, setting in worst})]
    answer = f"Beside peers that never read, the longest time without any answer in any round was {', and '.join(told)}." if told else ""
    seconds = sorted({measured["seconds"] for _, measured in found})
    page.section("Who waits for peers that never read?", answer,
                 *page.plots_of("stalled", "answers per second beside stalled peers", found, plots.stalled, "storm_rounds"),
                 grid.text(), f"The peers leave after {' or '.join(map(str, seconds))} s, which frees whoever waits for them: no time "
                 "without an answer can be longer.", short=True)


def longest(silences):
    """Of each subject, or once where they do not differ."""
    texts = {name: f"{seconds:.2f} s" for name, seconds in silences.items()}
    same = set(texts.values())
    if len(texts) > 1 and len(same) == 1:
        return f"{same.pop()} with {listed(the(name) for name in texts)}"
    return listed(f"{text} with {the(name)}" for name, text in texts.items())
