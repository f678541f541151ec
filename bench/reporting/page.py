# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/benchmarks.md: what is worse than elsewhere, then for each question an answer, a plot and a table."""

from reporting import cost, data, handshaking, neighbours, size, weak
from reporting.brief import brief
from reporting.grid import Grid, markdown, paragraph
from reporting.telling import drawn_note

HEAD = """\
# Benchmarks

Made by `bench/report` out of what the commands under [Runs](#runs) left; nothing here is written by hand. Columns are
releases of Kamailio, with kernel TLS or without; an empty cell was not measured. Figures are medians of the rounds, with
the range behind them; a figure without a range was measured once, or always the same. Plain TCP is the same server
without TLS. Every SER runs with `-X fm`. The load generator shares the processors with the server: believe ratios and
CPU before rates. [bench/README.md](../bench/README.md) says how each figure is made.
"""

# In the order of the page.
QUESTIONS = (cost.message_cpu, cost.messages, cost.rates, cost.forward, handshaking.handshakes, handshaking.storm,
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
        parts = [HEAD]
        if self.answers:
            parts.append("## In short\n\n" + self.in_short())
        parts += [self.weak(), *self.sections, self.runs()]
        return "\n".join(part for part in parts if part)

    def in_short(self):
        return "".join(paragraph(f"- {answer}").replace("\n", "\n  ").rstrip(" ") for answer in self.answers)

    def readme(self, folder):
        """What the README shows of it: ours beside the stock module, and the first plot of what is best seen."""
        plots = [next((image for image in self.images if f"/{name}-" in image), "") for name in README_PLOTS]
        return "\n".join([*brief(self.sources, folder),
                          *(image.replace("(plots/", f"({folder}/plots/") for image in plots if image)])

    def section(self, title, answer, *parts):
        """Parts that are neither pictures nor tables are sentences."""
        self.answers += [answer] if answer else []
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
        chosen = [one for one in found if not one[0].guest] or found
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
        grid = Grid("ours is worse in")
        points = [(*point, source.column) for source in self.sources for point in weak.points(source)]
        for _, what, figure, column in sorted(points, key=lambda point: point[0]):
            grid.put((what,), column, figure)
        if not grid.rows:
            return "## What is worse\n\nNothing was found.\n"
        return "\n".join(["## What is worse\n", paragraph(
            "What the rules of `bench/reporting/weak.py` found: differences above 3 % in CPU and rates, and above 25 % in times and "
            "memory."), grid.text()])

    def runs(self):
        rows = [("Kamailio", "kernel, machine", "libraries", "command", "date")]
        for source in self.sources:
            about = source.machine
            rows.append((source.column, f"{source.kernel}{source.guest}, {about['cores']} × {about['cpu']}",
                         about["openssl"].split(" (")[0] + (f"; {about['sipp']}" if source.sipp else ""), f"`{source.command}`", source.date))
        return "\n".join(["## Runs\n", markdown(rows), "The page itself: `bench/report FILE...` with the files these left.\n"])
