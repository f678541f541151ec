# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/log.md has a row for each line that the module can log, at its level, and no other rows."""
import os
import pathlib
import re

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def calls():
    """(file, arguments) of each call of ser_log() and ser_log_limited(), strings kept whole."""
    for path in sorted(pathlib.Path(ROOT, "ser").rglob("*.c")):
        name = path.name
        if name == "log.c":  # the functions themselves
            continue
        text = path.read_text(encoding="utf-8")
        for call in re.finditer(r"\bser_log(_limited)?\(", text):
            arguments, depth = [""], 1
            for part in re.finditer(r'"(?:[^"\\]|\\.)*"|.', text[call.end():], re.DOTALL):
                depth += {"(": 1, ")": -1}.get(part[0], 0)
                if not depth:
                    break
                if part[0] == "," and depth == 1:
                    arguments.append("")
                else:
                    arguments[-1] += part[0]
            yield name, [argument.strip() for argument in arguments[1 if call[1] else 0:]]


def pattern(format_):
    """What a format matches; the lengths of its own words."""
    words = "".join(text.replace('\\"', '"') if string else "\0" for string, text in
                    ((part[0].startswith('"'), part[1]) for part in re.finditer(r'"((?:[^"\\]|\\.)*)"|\w+', format_)))
    pieces = re.split(r"\0|%[-.*0-9]*(?:l|z)?[a-z]", words)
    return re.compile(".*".join(map(re.escape, pieces))), sum(map(len, pieces))


def lines_of_code():
    """(pattern, its words' length, level, file) of all of them, but not of those that are one text of elsewhere."""
    found = []
    for name, (level, format_, *_) in calls():
        matches, length = pattern(format_)
        if length:
            level = re.search(r"LOG_LEVEL_(\w+)|(tls_log)|(level)", level)
            found.append((matches, length, (level[1] or level[2] or "").lower(), name))
    return found


def rows():
    """(line, levels) of the page."""
    with open(os.path.join(ROOT, "docs", "log.md"), encoding="utf-8") as file:
        for row in re.findall(r"^\| (`.*`) \| ([\w, ]+) \| [^|]+ \|$", file.read(), re.M):
            for line in re.findall(r"`([^`]+)`", row[0]):
                yield line, row[1].split(", ")


def test_every_line():
    code, seen = lines_of_code(), set()
    assert len(code) > 60
    for line, levels in rows():
        if line == "X":
            continue
        fitting = [row for row in code if row[0].fullmatch(line)]
        assert fitting, f"nothing in the code says: {line}"
        longest = max(length for _, length, _, _ in fitting)
        for row in fitting:
            if row[1] == longest:
                assert not row[2] or row[2] in levels, f"{row[3]} says at level {row[2]}: {line}"
                seen.add(row)
    missing = [f"{name}: {matches.pattern}" for matches, *rest, name in set(code) - seen]
    assert not missing, "no row for\n" + "\n".join(sorted(missing))
