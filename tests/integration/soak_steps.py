# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to SER in a soak, one step after the other, while clients come and go."""
import collections
import contextlib
import itertools
import os
import signal
import time

import settings
import sip
from soak_clients import LOST

FLOOD = 150  # silent connections at a time
BATCH = 16  # connections before a look at a counter
PLENTY = "1000000"  # KB of shared memory, more than there is
CONFIGURATIONS = 3  # one behind the other
RESTART = settings.PATIENCE + 30  # seconds: that late SER may start another engine


def certificate_file(folder, pair):
    """Certificate and key in one file, which changes in one step."""
    path = os.path.join(folder, "server.pem")
    with open(path + ".new", "wb") as file:
        for part in pair.cert, pair.key:
            with open(part, "rb") as source:
                file.write(source.read())
    os.rename(path + ".new", path)
    return path


class Steps:
    """done says how often each was taken."""

    def __init__(self, ser, folder, pairs):
        self.ser, self.folder, self.pairs = ser, folder, itertools.cycle(pairs)
        self.done = collections.Counter()
        ser.accept(r"CRITICAL: tls: the TLS engine \(process \d+\) (died|hangs)")

    def every(self):
        """In their order. Engines die at its start and then live on, or else SER would delay the start of the next."""
        return (self.kill_engine, self.freeze_engine, self.change_certificate, self.fill_source, self.fill_server,
                self.shorten_memory, self.flood)

    def warm_up(self):
        """Each once, but for the one that takes long."""
        for step in self.every():
            if step != self.freeze_engine:
                self.take(step)

    def take(self, step):
        """One of them."""
        step()
        self.done[step.__name__] += 1

    def replace_engine(self, number, how):
        """It gets this signal; returns when another one runs."""
        before = self.ser.engines()[number]
        os.kill(before["pid"], how)
        self.ser.settle(lambda: self.ser.engines()[number]["pid"] not in (0, before["pid"]), self.ser.log, RESTART)

    def kill_engine(self):
        self.replace_engine(0, signal.SIGKILL)

    def freeze_engine(self):
        """It is killed when it has done nothing for engine_patience seconds."""
        self.replace_engine(1, signal.SIGSTOP)

    def change_certificate(self):
        for _ in range(CONFIGURATIONS):
            certificate_file(self.folder, next(self.pairs))
            answer = self.ser.text("tls.reload")
            assert answer.startswith("Ok."), answer

    def connect(self, stack, source):
        """One more connection, which stays until the stack's end; whether it was let in."""
        one = sip.TlsClient(self.ser.address(), source=source)
        stack.callback(one.sock.close)
        one.sock.settimeout(1)
        try:
            one.handshake()
            one.ask()
        except LOST:
            return False
        return True

    def until_counted(self, counter, more, before=None):
        """Again and again, until that counter has moved: since now, or from what it was before."""
        before, end = self.ser.counter(counter) if before is None else before, time.monotonic() + 3 * settings.PATIENCE
        while self.ser.counter(counter) == before:
            assert time.monotonic() < end, f"{counter} stays {before}"
            more()

    def fill(self, counter, sources):
        """Connections that stay, until that counter says that one was too many."""
        sources = itertools.cycle(sources)
        with contextlib.ExitStack() as stack:
            self.until_counted(counter, lambda: all(self.connect(stack, next(sources)) for _ in range(BATCH)))

    def fill_source(self):
        self.fill("limit_source_connections", ["127.0.3.1"])

    def fill_server(self):
        self.fill("limit_connections", [f"127.0.4.{number}" for number in range(1, 21)])

    def shorten_memory(self):
        """No connection is let in for a while. An engine counts only the first one that has to wait."""
        before = self.ser.counter("limit_memory")
        with contextlib.ExitStack() as stack:
            self.ser.text("cfg.set_now_int", "tls", "low_mem_threshold1", PLENTY)
            self.until_counted("limit_memory", lambda: self.connect(stack, "127.0.5.1"), before)
            self.ser.text("cfg.set_now_int", "tls", "low_mem_threshold1", "-1")
            self.ser.settle(lambda: self.connect(stack, "127.0.5.2"), self.ser.log)

    def flood(self):
        """Connections that say nothing, more than there are places for handshakes."""
        with contextlib.ExitStack() as stack:
            self.until_counted("evicted_silent", lambda: [
                stack.enter_context(sip.Wire(self.ser.address(), f"127.0.6.{number}")) for number in range(1, FLOOD + 1)])
