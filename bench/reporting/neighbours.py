# SPDX-License-Identifier: GPL-2.0-or-later
"""What peers that mean harm, or say nothing, do to the others."""

from reporting import data, plots
from reporting.grid import Grid, span, spelled, the
from reporting.telling import cell, crowd_of, fate_or, only
from tables import shown


def flood(page):
    grid, failed, ours = Grid("crowd", "server"), {}, []
    for source in page.flooded:
        _, cases = data.flood(source)
        for case in cases:
            crowd = crowd_of(case)
            for s in case["subjects"]:
                text = f"{cell(s['median'], 1)} ({cell(s['worst'])})" if s["median"] is not None else "none came in"
                if s["missed"] and s["median"] is not None:
                    text += f", {s['missed']} failed"
                grid.put((crowd, spelled(s["name"])), source.column, fate_or(s, "-") if s["fates"] else text)
                count = failed.setdefault((s["name"], source.column), [0, 0])
                count[1] += 1
                count[0] += bool(s["missed"] or s["fates"])
                if s["name"] == "ours" and s["median"] is not None:
                    ours.append(s)
    if not page.flooded:
        return
    settings = page.flooded[0].settings
    shut = [f"{the(name)} ({column}) in {bad} of {all_} cases" for (name, column), (bad, all_) in failed.items() if bad]
    answer = ""
    if ours:
        answer = (f"Beside crowds that take all places, an honest handshake with ours takes "
                  f"{span([s['median'] for s in ours], 0, ' ms')}, the slowest {max(s['worst'] for s in ours):,.0f} ms. "
                  + (f"Honest clients were shut out by {', '.join(shut)}." if shut else "Nobody was shut out."))
    loads = ", ".join(f"{data.flood(source)[0]:.1f}" for source in page.flooded)
    page.section("Who gets in beside a crowd that says nothing?", answer, grid.text(),
                 f"Median and, behind it, the slowest of {settings['handshakes']} honest handshakes, in ms, one after the other, from "
                 "another address. The crowd opens again what is closed, as fast as it can; slow ones send a byte of a ClientHello each "
                 "second. All settings are defaults, but \"with room\" has tcp_max_connections above the crowd. "
                 f"Load average at the start: {loads}.")


def latency(page):
    found = page.measured(data.latency)
    if not found:
        return
    grid, told = Grid("p99, ms", ""), []
    for source, measured in found:
        for key, words in (("quiet", "alone"), ("storm", f"beside {measured['parallel']} clients")):
            for s in measured["subjects"]:
                grid.put((words, spelled(s["name"])), source.column, shown(s[key]["p99"], 1) if s[key] else fate_or(s, "-"))
        ours = only("ours", measured["subjects"])
        if ours and ours["storm"] and not source.guest:
            told.append(ours["storm"]["p99"]["median"])
    page.section("How long do answers take, alone and in a storm?",
                 f"Beside clients that storm, 99 % of established traffic is answered within {span(told, 1, ' ms')} by ours." if told else "",
                 *page.plots_of("latency", "latency percentiles, alone and in a storm", found, plots.latency, "storm_rounds"),
                 grid.text())


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
                if s["silence"]:
                    worst.setdefault((s["name"], setting["tcp_async"]), []).append(s["silence"]["max"])
    ours = [value for (name, _), values in worst.items() if name == "ours" for value in values]
    answer = ""
    if ours:
        answer = f"Beside peers that never read, ours never left all others without an answer for more than {max(ours):.2f} s."
        told = [f"{the(name)} did so for up to {max(values):.2f} s with tcp_async={setting}"
                for (name, setting), values in sorted(worst.items(), key=lambda one: one[0][1]) if name != "ours"]
        answer += " " + "; ".join(told)[:1].upper() + "; ".join(told)[1:] + "." if told else ""
    seconds = sorted({measured["seconds"] for _, measured in found})
    page.section("Who waits for peers that never read?", answer,
                 *page.plots_of("stalled", "answers per second beside stalled peers", found, plots.stalled, "storm_rounds"),
                 grid.text(), f"The peers leave after {' or '.join(map(str, seconds))} s (the commands under [Runs](#runs) say which), which "
                 "frees whoever waits for them: no time without an answer can be longer.")
