# SPDX-License-Identifier: GPL-2.0-or-later
"""The plots: SVG that is the same each time it is made of the same data."""

import textwrap

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib import ticker

from reporting.data import middle

matplotlib.rcParams.update({
    "svg.hashsalt": "ser-ktls",
    "svg.fonttype": "path",  # the same everywhere
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "figure.facecolor": "white",
    "legend.frameon": False,
})

# Okabe and Ito's colours, which the colour-blind tell apart; markers and dashes differ as well.
STYLES = {
    "ours": ("#0072B2", "o", "-"),
    "ours, engine_nice": ("#0072B2", "P", ":"),
    "ours, keeper": ("#009E73", "^", "-"),
    "ours kernel": ("#0072B2", "o", "-"),
    "ours user": ("#56B4E9", "D", "-"),
    "ours relayed": ("#009E73", "^", "-"),
    "stock": ("#D55E00", "s", "--"),
    "tcp": ("#555555", "v", ":"),
    "tcp with AEAD": ("#999999", "x", ":"),
}
NAMES = {"tcp": "plain TCP", "stock": "stock module"}
WIDTH = 9.0


def style(name):
    """Colour, marker and dashes of a subject, by the longest beginning of its name."""
    return STYLES[max((known for known in STYLES if name.startswith(known)), key=len)]


def shown_name(name):
    for known, words in NAMES.items():
        if name.startswith(known):
            return words + name[len(known):]
    return name


def save(figure, path, note, head=None):
    """note: machine, rounds and command, in small print below; head: a title and, beside it, the legend."""
    height = figure.get_figheight()
    note = "\n".join(line for part in note.split("\n") for line in textwrap.wrap(part, 150))
    figure.text(0.01, 0.05 / height, note, fontsize=7.5, color="#555555", ha="left", va="bottom")
    if head:
        title, axis = head
        figure.text(0.01, 1 - 0.08 / height, title, fontsize=12, ha="left", va="top")
        figure.legend(*axis.get_legend_handles_labels(), loc="upper left", ncol=4,
                      bbox_to_anchor=(0, 1 - 0.28 / height))
    foot = 0.12 + 0.14 * (1 + note.count("\n"))  # inches
    figure.tight_layout(rect=(0, foot / height, 1, 1 - (0.58 if head else 0) / height))
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def whiskers(values):
    return [[values["median"] - values["min"]], [values["max"] - values["median"]]]


def throughput(measured, path, note):
    """measured: [(label, subjects)], one panel pair for each source."""
    heights = [len(subjects) for _, subjects in measured]
    figure, axes = plt.subplots(len(measured), 2, figsize=(WIDTH, 1.5 + 0.36 * sum(heights) + 0.5 * len(measured)),
                                squeeze=False, gridspec_kw={"height_ratios": heights}, sharex="col")
    for row, (label, subjects) in zip(axes, measured):
        for axis, key in zip(row, ("share", "cpu")):
            draw_shares(axis, subjects, key)
        row[1].set_yticklabels([])
        row[0].set_title(label)
    bounds = {key: [subject[key][end] for _, subjects in measured for subject in subjects if subject[key]
                    for end in ("min", "max")] for key in ("share", "cpu")}
    axes[0][0].set_xlim(0, 1.08 * max([1, *bounds["share"]]))
    # The costs lie between a few percent and several times.
    axes[0][1].set_xscale("log")
    axes[0][1].set_xlim(0.85 * min([1, *bounds["cpu"]]), 1.2 * max([1, *bounds["cpu"]]))
    axes[-1][1].xaxis.set_major_locator(ticker.FixedLocator([0.5, 0.7, 1, 1.5, 2, 3, 5, 8, 12, 20]))
    axes[-1][1].xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes[-1][1].xaxis.set_minor_locator(ticker.NullLocator())
    axes[-1][0].set_xlabel("messages/s, plain TCP = 1; more is better")
    axes[-1][1].set_xlabel("CPU per message, plain TCP = 1; less is better")
    save(figure, path, note)


def draw_shares(axis, subjects, key):
    for place, subject in enumerate(subjects):
        values, (colour, marker, _) = subject[key], style(subject["name"])
        if not values:
            axis.text(0.02, place, why_not(subject, key), va="center", fontsize=8,
                      transform=axis.get_yaxis_transform())
            continue
        axis.errorbar(values["median"], place, xerr=whiskers(values), fmt=marker, color=colour, capsize=3, markersize=7)
        axis.annotate(f"{values['median']:.2f}", (values["median"], place), xytext=(0, 7), textcoords="offset points",
                      ha="center", fontsize=8, color="#222222",
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    axis.axvline(1, color=STYLES["tcp"][0], linewidth=1)
    axis.set_yticks(range(len(subjects)), [shown_name(subject["name"]) for subject in subjects])
    axis.set_ylim(len(subjects) - 0.4, -0.7)


def why_not(subject, key):
    if subject["emulated"] and key == "share":
        return "-"  # rates in QEMU mean nothing
    return "no figure: " + (subject["fates"] or [subject["refused"] or "not measured beside plain TCP"])[0]


def rates(steps, path, note):
    """steps: one for each rate, with its subjects."""
    figure, axis = plt.subplots(figsize=(WIDTH, 3.4))
    for name in dict.fromkeys(subject["name"] for step in steps for subject in step["subjects"]):
        points = [(step["rate"], subject["cpu"]) for step in steps for subject in step["subjects"]
                  if subject["name"] == name and subject["cpu"]]
        if name == "tcp" or not points:
            continue
        colour, marker, dashes = style(name)
        places, values = zip(*points)
        axis.fill_between(places, [v["min"] for v in values], [v["max"] for v in values], color=colour, alpha=0.15,
                          linewidth=0)
        axis.plot(places, [v["median"] for v in values], marker=marker, linestyle=dashes, color=colour,
                  label=shown_name(name))
    axis.axhline(1, color=STYLES["tcp"][0], linewidth=1)
    axis.set_xscale("log")
    axis.set_xticks([step["rate"] for step in steps], [f"{step['rate']:,}" for step in steps])
    axis.xaxis.set_minor_locator(ticker.NullLocator())
    axis.set_xlabel("messages/s given to each server")
    axis.set_ylabel("CPU per message, plain TCP = 1")
    axis.legend(loc="upper right")
    save(figure, path, note)


def latency(measured, path, note):
    points = ("p50", "p90", "p99", "p999", "max")
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.2), sharey=True)
    for axis, key, title in ((axes[0], "quiet", "alone"),
                             (axes[1], "storm", f"while {measured['parallel']} clients storm")):
        dead = []
        for subject in measured["subjects"]:
            if not subject[key]:
                dead.append(f"{shown_name(subject['name'])}: {(subject['fates'] or ['no answers'])[0]}")
                continue
            colour, marker, dashes = style(subject["name"])
            values = [subject[key][point] for point in points]
            axis.fill_between(range(len(points)), [v["min"] for v in values], [v["max"] for v in values],
                              color=colour, alpha=0.15, linewidth=0)
            axis.plot(range(len(points)), [v["median"] for v in values], marker=marker, linestyle=dashes, color=colour,
                      label=shown_name(subject["name"]))
        axis.set_title(f"{measured['rate']:,} messages/s {title}")
        axis.set_xticks(range(len(points)), ["p50", "p90", "p99", "p99.9", "slowest"])
        axis.set_xlabel("share of the messages answered within that time")
        for line, text in enumerate(dead):
            axis.text(0.98, 0.04 + 0.06 * line, text, transform=axis.transAxes, fontsize=8, ha="right",
                      color=STYLES["stock"][0])
    axes[0].set_yscale("log")
    axes[0].yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes[0].set_ylabel("latency from the intended sending, ms")
    axes[0].legend(loc="lower right")
    save(figure, path, note)


def memory(measured, path, note):
    figure, axis = plt.subplots(figsize=(WIDTH, 4.0))
    counts, ends = set(), []
    for name, points in measured.items():
        good = [point for point in points if point[1] is not None]
        counts.update(point[0] for point in points)
        if not good:
            continue
        colour, marker, dashes = style(name)
        axis.plot([p[0] for p in good], [p[1] for p in good], marker=marker, linestyle=dashes, color=colour,
                  label=shown_name(name))
        ends.append((good[-1][1], good[-1][0], colour))
    label_ends(axis, ends)
    axis.set_xscale("log")
    counts = [count for count in counts if not any(count < other < 1.15 * count for other in counts)]
    axis.set_xticks(sorted(counts), [f"{count:,}" for count in sorted(counts)])
    axis.xaxis.set_minor_locator(ticker.NullLocator())
    axis.set_ylim(bottom=0)
    axis.margins(x=0.08)
    axis.set_xlabel("idle connections")
    axis.set_ylabel("memory of SER for each, KB")
    axis.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    save(figure, path, note)


def restart(measured, path, note):
    """The share of clients that are answered again, over the time since SIGTERM."""
    figure, axis = plt.subplots(figsize=(WIDTH, 3.2))
    for subject in measured["subjects"]:
        colour, _, dashes = style(subject["name"])
        for number, curve in enumerate(subject["curves"]):
            axis.plot([point[0] for point in curve], [100 * point[1] for point in curve], linestyle=dashes, color=colour,
                      linewidth=1.8, label=None if number else shown_name(subject["name"]))
    axis.set_xlim(left=0)
    axis.set_ylim(0, 102)
    axis.set_xlabel("seconds since SER was told to end")
    axis.set_ylabel("% of clients answered again")
    save(figure, path, note, (f"SER restarts, {measured['connections']:,} clients", axis))


def label_ends(axis, ends):
    """The values at the ends of the lines, none upon another."""
    last, gap = None, 0.05 * max((value for value, _, _ in ends), default=0)
    for value, place, colour in sorted(ends):
        height = value if last is None else max(value, last + gap)
        axis.annotate(f"{value:.1f}", (place, height), xytext=(9, 0), textcoords="offset points", va="center",
                      fontsize=8.5, color=colour)
        last = height


def draw_over_time(axis, subjects, seconds):
    """The median of the runs, all of them as a band, and a cross where a server died."""
    for subject in subjects:
        colour, marker, dashes = style(subject["name"])
        runs = subject["runs"]
        moments, rates = runs[0][0], [run[1] for run in runs]
        step = moments[1] - moments[0] if len(moments) > 1 else seconds
        ends = [moment + step / 2 for moment in moments]
        axis.fill_between(ends, [min(c) for c in zip(*rates)], [max(c) for c in zip(*rates)], color=colour, alpha=0.15,
                          linewidth=0)
        axis.plot(ends, middle(rates), linestyle=dashes, color=colour, linewidth=1.8, label=shown_name(subject["name"]))
        for _, _, death in runs:
            if death is not None:
                axis.plot([death], [0], marker="X", markersize=11, color=colour, clip_on=False, zorder=5)
        if subject["fates"]:
            name_death(axis, subject, seconds)
    axis.set_xlim(0, seconds)
    axis.set_ylim(bottom=0)
    axis.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))


def name_death(axis, subject, seconds):
    runs, colour = subject["runs"], style(subject["name"])[0]
    first = min(run[2] for run in runs if run[2] is not None)
    how = subject["fates"][0].split(": ")[1].split(" of ")[0]
    late = first > 0.6 * seconds
    axis.annotate(f"{shown_name(subject['name'])}: {len(subject['fates'])} of {len(runs)} died, {how}", (first, 0),
                  xytext=(-12 if late else 12, 10), textcoords="offset points", ha="right" if late else "left",
                  fontsize=8.5, color=colour, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})


def survival(kinds, path, note, seconds, traffic=None, traffic_seconds=None):
    """Storms of full handshakes, and below them established traffic in a storm where it was measured."""
    kinds = [kind for kind in kinds if kind["mode"] == "storm"]
    rows = len(kinds) + bool(traffic)
    figure, axes = plt.subplots(rows, 1, figsize=(WIDTH, 2.3 * rows + 0.6), squeeze=False)
    axes = axes[:, 0]
    for axis, kind in zip(axes, kinds):
        draw_over_time(axis, kind["subjects"], seconds)
        axis.set_title(f"{kind['parallel']} clients", fontsize=10)
        axis.set_ylabel("handshakes/s")
    if traffic:
        draw_over_time(axes[-1], [{**subject, "runs": subject["series"]} for subject in traffic["subjects"]],
                       traffic_seconds)
        axes[-1].set_title(f"{traffic['rate']:,} messages/s of established connections beside {traffic['parallel']} "
                           "such clients (plain TCP: connect and reset)", fontsize=10)
        axes[-1].set_ylabel("answers/s")
    axes[-1].set_xlabel("seconds of the storm")
    save(figure, path, note, ("Clients connect, shake hands, reset and come again", axes[-1]))


def stalled(measured, path, note):
    settings = measured["settings"]
    figure, axes = plt.subplots(len(settings), 2, figsize=(WIDTH, 2.6 * len(settings) + 0.6), squeeze=False,
                                gridspec_kw={"width_ratios": [3, 1.5]})
    for row, setting in zip(axes, settings):
        draw_over_time(row[0], setting["subjects"], measured["seconds"])
        row[0].axhline(measured["rate"], color="#aaaaaa", linewidth=0.8, zorder=0)
        row[0].set_title(f"tcp_async={setting['tcp_async']}", fontsize=10)
        row[0].set_ylabel("answers/s")
        draw_silence(row[1], setting["subjects"])
    axes[-1][0].set_xlabel(f"seconds since the peers began to come; after {measured['seconds']} s they leave")
    axes[-1][1].set_xlabel("seconds")
    limit = max(axis.get_xlim()[1] for axis in axes[:, 1])
    for axis in axes[:, 1]:
        axis.set_xlim(0, limit)
    title = f"{measured['rate']:,} messages/s beside {measured['peers']} peers that never read their answers"
    save(figure, path, note, (title, axes[0][0]))


def draw_silence(axis, subjects):
    axis.set_title("longest time without an answer", fontsize=10)
    for place, subject in enumerate(subjects):
        values, (colour, _, _) = subject["silence"], style(subject["name"])
        if not values:
            axis.text(0.02, place, "died", va="center", transform=axis.get_yaxis_transform(), color=colour)
            continue
        axis.barh(place, values["median"], color=colour, height=0.6)
        axis.errorbar(values["median"], place, xerr=whiskers(values), fmt="none", color="#222222", capsize=3)
        axis.annotate(f"{values['max']:.2f} s", (values["max"], place), xytext=(5, 0), textcoords="offset points",
                      va="center", fontsize=8.5)
    axis.set_yticks(range(len(subjects)), [shown_name(subject["name"]).replace(" module", "") for subject in subjects])
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.margins(x=0.35)
