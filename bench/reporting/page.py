# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/benchmarks.md: what is worse than elsewhere, then for each question an answer, a plot and a table."""

from reporting import cost, data, handshaking, neighbours, size, weak
from reporting.brief import brief
from reporting.grid import Grid, markdown, paragraph
from reporting.telling import drawn_note, to_tell

HEAD = """\
# Benchmarks

Made by `bench/report` out of what the commands under [Runs](#runs) left. Columns are releases of Kamailio if a table
has no others, with kernel TLS (in a guest: user-mode Linux, UML, or QEMU) where they say so. Figures are medians, with
the range in parentheses; without a range a figure was measured once, or was always the same. What was not measured is
empty. "Ours" stands for this module, "stock module" for the release's own, "plain TCP" for the same server without TLS.
"User space": SER's processes encrypt; "kernel": Linux does; "relayed": the engine does, for CBC suites. The load
generator shares the processors with the server, so trust ratios and CPU more than rates. Every SER runs with `-X fm`;
with the default allocator 5.6.3 takes [more CPU](sizing.md#one-of-each). [bench/README.md](../bench/README.md) says how
each figure is made.
"""

# In the order of the page.
QUESTIONS = (cost.rates, cost.message_cpu, cost.messages, cost.forward, handshaking.handshakes, handshaking.facts, handshaking.storm,
             neighbours.flood, neighbours.latency, neighbours.stalled, size.memory, size.crowd, size.nodes,
             handshaking.restart, handshaking.engines, cost.calls)

README_PLOTS = ("survival", "stalled", "restart")


class Page:
    """Collects the text and draws the plots into a folder."""

    def __init__(self, sources, folder):
        self.sources, self.folder = sources, folder
        self.called = [source for source in sources if source.sipp]
        self.flooded = [source for source in sources if source.flood]
        self.compared = [source for source in sources if not source.sipp and not source.flood]
        self.answers, self.sections, self.drawn, self.images = [], [], [], []

    def text(self):
        for question in QUESTIONS:
            question(self)
        parts = [HEAD, self.weak()]
        if self.answers:
            parts.append("## In short\n\n" + self.in_short())
        parts += [*self.sections, self.runs()]
        return "\n".join(part for part in parts if part)

    def in_short(self):
        return "".join(paragraph(f"- {answer}").replace("\n", "\n  ").rstrip(" ") for answer in self.answers)

    def readme(self, folder):
        """What the README shows of it: ours beside the stock module, and the first plot of what is best seen."""
        plots = [next((image for image in self.images if f"/{name}-" in image), "") for name in README_PLOTS]
        return "\n".join([*brief(self.sources, folder),
                          *(image.replace("(plots/", f"({folder}/plots/") for image in plots if image)])

    def section(self, title, answer, *parts, short=False):
        """Parts that are neither pictures nor tables are sentences. short: the answer stands at the top of the page, too."""
        self.answers += [answer] if answer and short else []
        shown_parts = [part if part.startswith(("|", "!")) else paragraph(part) for part in (answer, *parts) if part]
        self.sections.append("\n".join([f"## {title}\n", *shown_parts]))

    def measured(self, read):
        return [(source, found) for source in self.compared if (found := read(source))]

    def plot(self, name, text, draw, *what, **more):
        """Draws it, and returns what shows it."""
        draw(*what, path=self.folder / f"{name}.svg", **more)
        self.drawn.append(f"{name}.svg")
        self.images.append(f"![{text}](plots/{name}.svg)\n")
        return self.images[-1]

    def plots_of(self, name, text, found, draw, rounds):
        """One for each release in the machine's own kernel; in another kernel only when there is no such one."""
        chosen = to_tell(found)
        latest = {source.slug: (source, measured) for source, measured in chosen}
        return [self.plot(f"{name}-{slug}", f"{text}, Kamailio {source.column}", draw, measured,
                          note=drawn_note(source, source.settings.get(rounds, 1)), **self.more_of(name, source))
                for slug, (source, measured) in latest.items()]

    @staticmethod
    def more_of(name, source):
        if name != "survival":
            return {}
        return {"seconds": source.settings["storm_seconds"], "traffic": data.latency(source),
                "traffic_seconds": source.settings["phase_seconds"]}

    def weak(self):
        """A table for each that ours is worse than."""
        points = [(*point, source.column) for source in self.sources for point in weak.points(source)]
        grids = {against: Grid("what" if against == weak.OWN else "ours / the other") for against in weak.GROUPS}
        for _, what, figure, column in sorted(points, key=lambda point: point[0]):
            grids[weak.group_of(what)].put((what,), column, figure)
        parts = ["## What is worse\n", paragraph(weak.LEFT_OUT)]
        for against, grid in grids.items():
            if grid.rows:
                parts += [f"{weak.GROUPS[against]}:\n", grid.text()]
            elif against == weak.STOCK and weak.compares_stock(self.sources):
                parts.append(f"{weak.GROUPS[against]}: nothing that was measured.\n")
        return "\n".join(parts)

    def runs(self):
        rows = [("Kamailio", "kernel, machine", "libraries", "command", "date")]
        for source in self.sources:
            about = source.machine
            rows.append((source.column, f"{source.kernel}{source.guest}, {about['cores']} × {about['cpu']}",
                         about["openssl"].split(" (")[0] + (f"; {about['sipp']}" if source.sipp else ""), f"`{source.command}`", source.date))
        return "\n".join(["## Runs\n", markdown(rows), "The page itself: `bench/report FILE...` with the files these left.\n"])
