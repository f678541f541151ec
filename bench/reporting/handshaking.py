# SPDX-License-Identifier: GPL-2.0-or-later
"""What handshakes cost, and who survives many of them."""

from reporting import data, plots
from reporting.grid import Grid, span, spelled, the
from reporting.telling import by_column, fate_or, listed, only, to_tell
from tables import quotient, shown


def handshakes(page):
    """Beside proxies: a column each."""
    found = page.measured(data.rivals)
    if not found:
        return
    grid, told = Grid("CPU", "Kamailio", by_release=False), []
    for source, measured in found:
        for what, words in (("handshakes", "full handshake"), ("connections", "connection with one request")):
            for s in measured[what]:
                row = (f"{words}, {s['kind']}", source.column)
                if s["name"] == "ours":
                    grid.put(row, "ours, µs", fate_or(s, shown(s["cpu"])))
                elif s["ratio"]:
                    grid.put(row, f"ours / {spelled(s['name'])}", shown(s["ratio"], 2))
        for name in ("nginx", "haproxy", "nginx alone"):
            values = [s["ratio"]["median"] for s in measured["handshakes"] if s["name"] == name and s["ratio"]]
            if values:
                told.append(f"{span(values)} times that of {name}" + (" in front of SER" if name != "nginx alone" else ""))
    kb = Grid("memory of an idle connection")
    for source, measured in found:
        for s in measured["connections"]:
            kb.put((spelled(s["name"]),), source.column, "" if not s["kb"] else shown(s["kb"], 1) + " KB")
    page.section("What does a handshake cost, beside nginx and haproxy?",
                 f"The CPU of a full handshake is {listed(told)}." if told else "",
                 grid.text(), kb.text(),
                 "CPU of all processes but the clients. nginx and haproxy stand in front of a SER that speaks plain TCP; "
                 "\"nginx alone\" has none behind it, and hands its connections to nobody. Handshakes: clients reset as soon "
                 "as they have finished. Connections: each is opened, asked once and held.", short=True)


def storm(page):
    found = [(source, kinds) for source, kinds in page.measured(data.survival) if any(kind["subjects"] for kind in kinds)]
    if not found:
        return
    rate, cost = Grid("clients", "server"), Grid("clients", "server")
    for source, kinds in found:
        for kind in kinds:
            named = {s["name"]: s for s in kind["subjects"]}
            row = f"{kind['parallel']}" + (", resuming" if kind["mode"] == "resume" else "")
            for s in kind["subjects"]:
                rate.put((row, spelled(s["name"])), source.column, fate_or(s, shown(s["rate"])))
                cost.put((row, spelled(s["name"])), source.column, fate_or(s, shown(s["cpu"])))
            for grid, key in ((rate, "rate"), (cost, "cpu")):
                share = quotient(*(named[name][key]["median"] if name in named and named[name][key] else None for name in ("ours", "stock")))
                grid.put((row, "ours / stock module"), source.column, f"{share:.2f}" if share else "")
    page.section("Who survives clients that shake hands and reset?", survivors(to_tell(found)),
                 *page.plots_of("survival", "handshakes per second over time", found, plots.survival, "storm_rounds"),
                 "Handshakes/s:", rate.text(), "CPU of a handshake, µs:", cost.text(), short=True)


def survivors(found):
    """Who died how often, and what ours costs where the other lived."""
    died, runs, costs = {}, {}, {}
    for source, kinds in found:
        for kind in kinds:
            named = {s["name"]: s for s in kind["subjects"]}
            for name, s in named.items():
                died.setdefault(name, {}).setdefault(source.column, 0)
                died[name][source.column] += len(s["fates"])
                runs.setdefault(name, {}).setdefault(source.column, 0)
                runs[name][source.column] += len(s["runs"])
            share = quotient(*(named[name]["cpu"]["median"] if name in named and named[name]["cpu"] and not named[name]["fates"] else None
                               for name in ("ours", "stock")))
            if share and kind["mode"] != "resume":
                costs.setdefault(source.column, []).append(share)
    told = []
    for name, by in died.items():
        deaths = {column: f"{count} of {runs[name][column]} runs" for column, count in by.items() if count}
        told.append(f"{the(name)} died in {by_column(deaths)}" if deaths else f"{the(name)} survived all runs")
    answer = "When clients shake hands and reset, " + "; ".join(told) + "."
    if costs:
        answer += f" A full handshake costs ours {by_column({c: span(values) for c, values in costs.items()})} times the stock module's CPU."
    return answer


def engines(page):
    found = page.measured(data.engines)
    if not found:
        return
    grid, told = Grid("full handshake", ""), []
    for source, subjects in found:
        for s in subjects:
            grid.put((s["kind"], f"handshakes/s, {spelled(s['name'])}"), source.column, fate_or(s, shown(s["rate"])))
            if s["name"].endswith("2 engines") and s["ratio"]:
                grid.put((s["kind"], "2 engines / 1 engine"), source.column, shown(s["ratio"], 2))
                told.append((s["kind"], s["ratio"]["median"]))
    best = max(told, key=lambda one: one[1], default=None)
    page.section("What does a second engine add?",
                 f"With two processors, two engines do up to {best[1]:.2f} times the handshakes/s of one ({best[0]})." if best else "",
                 grid.text(), "The clients run on the same processors, and one thread does all of them. An RSA-4096 signature costs the "
                 "server so much that the clients need little beside it.")


def restart(page):
    found = page.measured(data.restart)
    if not found:
        return
    grid, told = Grid("", "server"), []
    for source, measured in found:
        for row, key in (("connected again", "handshakes"), ("half answered after, ms", "p50"), ("99 % answered after, ms", "p99")):
            for s in measured["subjects"]:
                grid.put((row, spelled(s["name"])), source.column, fate_or(s, shown(s[key])))
        kept = only("ours, keeper", measured["subjects"])
        if kept and kept["p99"] and kept["handshakes"]:
            told.append((kept["handshakes"]["max"], kept["p99"]["median"]))
    count = found[0][1]["connections"]
    answer = (f"With a keeper, a restart of SER with {count:,} connections costs {max(h for h, _ in told):,.0f} handshakes, and "
              "99 % of the clients are answered "
              f"again {span([ms for _, ms in told], 0, ' ms')} after SER was told to end." if told else "")
    page.section("What does a restart of SER cost the phones?", answer,
                 *page.plots_of("restart", "share of clients answered again after a restart, over time", found, plots.restart, "storm_rounds"),
                 grid.text(),
                 f"{count:,} clients, each connected and asked once. From SIGTERM on, one whose connection is gone connects again every "
                 "0.1 s, with a full handshake; 500 at most open at a time. Real phones wait longer. As soon as SER has ended it is "
                 "started again, and each client asks once more.", short=True)
