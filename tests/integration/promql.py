# SPDX-License-Identifier: GPL-2.0-or-later
"""As much of Prometheus's language as docs/monitoring/ uses: are expressions whole, and which figures do they ask for?"""
import re

FUNCTIONS = {"rate": ["range"], "increase": ["range"], "label_replace": ["value"] + 4 * ["text"]}
TOKEN = re.compile(r'\s*(?:(?P<name>[a-zA-Z_]\w*)|(?P<labels>\{[^}]*\})|(?P<range>\[(?:\d+[smhd]|\$__rate_interval)\])|'
                   r'(?P<number>\d+(?:\.\d+)?)|(?P<text>"[^"]*")|(?P<operator>==|[-+*/<>])|(?P<sign>[(),]))')
LABELS = re.compile(r'\{\w+=~?"[^"]*"(?:,\w+=~?"[^"]*")*\}')


class Wrong(Exception):
    """Of an expression; the text says what."""


class Expression:
    """asked: the names that it asks for, each one of those that are known."""

    def __init__(self, text, known):
        self.text, self.known, self.asked = text, known, set()
        self.parts, place = [], 0
        while place < len(text):
            token = TOKEN.match(text, place)
            if not token:
                raise Wrong(f"{text}: what is {text[place:]}?")
            self.parts.append((token.lastgroup, token[token.lastgroup]))
            place = token.end()
        self.parts.append(("end", ""))
        if self.sum() != "value" or self.parts[0][0] != "end":
            raise self.wrong("it does not end here")

    def wrong(self, why):
        """What is to be raised."""
        return Wrong(f"{self.text}: {why}: {' '.join(text for _, text in self.parts[:3])}")

    def take(self, *wanted):
        """The next part's text if it is of one of the kinds or has one of the texts, or nothing."""
        if self.parts[0][0] in wanted or self.parts[0][1] in wanted:
            return self.parts.pop(0)[1]
        return ""

    def need(self, text):
        """It has to come next."""
        if not self.take(text):
            raise self.wrong(f"no {text}")

    def sum(self):
        """Operands between operators. What an expression is: a value, a range or a text."""
        kind = self.operand()
        while self.take("operator", "and"):
            if kind != "value" or self.operand() != "value":
                raise self.wrong("an operator for values")
        return kind

    def operand(self):
        """One."""
        if self.take("number"):
            return "value"
        if self.take("text"):
            return "text"
        if self.take("("):
            kind = self.sum()
            self.need(")")
            return kind
        name = self.take("name")
        return self.call(name) if name and self.take("(") else self.selector(name)

    def call(self, name):
        """A function's arguments."""
        if name not in FUNCTIONS:
            raise self.wrong(f"no function {name}")
        kinds = [self.sum()]
        while self.take(","):
            kinds.append(self.sum())
        self.need(")")
        if kinds != FUNCTIONS[name]:
            raise self.wrong(f"{name}() of {kinds}")
        return "value"

    def selector(self, name):
        """A name, or a pattern for names, and labels."""
        labels = self.take("labels")
        if labels and not LABELS.fullmatch(labels):
            raise self.wrong(labels)
        pattern = re.search(r'__name__=~"([^"]+)"', labels)
        found = {one for one in self.known if re.fullmatch(pattern[1] if pattern else name, one)}
        if bool(name) == bool(pattern) or not found:
            raise self.wrong(f"no figure {name or labels}")
        self.asked |= found
        return "range" if self.take("range") else "value"
