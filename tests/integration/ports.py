# SPDX-License-Identifier: GPL-2.0-or-later
"""Ports for servers, below the range the kernel gives to clients: no two test processes of a machine get the same."""
import random
import socket

FIRST, COUNT, BLOCKS = 10000, 500, 40


class Block:
    """Ports that are this process's alone while it lives: it holds the abstract socket named like the first of them."""

    def __init__(self):
        self.name = socket.socket(socket.AF_UNIX)
        for number in random.sample(range(BLOCKS), BLOCKS):
            self.first, self.given = FIRST + number * COUNT, 0
            try:
                self.name.bind(f"\0ser-ktls ports from {self.first}")
                return
            except OSError:
                continue
        raise RuntimeError(f"{BLOCKS} processes test on this machine already")

    def next(self):
        """In turn, so that a port just given back rests for a while."""
        self.given += 1
        return self.first + self.given % COUNT


BLOCK = Block()


def free_port():
    """A port that nobody uses, neither for TCP nor for UDP."""
    for _ in range(COUNT):
        port = BLOCK.next()
        try:
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
                    with socket.socket(family, kind) as probe:
                        probe.bind((address, port))
            return port
        except OSError:
            continue
    raise RuntimeError(f"no free port from {BLOCK.first} on")


def connects(port):
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
