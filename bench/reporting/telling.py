# SPDX-License-Identifier: GPL-2.0-or-later
"""What all questions need: a subject's figures, and the texts of cells and notes."""


def only(name, subjects):
    return next((s for s in subjects if s["name"] == name), None)


def medians(found, name, key):
    """Of all columns that have it."""
    spreads = [s[key] for _, subjects in found if (s := only(name, subjects)) and s.get(key)]
    return [one["median"] for one in spreads]


def by_what(fate):
    """The signal, or the exit code, out of the sentence about a death."""
    return fate.partition(": ")[2].partition(" of ")[0]


def fate_or(subject, text):
    """Its death in place of a figure."""
    if not subject["fates"] or text != "-":
        return text
    how = by_what(subject["fates"][0])
    runs = subject.get("runs")
    count = len(runs) if isinstance(runs, list) else runs
    return f"died ({how})" if not count or count == len(subject["fates"]) else f"died, {len(subject['fates'])} of {count} ({how})"


def crowd_of(case):
    """A flood's."""
    kind = "slow" if case["slow"] else "silent"
    return f"{case['connections']:,} {kind} connections from {case['sources']} address{'es' if case['sources'] > 1 else ''}"


def cell(value, digits=0, unit=""):
    return "" if value is None else f"{value:,.{digits}f}{unit}"


def drawn_note(source, rounds):
    cpu = f", {source.machine['cpu']}" if not source.guest else ""
    return f"{source.where()}{cpu}; {rounds} round{'s' if rounds != 1 else ''}; {source.command}"
