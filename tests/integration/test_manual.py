# SPDX-License-Identifier: GPL-2.0-or-later
"""
The manual's links and files are there, tests try all its blocks, it knows every counter and command, and the manual page
is made of it.
"""
import ast
import glob
import os
import re
import subprocess

import pytest

import manual
from manual import ROOT, read

PAGES = sorted(os.path.relpath(path, ROOT) for path in
               [*glob.glob(f"{ROOT}/*.md"), *glob.glob(f"{ROOT}/docs/*.md"), *glob.glob(f"{ROOT}/bench/*.md")])
NOT_TRIED = {
    ("docs/outbound.md", " worker "): "a drawing",
}


def without_code(text):
    """A page without what is printed as it is."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def anchors(path):
    """Those that headings get on the usual web pages for Markdown."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", read(path), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links(page):
    """No dead ones inside the checkout."""
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(read(page))):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        assert os.path.exists(os.path.join(ROOT, target)), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_files(page):
    """Files of the source that a page names are there."""
    for name in re.findall(r"`((?:bench|cfg|docs|ktls|select|ser|tests|uring)/[\w./-]+)`", read(page)):
        assert os.path.exists(os.path.join(ROOT, name)), f"{page}: {name}"


def taken():
    """The blocks that tests take, as they name them: pages and beginnings."""
    for path in glob.glob(f"{ROOT}/tests/**/*.py", recursive=True):
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "block":
                yield tuple(ast.literal_eval(argument) for argument in node.args)


def test_blocks():
    """A test takes each block of commands, configuration or code from its page; what it takes is there once."""
    named, untried = {*taken(), *NOT_TRIED}, []
    for page in manual.PAGES:
        for block in manual.blocks(page):
            if not [begin for of, begin in named if of == page and block.text.startswith(begin)]:
                untried.append(f"{page}:{block.line}")
    assert not untried
    for page, begin in named:
        manual.block(page, begin)


def test_fences():
    """They are at the beginning of lines and in pairs, or blocks would be overlooked."""
    for page in manual.PAGES:
        assert len(re.findall("```|~~~", read(page))) == 2 * len(manual.blocks(page)), page


def test_all_in_the_index():
    """docs/README.md leads to each page."""
    linked = set(re.findall(r"\]\(([\w./-]+)", read("docs/README.md")))
    pages = {os.path.basename(page) for page in PAGES if page.startswith("docs/")} - {"README.md"}
    assert pages <= linked, pages - linked


def test_counters():
    """docs/operations.md has each, and no other."""
    text = read("ser/manage/counters.c")
    named = set(re.findall(r'\[(?:COUNTER|GAUGE)_\w+\] = \{"(\w+)"', text))
    assert len(named) == len(re.findall(r"\[(?:COUNTER|GAUGE)_\w+\] = ", text)) > 20
    table = read("docs/operations.md").split("\n## Counters\n")[1].split("\n## ")[0]
    rows = [row.split(" | ")[0] for row in table.split("\n") if row.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == named


def test_commands():
    named = set(re.findall(r'\{"(tls\.\w+)", \w+, \w+_doc', read("ser/manage/rpc.c")))
    assert len(named) == 9
    table = read("docs/operations.md").split("\n## Commands\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([\w.]+)", table, re.M)) == named


def test_manual_page():
    """It is what the tables make, and troff finds no mistake."""
    subprocess.run([os.path.join(ROOT, "docs", "man", "generate"), "--check"], check=True)
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", os.path.join(ROOT, "docs", "man", "ser-ktls.7")],
                          capture_output=True, text=True, check=True)
    assert not done.stdout + done.stderr
