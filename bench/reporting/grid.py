# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables of the page: rows are what was measured, columns are releases of SER and kernels."""

import textwrap

SUITES = {"1.2 CBC": "TLS 1.2, CBC", "1.2": "TLS 1.2", "1.3": "TLS 1.3"}
HOMES = {"ours kernel": "ours, records in the kernel", "ours user": "ours, records in user space",
         "ours relayed": "ours, relayed", "ours": "ours", "stock": "stock module", "tcp": "plain TCP"}


def spelled(name):
    """A subject's name in words: "ours user 1.2" is "ours, records in user space, TLS 1.2"."""
    home = next((home for home in HOMES if name == home or name.startswith((home + " ", home + ","))), None)
    if not home:
        return name
    rest = name[len(home):].strip()
    return HOMES[home] + (f", {SUITES[rest]}" if rest in SUITES else rest and f" {rest}" if rest[:1] != "," else rest)


def the(name):
    """The same within a sentence."""
    return ("the " if name.startswith("stock") else "") + spelled(name)


def markdown(rows):
    lines = ["| " + " | ".join(cells) + " |" for cells in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines) + "\n"


class Grid:
    """Cells by row and column. Rows come in the order in which they were put, columns too if not by release.

    Of one cell the last text counts."""

    def __init__(self, *heads, by_release=True):
        self.heads = heads  # of the first columns, which name a row
        self.by_release = by_release
        self.columns = []
        self.rows = {}

    def put(self, row, column, text):
        """row: a text for each head. A cell without text was not measured."""
        if not text:
            return
        if column not in self.columns:
            self.columns.append(column)
        self.rows.setdefault(row, {})[column] = text

    def text(self):
        columns = sorted(self.columns) if self.by_release else self.columns
        rows = [(*self.heads, *columns)]
        rows += [(*row, *(cells.get(column, "") for column in columns)) for row, cells in self.rows.items()]
        return markdown(rows)

    def joined(self, other):
        """One table of both, the other's rows last."""
        for row, cells in other.rows.items():
            for column, text in cells.items():
                self.put(row, column, text)
        return self.text()


def span(values, digits=2, unit=""):
    """From the smallest to the largest of some numbers, in words."""
    low, high = (f"{value:,.{digits}f}" for value in (min(values), max(values)))
    return (low if low == high else f"{low} to {high}") + unit


def paragraph(text):
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False) + "\n" if text else ""
