# SPDX-License-Identifier: GPL-2.0-or-later
"""What all questions need: a subject's figures, and the texts of cells and notes."""


def only(name, subjects):
    return next((s for s in subjects if s["name"] == name), None)


def by_what(fate):
    """The signal, or the exit code, out of the sentence about a death."""
    return fate.partition(": ")[2].partition(" of ")[0]


def fate_or(subject, text):
    """Its death in place of a figure, or behind that of the runs that it survived."""
    if not subject["fates"]:
        return text
    how, died = by_what(subject["fates"][0]), len(subject["fates"])
    runs = subject.get("runs", subject.get("rounds"))
    count = len(runs) if isinstance(runs, list) else runs
    if text != "-":
        return f"{text}; died in {died} of {count}"
    return f"died ({how})" if not count or count == died else f"died, {died} of {count} ({how})"


def to_tell(found):
    """What a sentence is made of: a guest's times and rates count only where there are no others."""
    return [one for one in found if not one[0].guest] or found


def listed(parts):
    """One after another, as one says them."""
    parts = list(parts)
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1] if parts else ""


def by_column(figures):
    """Figures with the release of each, as said in a sentence."""
    return listed(f"{text} ({column})" for column, text in sorted(figures.items()))


def duration(ms):
    """With the unit in which it can be read."""
    return f"{ms * 1000:.0f} µs" if ms < 1 else f"{ms:.1f} ms" if ms < 10 else f"{ms:,.0f} ms"


def crowd_of(case):
    """A flood's."""
    kind = "slow" if case["slow"] else "silent"
    return f"{case['connections']:,} {kind} connections from {case['sources']} address{'es' if case['sources'] > 1 else ''}"


def cell(value, digits=0, unit=""):
    return "" if value is None else f"{value:,.{digits}f}{unit}"


def drawn_note(source, rounds):
    cpu = f", {source.machine['cpu']}" if not source.guest else ""
    return f"{source.where()}{cpu}; {rounds} round{'s' if rounds != 1 else ''}; {source.command}"
