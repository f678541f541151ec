# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads expected.tsv and expected-6.0.tsv, which say in their heads what they are."""
import json
import os

PEM, PEM_URL_ENCODED = "PEM", "PEM, URL-encoded"
WORDS = {"null": None, "true": True, "false": False, PEM: PEM, PEM_URL_ENCODED: PEM_URL_ENCODED}


def read(file):
    """Answers by name: a dictionary by case, "*" for all others. Texts are bytes."""
    answers, names, block = {}, [], {}
    with open(os.path.join(os.path.dirname(__file__), file), encoding="utf-8") as table:
        for line in (line.rstrip("\n") for line in table):
            if not line or line.startswith("#"):
                continue
            if line.startswith("= "):
                if block:  # of the names before
                    names, block = [], {}
                names += line[2:].split(" | ")
                answers.update({name: block for name in names})
                continue
            text, cases = line.split("\t")
            value = WORDS[text] if text in WORDS else json.loads(text).encode()
            block.update({case: value for case in cases.split(" ")})
    return answers


ANSWERS = {**read("expected.tsv"), **read("expected-6.0.tsv")}


def expected(name, case):
    """What a name answers in a case."""
    block = ANSWERS[name]
    return block[case] if case in block else block["*"]
