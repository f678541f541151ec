# SPDX-License-Identifier: GPL-2.0-or-later
"""Types of arguments for argparse."""

import argparse


def number(low, high):
    def parse(text):
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be from {low} to {high}")
        return value

    parse.__name__ = "number"  # argparse names it in its message
    return parse


def numbers(low, high):
    """Several, with commas between them."""
    def parse(text):
        return tuple(number(low, high)(word) for word in text.split(","))

    parse.__name__ = "numbers"
    return parse


def some_of(names):
    def parse(text):
        words = text.split(",")
        if not set(words) <= set(names):
            raise argparse.ArgumentTypeError(f"must be some of {','.join(names)}")
        return words

    parse.__name__ = "list"
    return parse
