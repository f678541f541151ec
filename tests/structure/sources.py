# SPDX-License-Identifier: GPL-2.0-or-later
"""What is read from the text of C files: includes, tags that are defined, the comment at the top."""
import posixpath
import re

INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')
TAG = re.compile(r"\b(?:struct|union|enum)\s+(\w+)\s*\{")
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def without_comments(text):
    """The same lines without comments, and without what strings say."""
    return COMMENT_OR_STRING.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


class Source:
    """A C file; its path is relative to the root."""

    def __init__(self, root, path):
        self.path = path
        self.text = (root / path).read_text(encoding="utf-8")
        self.code = without_comments(self.text).splitlines()

    def includes(self):
        """(line, name) of each header in quotes."""
        for number, line in enumerate(self.text.splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1)

    def tags(self):
        """(line, name) of each struct, union and enum that is defined here."""
        for number, line in enumerate(self.code, 1):
            for match in TAG.finditer(line):
                yield number, match.group(1)

    def line_of(self, symbol):
        """Where a symbol is named first; 1 if only a macro of a header names it."""
        word = re.compile(rf"\b{re.escape(symbol)}\b")
        return next((number for number, line in enumerate(self.code, 1) if word.search(line)), 1)

    def says_what_it_is(self):
        """Whether a comment follows the licence."""
        _, _, rest = self.text.partition("\n")
        comment = re.match(r"\s*/\*(.*?)\*/", rest, re.DOTALL)
        return bool(comment and re.search(r"\w", comment.group(1)))


class Sources:
    """The C files of all rooms by their paths."""

    def __init__(self, root, rooms):
        self.files = {}
        for top in rooms.tops():
            for file in sorted((root / top).rglob("*.[ch]")):
                path = file.relative_to(root).as_posix()
                self.files[path] = Source(root, path)

    def included(self, source, name):
        """The path of the header that a name in quotes means, or None: one that is generated is in no room."""
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(source.path), name))
        return next((path for path in (beside, name) if path in self.files), None)
