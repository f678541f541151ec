# SPDX-License-Identifier: GPL-2.0-or-later
"""A picture of a Grafana dashboard: its panels where they are, with figures over some seconds."""

import matplotlib.pyplot as plt
from matplotlib import ticker

from reporting import plots  # most of its settings hold here, too

COLUMNS = 24  # of Grafana's grid
WIDTH, ROW = 14.0, 0.36  # inches
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555", "#AA4499"]
STEPS = {"red": "#C4162A", "orange": "#E69F00", "green": "#37872D"}
UNITS = {"ops": "/s", "reqps": "/s", "d": " days"}


def with_unit(value, unit):
    """A number with its unit."""
    if unit == "percentunit":
        return f"{100 * value:.0f} %"
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    return f"{value:,.3g}{UNITS.get(unit, '')}" if value < 1000 else f"{value:,.0f}{UNITS.get(unit, '')}"


def corners(points):
    """Without those between two of the same value, which a line does not need."""
    return [point for number, point in enumerate(points)
            if number in (0, len(points) - 1) or {points[number - 1][1], points[number + 1][1]} != {point[1]}]


def draw_stat(axis, panel, lines):
    """The last value, large, in its threshold's colour."""
    defaults = panel["fieldConfig"]["defaults"]
    value, colour = lines[0][1][-1][1] if lines else 0, STEPS["green"]
    for step in defaults.get("thresholds", {}).get("steps", []):
        if step["value"] is None or value >= step["value"]:
            colour = STEPS[step["color"]]
    axis.text(0.5, 0.5, with_unit(value, defaults["unit"]) if lines else "no data", fontsize=20, color=colour, ha="center",
              va="center", transform=axis.transAxes)
    axis.set_xticks([])
    axis.set_yticks([])


def draw_bars(axis, lines):
    """The last value of each."""
    values = {legend: points[-1][1] for legend, points in lines}
    axis.barh(list(values), list(values.values()), color=COLOURS[0], height=0.6)
    for legend, value in values.items():
        axis.text(value, legend, f" {value:.0f}  {legend.replace('_', ' ')}", va="center", fontsize=8)
    axis.set_yticks([])
    axis.set_xlim(0, 2 * max([1, *values.values()]))
    axis.set_ylim(max(len(values) - 0.5, 3.5), -0.5)


def draw_series(axis, panel, lines):
    """Over time."""
    unit = panel["fieldConfig"]["defaults"]["unit"]
    for (legend, points), colour in zip(lines, COLOURS):
        seconds, values = zip(*corners(points))
        axis.plot(seconds, values, label=legend, color=colour, linewidth=1.2)
        if any(values):
            axis.fill_between(seconds, values, color=colour, alpha=0.1, linewidth=0)
    axis.set_xlim(0, max([1, *(points[-1][0] for _, points in lines)]))
    axis.set_ylim(0, max([1, *(1.15 * value for _, points in lines for _, value in points)]))
    axis.yaxis.set_major_locator(ticker.MaxNLocator(5, integer=unit == "short"))
    axis.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: with_unit(value, unit)))
    axis.xaxis.set_major_formatter(ticker.FuncFormatter(lambda second, _: f"{second:.0f} s"))
    axis.legend(loc="upper right", fontsize=7, ncol=2 if len(lines) > 4 else 1)


def draw(board, path, machine):
    """board: [(panel, [(legend, [(second, value)])])]."""
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel, _ in board)
    figure = plt.figure(figsize=(WIDTH, ROW * rows))
    grid = figure.add_gridspec(rows, COLUMNS)
    for panel, lines in board:
        at = panel["gridPos"]
        # A row below stays free for the next title.
        axis = figure.add_subplot(grid[at["y"]:at["y"] + at["h"] - 1, at["x"]:at["x"] + at["w"]])
        axis.set_title(panel["title"], fontsize=9.5)
        axis.tick_params(labelsize=8)
        if panel["type"] == "stat":
            draw_stat(axis, panel, lines)
        elif panel["type"] == "bargauge":
            draw_bars(axis, lines)
        else:
            draw_series(axis, panel, lines)
    figure.subplots_adjust(left=0.05, right=0.99, top=1 - 0.3 / (ROW * rows), bottom=0.02, wspace=6, hspace=0.4)
    figure.text(0.99, 0.004, f"{machine['cores']} cores, {machine['kernel']}, {machine['kamailio']}", fontsize=7,
                color="#555555", ha="right")
    with plots.matplotlib.rc_context({"svg.fonttype": "none"}):  # as paths its letters would be most of the file
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
