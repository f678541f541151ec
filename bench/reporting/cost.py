# SPDX-License-Identifier: GPL-2.0-or-later
"""What messages and calls cost."""

from reporting import data, plots
from reporting.grid import Grid, span, spelled
from reporting.telling import by_column, drawn_note, fate_or, only, to_tell
from tables import shown


def shares(found, keys, digits, base_unit):
    """Shares of plain TCP's figure, that figure itself, and what ours makes of the stock module's."""
    own, share, of_stock = keys
    grid = Grid("")
    for source, subjects in found:
        plain = only("tcp", subjects)
        if plain and plain[own] and not (source.emulated and own == "rate"):
            grid.put((f"plain TCP, {base_unit}",), source.column, shown(plain[own], digits))
    for source, subjects in found:
        for s in subjects:
            if s["name"] != "tcp" and (s[share] or s["fates"] or s["refused"]) and not (source.emulated and own == "rate"):
                grid.put((f"{spelled(s['name'])} / plain TCP",), source.column,
                         "refused" if s["refused"] else fate_or(s, shown(s[share], 2)))
    for source, subjects in found:
        for s in subjects:
            if s[of_stock]:
                grid.put((f"{spelled(s['name'])} / stock module",), source.column, shown(s[of_stock], 2))
    return grid.text()


def against(found, share, of_stock, noun, begin):
    """Sentences on how ours stands to the stock module and to plain TCP, with TLS 1.3."""
    told = []
    for home, place in (("ours user 1.3", "user space"), ("ours kernel 1.3", "the kernel")):
        of = []
        for key, its in ((of_stock, "the stock module's"), (share, "plain TCP's")):
            figures = {source.column: f"{s[key]['median']:.2f}" for source, subjects in found if (s := only(home, subjects)) and s[key]}
            of += [f"{by_column(figures)} times {its} {noun}"] if figures else []
        if of:
            told.append(f"With TLS 1.3 and records in {place} {begin} {', and '.join(of)}.")
    return " ".join(told)


BUSY = "Each client sends again as soon as it is answered. So a faster server gets more to do, and sleeps less."


def message_cpu(page):
    found = page.measured(data.throughput)
    if not found:
        return
    exact = [(source, subjects) for source, subjects in found if source.guest != ", user-mode-linux"]
    told = against(exact, "cpu", "cpu_of_stock", "CPU", "a message costs a busy SER")
    drawable = [(source, subjects) for source, subjects in found if any(s["share"] or s["cpu"] for s in subjects)]
    pictures = []
    if drawable:
        latest = {source.column: (source, subjects) for source, subjects in drawable}
        pictures.append(page.plot(
            "throughput", "messages/s and CPU as a share of plain TCP", plots.throughput,
            [(source.where(), [s for s in subjects if s["name"] != "tcp"]) for source, subjects in latest.values()],
            note="\n".join(drawn_note(source, source.settings["rounds"]) for source, _ in latest.values())))
    notes = [f"{source.column}: seconds in QEMU are numbers of instructions, so only ratios mean something."
             for source, _ in found if source.emulated][:1]
    notes += [f"{source.column}: the guest counts CPU in ticks, and its system calls are slow; believe the others first."
              for source, _ in found if source.guest == ", user-mode-linux"][:1]
    page.section("What does a message cost a busy server?", told, *pictures,
                 shares(found, ("cpu_us", "cpu", "cpu_of_stock"), 1, "µs of CPU per message"), BUSY, *notes, short=True)


def messages(page):
    found = [(source, subjects) for source, subjects in page.measured(data.throughput) if not source.emulated]
    if not found:
        return
    told = against(to_tell(found), "share", "share_of_stock", "messages/s", "a busy SER answers")
    page.section("How many messages/s?", told, shares(found, ("rate", "share", "share_of_stock"), 0, "messages/s"))


# What the bound in this table is.
LEAST = ("\"Plain TCP with AEAD\" is a SER that also makes the calls of OpenSSL that TLS records of these messages take, "
         "and nothing else: what encryption alone costs.")


def rates(page):
    found = page.measured(data.constant_rates)
    if not found:
        return
    grid, refused, in_kernel = Grid("messages/s", ""), False, False
    for step, source in sorted(((step, source) for source, steps in found for step in steps), key=lambda one: one[0]["rate"]):
        rate, ours = f"{step['rate']:,}", only("ours", step["subjects"])
        for s in step["subjects"]:
            if s["name"] != "tcp":
                refused = refused or bool(s["trouble"])
                in_kernel = in_kernel or source.ktls
                grid.put((rate, f"{spelled(s['name'])} / plain TCP"), source.column,
                         "not kept up" if s["trouble"] else shown(s["cpu"], 2))
        if ours and ours["of_stock"]:
            grid.put((rate, "ours / stock module"), source.column, shown(ours["of_stock"], 2))
    notes = [LEAST] if any("AEAD" in row[1] for row in grid.rows) else []
    if in_kernel:
        notes.append("With kernel TLS \"ours\" has its records in the kernel. In QEMU CPU is a number of instructions.")
    if refused:
        notes.append("\"Not kept up\": the server did not answer all of them in time.")
    told = (at_rates(source, steps) for source, steps in sorted(found, key=lambda one: one[0].emulated))
    page.section("What does a message cost at the same load?", " ".join(filter(None, told)),
                 *page.plots_of("rates", "CPU per message as a share of plain TCP, at constant rates", found, plots.rates, "rounds"),
                 grid.text(), " ".join(notes), short=True)


def at_rates(source, steps):
    """How ours stands over all rates, in a sentence."""
    def over(name, key):
        return [s[key]["median"] for step in steps if (s := only(name, step["subjects"])) and s[key] and not s["trouble"]]

    of_plain, of_stock = over("ours", "cpu"), over("ours", "of_stock")
    if not of_plain:
        return ""
    if source.emulated:
        own = over("ours user", "cpu")
        user = f", and {span(own)} times in user space" if own else ""
        return f"Counted in instructions ({source.column}), a message takes {span(of_plain)} times plain TCP's with records in the kernel{user}."
    stock = f"{span(of_stock)} times the stock module's CPU and " if of_stock else ""
    kept = [step["rate"] for step in steps if (s := only("ours", step["subjects"])) and s["cpu"] and not s["trouble"]]
    return (f"At the same load a message takes {stock}{span(of_plain)} times plain TCP's{'' if of_stock else ' CPU'} ({source.column}, "
            f"{span(sorted({min(kept), max(kept)}), 0)} messages/s).")


def forward(page):
    found = page.measured(data.forward)
    if not found:
        return
    grid, ours = Grid("CPU per message forwarded"), []
    names = {"ours": "ours", "ours user": "ours, records in user space", "stock": "stock module", "tcp": "plain TCP"}
    for source, measured in found:
        for pair in measured["ratios"]:
            over, _, under = pair["pair"].partition(" / ")
            grid.put((f"{names.get(over, over)} / {names.get(under, under)}",), source.column, shown(pair["cpu"], 2))
            if pair["pair"] == "ours / tcp" and pair["cpu"]:
                ours.append(pair["cpu"]["median"])
    page.section("What does forwarding to a TLS peer cost?",
                 f"A message forwarded to a TLS peer costs SER {span(ours)} times what it costs to a TCP peer." if ours else "",
                 grid.text(), "Clients speak TCP; SER forwards to one peer over TLS (plain TCP: over TCP), and the answers back.")


def calls(page):
    found = [(source, scenarios) for source in page.called if (scenarios := data.calls(source))]
    if not found:
        return
    grid, failed = Grid("SER's CPU per call, µs", ""), 0
    for source, scenarios in found:
        for scenario in scenarios:
            for s in scenario["subjects"]:
                text = fate_or(s, shown(s["cpu"]))
                grid.put((scenario["name"], spelled(s["name"])), source.column,
                         text + (f", {s['failed']} failed" if s["failed"] and not s["fates"] else ""))
                failed += s["failed"] if s["name"] == "ours" else 0
    page.section("What do SIPp's calls cost?",
                 f"Of SIPp's calls through ours {failed or 'none'} failed.", grid.text(),
                 *(["This SIPp has no TLS: stunnel carries it, and takes of the same processors, so only SER's CPU compares."]
                   if any("TLS" not in source.machine["sipp"] for source, _ in found) else []))
