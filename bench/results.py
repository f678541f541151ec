# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON file of a comparison: written after each section, so that an interrupted run can be resumed."""

import datetime
import json
import pathlib
import re
import sys

from tools import Missing

# What has to be the same for sections of two runs to stand in one file.
SAME = ("machine", "settings")


def compact(text):
    """Lists of numbers, which are long, on one line."""
    return re.sub(r"\[\s+([-\d.,\s]+?)\s+\]", lambda found: "[" + re.sub(r"\s+", " ", found[1]) + "]", text)


def write(path, everything):
    """Whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(compact(json.dumps(everything, indent=1)) + "\n")
    partial.replace(path)


def command_line(program):
    """The program with its options, without the folders of this machine."""
    words, given = [program], iter(sys.argv[1:])
    for word in given:
        name, _, value = word.partition("=")
        if name in ("--json", "--module", "--load"):
            value = value or next(given, "")
            words += [name, pathlib.Path(value).name] if name == "--json" else []
        elif word != "--resume":
            words.append(word)
    return " ".join(words)


class Results:
    """What was measured so far; settings are whatever has to be the same when it is resumed, path may be None."""

    def __init__(self, command, machine, settings, path, resume):
        self.path = path
        self.everything = {
            "command": command,
            "date": datetime.date.today().isoformat(),
            "machine": machine,
            "settings": json.loads(json.dumps(settings)),
            "sections": {},
            "troubles": {},
        }
        if resume:
            self.resume()

    def resume(self):
        if not self.path:
            raise Missing("--resume needs --json FILE, the file to go on with.")
        if not self.path.exists():
            return
        try:
            former = json.loads(self.path.read_text())
            differing = [name for name in SAME if former[name] != self.everything[name]]
            sections, troubles = dict(former["sections"]), dict(former["troubles"])
        except (ValueError, KeyError, TypeError):
            raise Missing(f"{self.path} is no result of this program; name another file.") from None
        if differing:
            raise Missing(f"{self.path} is of another run, its {' and '.join(differing)} differ; name another file.")
        self.everything.update(sections=sections, troubles=troubles)

    def of(self, section):
        """What a resumed file says of it, or None."""
        return self.everything["sections"].get(section)

    def add(self, section, result, troubles):
        self.everything["sections"][section] = result
        self.everything["troubles"][section] = list(troubles)
        if self.path:
            write(self.path, self.everything)

    def troubles(self):
        return [f"{section}: {one}" for section, found in self.everything["troubles"].items() for one in found]
