# SPDX-License-Identifier: GPL-2.0-or-later
"""Proof that record keys are in the kernel: its own counters against the connections the tests made."""
import subprocess
import threading

import settings
from patience import settle


def counters():
    """/proc/net/tls_stat; empty where the kernel has no TLS."""
    try:
        with open(settings.TLS_STAT, encoding="ascii") as stat:
            return {name: int(value) for name, value in map(str.split, stat)}
    except FileNotFoundError:
        return {}


class Tally:
    """Counts the TLS connections with keys where they are expected, and those of them that were answered."""

    def __init__(self):
        self.lock = threading.Lock()
        self.made = self.answered = 0
        # Not caused by the tests' connections: probes of a module that starts, the first connection to it.
        self.start_tx = self.start_rx = 0

    def add(self, made=0, answered=0, offload=settings.EXPECT):
        """Connections whose records have to stay in user space although others do not are not counted."""
        if offload != settings.EXPECT:
            return
        with self.lock:
            self.made += made
            self.answered += answered

    def started(self, before):
        """A server was started, or tried to, since the counters were as in before."""
        now = counters()
        self.start_tx += now.get("TlsTxSw", 0) - before.get("TlsTxSw", 0)
        self.start_rx += now.get("TlsRxSw", 0) - before.get("TlsRxSw", 0)


TALLY = Tally()


class Watch:
    """Compares the kernel's counters with the tally over some time."""

    def __init__(self):
        self.stat, self.made, self.answered = counters(), TALLY.made, TALLY.answered
        self.start_tx, self.start_rx = TALLY.start_tx, TALLY.start_rx

    def check(self):
        """Every answered connection had both directions in the kernel, and nobody else's did."""
        if settings.EXPECT != "kernel":
            return
        now = counters()
        answered, made = TALLY.answered - self.answered, TALLY.made - self.made
        for name, start in (("TlsTxSw", TALLY.start_tx - self.start_tx),
                            ("TlsRxSw", TALLY.start_rx - self.start_rx)):
            grown = now[name] - self.stat[name] - start
            assert answered <= grown <= made, (
                f"{name} grew by {grown}; of {made} TLS connections {answered} were answered")


def wait_current(count):
    """The number of open sockets with keys in the kernel must become count, in both directions."""
    def current():
        now = counters()
        return now.get("TlsCurrTxSw", 0), now.get("TlsCurrRxSw", 0)
    settle(lambda: current() == (count, count),
           lambda: f"TlsCurrTxSw, TlsCurrRxSw are {current()}, not {count}:\n{sockets()}")


def sockets():
    """Those of TCP that are not listened at, and the processes that hold them."""
    return subprocess.run(["ss", "-Htnpei", "state", "connected"], check=False, capture_output=True, text=True,
                          timeout=settings.PATIENCE).stdout
