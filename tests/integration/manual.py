# SPDX-License-Identifier: GPL-2.0-or-later
"""README.md and docs/, and the blocks of commands, configuration and code that stand there between lines of ```."""
import collections
import glob
import os
import re

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PAGES = sorted(os.path.relpath(path, ROOT) for path in [f"{ROOT}/README.md", *glob.glob(f"{ROOT}/docs/*.md")])

SUDO = 'sudo() { env "$@"; }\n'  # in front of commands that the tests' user types without it

Block = collections.namedtuple("Block", "line text")


def read(page):
    """The text of a page, or of another file of the source."""
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        return file.read()


def blocks(page):
    """All of a page, with the numbers of their first lines."""
    text = read(page)
    found = re.finditer(r"^```\w*\n(.*?)^```$", text, re.M | re.S)
    return [Block(text.count("\n", 0, one.start()) + 2, one[1]) for one in found]


def block(page, begin):
    """The one block of a page that begins so. Tests write both out, because test_manual.py looks for them there."""
    one, = [found.text for found in blocks(page) if found.text.startswith(begin)]
    return one


def commands(text):
    """The command lines of a block, each in one line."""
    return text.replace("\\\n", "").strip().split("\n")
