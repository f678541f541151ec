# SPDX-License-Identifier: GPL-2.0-or-later
"""What handshakes cost, and who survives many of them."""

from reporting import data, plots
from reporting.grid import Grid, span, spelled, the
from reporting.telling import by_column, fate_or, listed, only, to_tell
from tables import shown


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
                 f"With ours the CPU of a full handshake is {listed(told)}." if told else "",
                 grid.text(), kb.text(),
                 "CPU of all processes but the clients. nginx and haproxy stand in front of a SER that speaks plain TCP; "
                 "\"nginx alone\" has none behind it, and hands its connections to nobody. Handshakes: clients reset as soon "
                 "as they have finished. Connections: each is opened, asked once and held.", short=True)


def facts(page):
    found = page.measured(data.facts)
    if not found:
        return
    _, measured = found[-1]
    grid = Grid("of a client's certificate", by_release=False)
    for s in measured["subjects"]:
        grid.put(("in SER's script",), spelled(s["name"]), f"{s['seen']}")
    for s in measured["subjects"]:
        grid.put(("in the PROXY header",), spelled(s["name"]), "" if s["carried"] is None else f"{s['carried']}")
    told = listed(f"{s['seen']} with {s['name']}" + (" in front of it" if s["name"] != "ours" else "") for s in measured["subjects"])
    page.section("What does SER's script know of the client?", f"Of {measured['of']} facts of a client's certificate SER's script sees {told}.",
                 grid.text(), "Subject, issuer, serial number, dates and the like. Both proxies ask for the certificate. nginx sends a "
                 "PROXY header of version 1, which has addresses only, haproxy one of version 2 with what it can say of TLS.")


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
                if "ours" in named and named["ours"]["of_stock"][key]:
                    grid.put((row, "ours / stock module"), source.column, shown(named["ours"]["of_stock"][key], 2))
    latest = list({source.column: (source, kinds) for source, kinds in found}.values())
    page.section("Who survives clients that shake hands and reset?", survivors(to_tell(latest)),
                 *page.plots_of("survival", "handshakes per second over time", found, plots.survival, "storm_rounds"),
                 "Handshakes/s:", rate.text(), "CPU of a handshake, µs:", cost.text(), short=True)


def survivors(found):
    """Who died how often, and what ours costs where the other lived."""
    ends, runs, costs = {}, {}, {}
    for source, kinds in found:
        for s in (s for kind in kinds for s in kind["subjects"]):
            at = s["name"], source.column
            runs[at] = runs.get(at, 0) + len(s["runs"])
            for how, count in (("died", len(s["fates"])), ("did not answer afterwards", s["mute"])):
                ends.setdefault(s["name"], {}).setdefault(how, {}).setdefault(source.column, 0)
                ends[s["name"]][how][source.column] += count
        costs[source.column] = [s["of_stock"]["cpu"]["median"] for kind in kinds if kind["mode"] != "resume"
                                for s in kind["subjects"] if s["name"] == "ours" and s["of_stock"]["cpu"]]
    told = []
    for name, hows in ends.items():
        bad = [f"{how} in " + by_column({column: f"{count} of {runs[name, column]} runs" for column, count in by.items() if count})
               for how, by in hows.items() if any(by.values())]
        told.append(f"{the(name)} {listed(bad)}" if bad else f"{the(name)} survived all runs")
    answer = "When clients shake hands and reset, " + "; ".join(told) + "."
    costs = {column: span(values) for column, values in costs.items() if values}
    return answer + (f" With ours a full handshake costs {by_column(costs)} times the stock module's CPU." if costs else "")


def engines(page):
    found = page.measured(data.engines)
    if not found:
        return
    grid, told = Grid("full handshake", ""), []
    for source, subjects in found:
        for s in subjects:
            grid.put((s["kind"], f"handshakes/s, {spelled(s['name'])}"), source.column, fate_or(s, shown(s["rate"])))
            if s["name"].endswith("2 engines") and s["fewest"]:
                grid.put((s["kind"], "share of the engine with fewer, %"), source.column, shown(s["fewest"]))
            if s["name"].endswith("2 engines") and s["ratio"]:
                grid.put((s["kind"], "2 engines / 1 engine"), source.column, shown(s["ratio"], 2))
                told.append((s["kind"], s["ratio"]["median"]))
    best = max(told, key=lambda one: one[1], default=None)
    page.section("What does a second engine add?",
                 f"With two processors, two engines do up to {best[1]:.2f} times the handshakes/s of one ({best[0]})." if best else "",
                 grid.text(), "The clients run on the same processors, and one thread does all of them. An RSA-4096 signature costs the "
                 "server so much that the clients need little beside it. Where one engine keeps up with them, the other may get "
                 "few.")


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
            told.append((kept["handshakes"]["max"], kept["p99"]["median"], kept["p99"]["max"]))
    count = found[0][1]["connections"]
    answer = (f"With a keeper, a restart of SER with {count:,} connections costs {max(h for h, *_ in told):,.0f} handshakes, and "
              "99 % of the clients are answered "
              f"again {span([ms for _, ms, _ in told], 0, ' ms')} after SER was told to end (medians; in the slowest round "
              f"{max(ms for *_, ms in told):,.0f} ms)." if told else "")
    page.section("What does a restart of SER cost the phones?", answer,
                 *page.plots_of("restart", "share of clients answered again after a restart, over time", found, plots.restart, "storm_rounds"),
                 grid.text(),
                 f"{count:,} clients, each connected and asked once. From SIGTERM on, one whose connection is gone connects again every "
                 "0.1 s, with a full handshake; 500 at most open at a time. Real phones wait longer. As soon as SER has ended it is "
                 "started again, and each client asks once more.", short=True)
