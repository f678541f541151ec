# SPDX-License-Identifier: GPL-2.0-or-later
"""The two lists of this folder: rooms, and exceptions from the rules. Each file describes its own format."""


class ListError(Exception):
    """A list that cannot be read as it is."""


def entries(root, path):
    """(line number, words before the colon, text behind it) of every entry."""
    for number, line in enumerate((root / path).read_text(encoding="utf-8").splitlines(), 1):
        content = line.partition("#")[0]
        if not content.strip():
            continue
        head, colon, tail = content.partition(":")
        if not colon or not head.split():
            raise ListError(f"{path}:{number}: is no entry; the head of the file shows how one looks.")
        yield number, head.split(), tail.strip()


class Room:
    """A folder, what its files may use besides each other, and whether they may name symbols of the core."""

    def __init__(self, name, line, uses, core):
        self.name, self.line, self.uses, self.core = name, line, uses, core

    def may_use(self, other):
        return other is not None and (other is self or other.name in self.uses)


class Rooms:
    def __init__(self, root, path):
        self.path, self.order = path, []
        for number, words, uses in entries(root, path):
            above = [room.name for room in self.order]
            if len(words) != 1 or words[0] in above:
                raise ListError(f"{path}:{number}: name one folder, and each only once.")
            asked = uses.split()
            unknown = [use for use in asked if use not in above + ["core"]]
            if unknown:
                raise ListError(f"{path}:{number}: {words[0]} uses {unknown[0]}, which is no room above it.")
            self.order.append(Room(words[0], number, [use for use in asked if use != "core"], "core" in asked))

    def tops(self):
        """The folders of the root in which rooms lie."""
        return sorted({room.name.split("/")[0] for room in self.order})

    def of(self, path):
        """The room of a file, or None; of two rooms one of which lies in the other, the inner one."""
        around = [room for room in self.order if path.startswith(room.name + "/")]
        return max(around, key=lambda room: len(room.name), default=None)


class Exceptions:
    """What breaks a rule and why it may: the line of each, by what it is."""

    def __init__(self, root, path):
        self.path, self.cycles, self.tags = path, {}, {}
        for number, words, reason in entries(root, path):
            kind, *names = words
            if kind not in ("cycle", "tag") or len(names) < 2 or not reason:
                raise ListError(f"{path}:{number}: is neither a cycle nor a tag with its files and a reason.")
            if kind == "cycle":
                self.cycles[frozenset(names)] = number
            else:
                self.tags[names[0], frozenset(names[1:])] = number
