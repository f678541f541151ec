# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/structure/check on small houses: each rule lets the good one pass and finds what breaks it."""
import os
import pathlib
import subprocess

import pytest

CHECK = pathlib.Path(__file__).resolve().parent / "check"
LICENCE = "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"
ROOMS = "low: # numbers\nmiddle: low\nhigh: low middle core\n"
HOUSE = {
    "low/count.h": "/* Counts. */\nint count(void);\n",
    "low/count.c": '#include "low/count.h"\n#include <stdlib.h>\nint count(void)\n{\n\treturn abs(-1);\n}\n',
    "middle/sum.h": "/* Adds. */\nint sum(void);\n",
    "middle/sum.c": '#include "sum.h"\n#include "low/count.h"\nint sum(void)\n{\n\treturn count() + 1;\n}\n',
    "high/main.c": '/* Starts. */\n#include "middle/sum.h"\nint core_version(void);\nint go(void);\n'
                   "int go(void)\n{\n\treturn sum() + core_version();\n}\n",
}


class Tree:
    """A house in a folder of its own, built as CMake would."""

    def __init__(self, root):
        self.root = root
        self.write("tests/structure/rooms", ROOMS)
        self.write("tests/structure/exceptions", "# none\n")
        for path, text in HOUSE.items():
            self.source(path, text)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def source(self, path, text):
        """A C file behind its licence, so that its own first line is line 2."""
        self.write(path, LICENCE + text)

    def append(self, path, text):
        self.write(path, (self.root / path).read_text(encoding="utf-8") + text)

    def object(self, path):
        folder, name = path.split("/")
        return self.root / "build" / "release" / folder / "CMakeFiles" / f"{folder}.dir" / f"{name}.o"

    def build(self):
        objects = []
        for path in sorted(self.root.glob("*/*.c")):
            made = self.object(path.relative_to(self.root).as_posix())
            made.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cc", "-fPIC", "-I", self.root, "-c", path, "-o", made], check=True, timeout=60)
            objects.append(made)
        module = self.root / "build" / "release" / "high" / "module.so"
        subprocess.run(["cc", "-shared", "-o", module, *objects], check=True, timeout=60)

    def check(self):
        """Exit status, and the sentences without the summary."""
        done = subprocess.run([CHECK, self.root], capture_output=True, text=True, timeout=60, check=False)
        assert not done.stderr
        return done.returncode, done.stdout.splitlines()[:-1]

    def only_violation(self):
        self.build()
        status, lines = self.check()
        assert status == 1 and len(lines) == 1, lines
        return lines[0]


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_good_house(tree):
    tree.build()
    assert tree.check() == (0, [])


def test_forbidden_include(tree):
    """A comment about it is none."""
    tree.append("low/count.h", '/* #include "middle/sum.h" */\n#include "middle/sum.h"\n')
    line = tree.only_violation()
    assert line.startswith("low/count.h:5: includes middle/sum.h, but low may not use middle;")


def test_forbidden_call_without_header(tree):
    tree.append("low/count.c", "extern int sum(void);\nint again(void);\nint again(void)\n{\n\treturn sum();\n}\n")
    line = tree.only_violation()
    assert line.startswith("low/count.c:8: uses sum of middle/sum.c, but low may not use middle;")


def test_forbidden_variable_without_header(tree):
    tree.append("middle/sum.c", "int total = 1;\n")
    tree.append("low/count.c", "extern int total;\nint *again(void);\nint *again(void)\n{\n\treturn &total;\n}\n")
    assert "low/count.c:8: uses total of middle/sum.c" in tree.only_violation()


def test_symbol_of_the_core(tree):
    """high may name one, middle may not."""
    tree.append("middle/sum.c", "int core_version(void);\nint old(void);\nint old(void)\n{\n\treturn core_version();\n}\n")
    assert tree.only_violation().startswith("middle/sum.c:8: names core_version, which neither ours nor a library")


def make_cycle(tree):
    tree.source("low/twin.h", "/* The other one. */\nint twin(void);\n")
    tree.source("low/twin.c", '#include "low/twin.h"\n#include "low/count.h"\nint twin(void)\n{\n\treturn count();\n}\n')
    tree.append("low/count.c", "int twin(void);\nint more(void);\nint more(void)\n{\n\treturn twin();\n}\n")


def test_unnamed_cycle(tree):
    make_cycle(tree)
    line = tree.only_violation()
    assert "is in a cycle of 2 files, low/count low/twin " in line
    assert "low/count.c:8 uses twin of low/twin.c" in line


def test_named_cycle(tree):
    make_cycle(tree)
    tree.write("tests/structure/exceptions", "cycle low/twin low/count: they are twins\n")
    tree.build()
    assert tree.check() == (0, [])


def test_named_cycle_that_is_gone(tree):
    tree.write("tests/structure/exceptions", "\ncycle low/twin low/count: they are twins\n")
    assert tree.only_violation().startswith("tests/structure/exceptions:2: names the cycle low/count low/twin, which is")


def test_named_cycle_that_grew(tree):
    """One sentence for the cycle that is, one for the cycle that is not."""
    make_cycle(tree)
    tree.source("low/third.c", "/* One more. */\nint count(void);\nint third(void);\nint third(void)\n{\n"
                "\treturn count();\n}\n")
    tree.append("low/count.c", "int third(void);\nint most(void);\nint most(void)\n{\n\treturn third();\n}\n")
    tree.write("tests/structure/exceptions", "cycle low/twin low/count: they are twins\n")
    tree.build()
    status, lines = tree.check()
    assert status == 1 and len(lines) == 2
    assert "cycle of 3 files, low/count low/third low/twin" in lines[0] and "is not there" in lines[1]


def test_exception_without_reason(tree):
    make_cycle(tree)
    tree.write("tests/structure/exceptions", "cycle low/twin low/count:\n")
    tree.build()
    status, _ = tree.check()
    assert status == 1


def test_private_header(tree):
    """Within its folder it closes no cycle; for other folders it is closed."""
    tree.source("low/count_private.h", '/* Inside. */\n#include "low/count.h"\n')
    tree.append("low/count.c", '#include "low/count_private.h"\n')
    tree.build()
    assert tree.check() == (0, [])
    tree.append("middle/sum.c", '#include "low/count_private.h"\n')
    assert tree.only_violation().startswith("middle/sum.c:8: includes low/count_private.h, which is private")


def test_tag_with_two_meanings(tree):
    tree.append("low/count.c", "struct pair {\n\tint a, b;\n};\n")
    tree.append("middle/sum.c", "struct pair *second; /* a use, and struct pair { in a comment, are no definitions */\n")
    tree.build()
    assert tree.check() == (0, [])
    tree.append("middle/sum.c", "static struct pair {\n\tlong c;\n} first;\nlong one(void);\n"
                "long one(void)\n{\n\treturn first.c;\n}\n")
    assert tree.only_violation().startswith("middle/sum.c:9: defines pair, as do low/count.c;")
    tree.write("tests/structure/exceptions", "tag pair low/count.c middle/sum.c: different programs\n")
    assert tree.check() == (0, [])


def test_named_tag_that_is_gone(tree):
    tree.write("tests/structure/exceptions", "tag pair low/count.c middle/sum.c: different programs\n")
    assert tree.only_violation().startswith("tests/structure/exceptions:1: names the tag pair of")


@pytest.mark.parametrize("path", ["low/count.h", "high/main.c"])
def test_file_that_does_not_say_what_it_is(tree, path):
    """A source with a header of its name may leave it to the header, which sum.c does all the time."""
    text = (tree.root / path).read_text(encoding="utf-8").splitlines(keepends=True)
    tree.write(path, "".join([text[0], *text[2:]]))
    assert tree.only_violation().startswith(f"{path}:2: does not say what it is;")


def test_file_without_a_room(tree):
    tree.write("tests/structure/rooms", ROOMS.replace("high:", "high/inner:"))
    tree.source("high/inner/none.h", "/* The only one in the inner room. */\n")
    assert tree.only_violation().startswith("high/main.c:1: lies in no room;")


def test_room_without_a_folder(tree):
    tree.write("tests/structure/rooms", ROOMS + "attic: low\n")
    assert tree.only_violation().startswith("tests/structure/rooms:4: names attic, which is no folder")


@pytest.mark.parametrize("rooms", ["low: middle\nmiddle: low\n", "low:\nlow:\n", "low\n", "low middle: high\n"])
def test_rooms_that_make_no_order(tree, rooms):
    tree.write("tests/structure/rooms", rooms)
    status, lines = tree.check()
    assert status == 1 and not lines  # one line, in place of the summary


def test_source_that_is_not_built(tree):
    tree.build()
    tree.object("low/count.c").unlink()
    status, lines = tree.check()
    assert status == 1 and lines[0].startswith("low/count.c:1: has no object in build/release;")


def test_source_that_is_newer_than_its_object(tree):
    tree.build()
    made = tree.object("low/count.c").stat().st_mtime
    os.utime(tree.root / "low/count.c", (made + 1, made + 1))
    status, lines = tree.check()
    assert status == 1 and lines[0].startswith("low/count.c:1: is newer than its object")
