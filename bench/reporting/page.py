# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/benchmarks.md: a plot and a table for each question that something was measured about."""

from reporting import data, plots, weak
from reporting.plots import shown_name
from tables import shown

HEAD = """\
# Benchmarks

Made by `bench/report` out of what the commands below left; nothing here is written by hand. How everything is measured
and read: [bench/README.md](../bench/README.md). Figures are medians of the rounds, the range behind in brackets; a
figure without a range was measured once, or always the same. Generator and server share the machine's processors:
believe ratios and CPU before rates. Plain TCP is the same server without TLS. Whiskers and pale bands show all rounds; a
cross is a death.
"""

# What each plot answers, and its section of compare.
QUESTIONS = {
    "throughput": "What does TLS cost in messages/s and CPU?",
    "rates": "What does TLS cost where all do the same work?",
    "latency": "How long do answers take, alone and in a storm?",
    "memory": "What does an idle connection weigh?",
    "survival": "Who survives clients that shake hands and reset?",
    "stalled": "Who waits for peers that never read?",
    "forward": "What does forwarding to a TLS peer cost?",
    "restart": "What does a restart of SER cost the phones?",
    "engines": "What does a second engine add?",
    "rivals": "What would nginx or haproxy cost in our place?",
}


# Keys of a subject in a crowd, and digits behind the point.
FLOOD_CELLS = (("median", 1), ("worst", 0), ("missed", 0), ("quiet", 1), ("beside", 1), ("late", 1))


def cell(value, digits):
    """One figure, or none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def table(rows):
    lines = ["| " + " | ".join(cells) + " |" for cells in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines) + "\n"


def note(source, runs):
    rounds = f"{runs} round{'s' if runs != 1 else ''}"
    cpu = f", {source.machine['cpu']}" if not source.guest else ""
    return f"{source.where()}{cpu}; {rounds}; {source.command}"


def rounds_of(source, section):
    if section in ("throughput", "rates", "forward", "rivals"):
        return source.settings["rounds"]
    return 1 if section == "memory" else source.settings["storm_rounds"]


def image(name, text):
    return f"![{text}](plots/{name}.svg)\n"


class Page:
    """Collects the text and draws the plots into a folder."""

    def __init__(self, sources, folder):
        self.called = [source for source in sources if source.sipp]
        self.flooded = [source for source in sources if source.flood]
        self.compared = [source for source in sources if not source.sipp and not source.flood]
        self.folder = folder
        for number, source in enumerate(self.compared):
            if source.slug in [other.slug for other in self.compared[:number]]:
                source.slug += f"-{number + 1}"
        self.parts = [HEAD]
        self.drawn = []

    def add(self, text):
        self.parts.append(text)

    def plot(self, name, text, draw, *what, **more):
        draw(*what, path=self.folder / f"{name}.svg", **more)
        self.drawn.append(f"{name}.svg")
        self.add(image(name, text))

    def text(self):
        self.runs()
        self.throughput()
        self.each("rates", data.constant_rates, self.rates)
        self.each("forward", data.forward, self.forward)
        self.each("survival", data.survival, self.survival,
                  lambda kinds: any(kind["subjects"] for kind in kinds or ()))
        self.each("stalled", data.stalled, self.stalled)
        self.each("latency", data.latency, self.latency)
        self.each("memory", data.memory, self.memory, lambda measured: any(
            point[1] is not None for points in (measured or {}).values() for point in points))
        self.each("restart", data.restart, self.restart)
        self.each("rivals", data.rivals, self.rivals)
        self.each("engines", data.engines, self.engines)
        self.calls()
        self.crowds()
        self.weak()
        return "\n".join(self.parts)

    def runs(self):
        self.add("## Runs\n")
        rows = [("kernel", "machine", "library, server", "command", "date")]
        for source in self.compared + self.called + self.flooded:
            about = source.machine
            rows.append((source.label(), f"{about['cores']} × {about['cpu']}",
                         f"{about['openssl'].split(' (')[0]}; {about['kamailio']}"
                         + (f"; {about['sipp']}" if source.sipp else ""), f"`{source.command}`", source.date))
        self.add(table(rows))
        self.add("The page itself: `bench/report FILE...` with the files these left.\n")

    def throughput(self):
        found = [(source, subjects) for source in self.compared if (subjects := data.throughput(source))]
        if not found:
            return
        self.add(f"## {QUESTIONS['throughput']}\n")
        drawable = [(source, subjects) for source, subjects in found
                    if any(subject["share"] or subject["cpu"] for subject in subjects)]
        if drawable:
            small = "\n".join(note(source, rounds_of(source, "throughput")) for source, _ in drawable)
            tls = [(source.where(), [s for s in subjects if s["name"] != "tcp"]) for source, subjects in drawable]
            self.plot("throughput", "messages/s and CPU as a share of plain TCP", plots.throughput, tls,
                      note=small)
        for source, subjects in found:
            self.add(f"### {source.where()}\n")
            rows = [("", "messages/s", "/ plain TCP", "CPU µs per message", "/ plain TCP", "session")]
            for s in subjects:
                trouble = "; ".join(s["fates"] or filter(None, [s["refused"]]))
                rows.append((shown_name(s["name"]), shown(s["rate"]), shown(s["share"], 2), shown(s["cpu_us"], 1),
                             shown(s["cpu"], 2), "; ".join(filter(None, (s["session"], trouble)))))
            self.add(table(rows))
            if source.emulated:
                self.add("QEMU's seconds are so many instructions: only the ratios mean something.\n")
            if not source.ktls:
                self.add("No figure for records in the kernel: this kernel has no kernel TLS.\n")

    def each(self, section, read, draw, has_figures=bool):
        """A part with one plot for each run of compare that has figures."""
        found = [(source, measured) for source in self.compared if has_figures(measured := read(source))]
        if found:
            self.add(f"## {QUESTIONS[section]}\n")
        for source, measured in found:
            self.add(f"### {source.where()}\n")
            draw(source, measured, f"{section}-{source.slug}", note(source, rounds_of(source, section)))

    def rates(self, _, steps, name, small):
        self.plot(name, "CPU per message as a share of plain TCP, at constant rates", plots.rates, steps, note=small)
        rows = [("messages/s", "", "CPU µs per message", "/ plain TCP", "p99 ms", "server")]
        for step in steps:
            rows += [(f"{step['rate']:,}", shown_name(s["name"]), shown(s["cpu_us"], 1),
                      "1.00" if s["name"] == "tcp" else shown(s["cpu"], 2), shown(s["p99"], 2),
                      s["trouble"] or "survived") for s in step["subjects"]]
        self.add(table(rows))
        self.add("Each server is given the same messages in the same time. In the closed loop above the faster one is "
                 "given more, and wakes up less often for each.\n")

    def survival(self, source, kinds, name, small):
        self.plot(name, "handshakes per second over time", plots.survival, kinds, note=small,
                  seconds=source.settings["storm_seconds"], traffic=data.latency(source),
                  traffic_seconds=source.settings["phase_seconds"])
        rows = [("storm", "", "handshakes/s", "CPU µs each", "p99 ms", "afterwards")]
        for kind in kinds:
            for s in kind["subjects"]:
                after = "; ".join(sorted(set(s["fates"]))) or f"answers, {s['survived']} of {len(s['runs'])} times"
                rows.append((f"{kind['mode']}, {kind['parallel']} clients", shown_name(s["name"]), shown(s["rate"]),
                             shown(s["cpu"]), shown(s["p99"], 1), after))
        self.add(table(rows))
        if not any(s["name"] == "stock" for kind in kinds for s in kind["subjects"]):
            self.add("The stock module was not stormed (`--storm-stock` does).\n")

    def forward(self, _, measured, *__):
        rows = [("", "messages/s", "CPU µs per message", "p50 ms", "server")]
        rows += [(shown_name(s["name"]), shown(s["rate"]), shown(s["cpu"], 1), shown(s["p50"], 1), s["trouble"] or "survived")
                 for s in measured["subjects"]]
        self.add(table(rows))
        rows = [("inside a round", "messages/s", "CPU per message")]
        rows += [(r["pair"], shown(r["rate"], 2), shown(r["cpu"], 2)) for r in measured["ratios"]]
        self.add(table(rows))
        self.add("Clients speak TCP; SER forwards to one peer over TLS (plain TCP: over TCP), and the answers back.\n")

    def stalled(self, _, measured, name, small):
        self.plot(name, "answers per second beside stalled peers", plots.stalled, measured, note=small)
        rows = [("tcp_async", "", "longest time without an answer, s", "slowest answer, ms", "% answered in time",
                 "server")]
        for setting in measured["settings"]:
            for s in setting["subjects"]:
                rows.append((setting["tcp_async"], shown_name(s["name"]), shown(s["silence"], 2),
                             shown(s["slowest"], 1), shown(s["in_time"]), "; ".join(s["fates"]) or "survived"))
        self.add(table(rows))
        self.add(f"The peers leave after {measured['seconds']} s, which frees whoever waits for them: no time "
                 "without an answer can be longer.\n")

    def latency(self, _, measured, name, small):
        self.plot(name, "latency percentiles, alone and in a storm", plots.latency, measured, note=small)
        rows = [("", "p50 ms", "p99 ms", "slowest ms", "storm: p50 ms", "p99 ms", "slowest ms", "handshakes/s beside",
                 "generator's own delay, p99 ms", "server")]
        for s in measured["subjects"]:
            cells = [shown(s[phase][point], 1) if s[phase] else "-" for phase in ("quiet", "storm")
                     for point in ("p50", "p99", "max")]
            rows.append((shown_name(s["name"]), *cells, shown(s["handshakes"]), shown(s["late"], 1),
                         "; ".join(s["fates"]) or "survived"))
        self.add(table(rows))

    def memory(self, _, measured, name, small):
        self.plot(name, "memory of an idle connection against their number", plots.memory, measured, note=small)
        rows = [("connections", "", "SER's, KB each", "the kernel's for both ends, KB each")]
        for subject, points in measured.items():
            for count, kb, kernel, why in points:
                rows.append((f"{count:,}", shown_name(subject), f"{kb:.1f}" if kb is not None else f"no figure: {why}",
                             f"{kernel:.1f}" if kernel is not None else "-"))
        self.add(table(rows))

    def restart(self, _, measured, name, small):
        self.plot(name, "share of clients answered again after a restart, over time", plots.restart, measured, note=small)
        rows = [("", "connected again", "clients answered", "until then: p50 ms", "p99 ms", "slowest ms", "SER away, s", "server")]
        rows += [(shown_name(s["name"]), shown(s["handshakes"]), shown(s["answered"]), *(shown(s[point]) for point in
                                                                                      ("p50", "p99", "max")),
                  shown(s["away"], 2), "; ".join(s["fates"]) or "survived") for s in measured["subjects"]]
        self.add(table(rows))
        self.add(f"{measured['connections']:,} clients, each connected and asked once. SER gets SIGTERM and is started again as "
                 "soon as it has ended. At SIGTERM each client asks once more; one whose "
                 "connection is gone connects again at once, and every 0.1 s, with a full handshake. Real phones wait longer. "
                 "\"keeper\": with ser-ktls-keeper.\n")

    def rivals(self, _, measured, *__):
        rows = [("full handshake", "", "CPU µs", "ours / it", "handshakes/s", "server")]
        rows += [(s["kind"], shown_name(s["name"]), shown(s["cpu"]), shown(s["ratio"], 2), shown(s["rate"]),
                  "; ".join(s["fates"]) or "survived") for s in measured["handshakes"]]
        self.add(table(rows))
        rows = [("connection", "", "CPU µs", "ours / it", "memory when idle, KB", "server")]
        rows += [(s["kind"], shown_name(s["name"]), shown(s["cpu"]), shown(s["ratio"], 2), shown(s["kb"], 1),
                  "; ".join(s["fates"]) or "survived") for s in measured["connections"]]
        self.add(table(rows))
        self.add("CPU of all processes but the clients. nginx and haproxy stand in front of a SER that speaks plain TCP; "
                 "\"nginx alone\" has none behind it. Handshakes: clients reset as soon as they have finished. Connections: "
                 "each is opened, asked once and held.\n")

    def engines(self, _, measured, *__):
        rows = [("full handshake", "", "handshakes/s", "/ 1 engine", "CPU µs", "% of the engine with fewest", "server")]
        rows += [(s["kind"], shown_name(s["name"]), shown(s["rate"]), shown(s["ratio"], 2), shown(s["cpu"]), shown(s["fewest"]),
                  "; ".join(s["fates"]) or "survived") for s in measured]
        self.add(table(rows))
        self.add("The clients run on the same processors, and one thread does all of them. An RSA-4096 signature costs the "
                 "server so much that the clients need little beside it.\n")

    def calls(self):
        found = [(source, scenarios) for source in self.called if (scenarios := data.calls(source))]
        if found:
            self.add("## Calls by SIPp\n")
        for source, scenarios in found:
            self.add(f"### {source.where()}\n")
            rows = [("scenario", "", "calls/s", "CPU µs per call", "p50 ms", "p99 ms", "failed")]
            for scenario in scenarios:
                for s in scenario["subjects"]:
                    rows.append((scenario["name"], shown_name(s["name"]), shown(s["rate"]), shown(s["cpu"]),
                                 shown(s["p50"]), shown(s["p99"]), "; ".join([str(s["failed"]), *s["fates"]])))
            self.add(table(rows))
            if "TLS" not in source.machine["sipp"]:
                self.add("This SIPp has no TLS: stunnel carries it, and takes of the same processors. Plain TCP goes "
                         "without, so its calls/s and times do not compare with the others'; CPU is SER's alone. "
                         "SIPp's clock has steps of 4 ms.\n")

    def crowds(self):
        if self.flooded:
            self.add("## Who gets in beside a crowd that says nothing?\n")
        for source in self.flooded:
            settings = source.settings
            self.add(f"### {source.where()}\n")
            rows = [("connections", "addresses", "", "honest handshake, median ms", "slowest ms", "failed",
                     "established: p99 ms before", "beside", "generator's own delay, p99 ms", "server")]
            load, cases = data.flood(source)
            for case in cases:
                for s in case["subjects"]:
                    rows.append((f"{case['connections']:,} {'slow' if case['slow'] else 'silent'}", str(case["sources"]),
                                 shown_name(s["name"]), *(cell(s[key], digits) for key, digits in FLOOD_CELLS),
                                 "; ".join(s["fates"]) or "survived"))
            self.add(table(rows))
            self.add(f"{settings['handshakes']} full handshakes of another address, one after the other, while the crowd "
                     "opens again what is closed; it begins as fast as it can. Slow ones send a byte of a ClientHello each "
                     f"second. Established: {settings['rate']} messages/s over {settings['connections']} connections. All "
                     "settings are defaults, but \"with room\" has tcp_max_connections above the crowd. The "
                     f"load average was {load:.1f} when it began.\n")

    def weak(self):
        self.add("## Weak results\n")
        for source in self.compared + self.called + self.flooded:
            told = weak.sentences(source)
            self.add(f"{source.where()}, `{source.command}`:\n")
            self.add("\n".join(f"- {sentence}" for sentence in told or ["Nothing found."]) + "\n")
