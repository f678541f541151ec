# SPDX-License-Identifier: GPL-2.0-or-later
"""The generator's clients beside a server that restarts."""

import subprocess
import time

from runs import LOAD_SLACK, last_json, wait_ready, wait_word


class Returning:
    """As a context: all are connected, or death says how the server ended before."""

    def __init__(self, bench, server, count, parallel, limit, *more):
        self.server, self.limit = server, limit
        self.process, self.result, self.told = bench.start(server, "restart", limit, "--connections", count, "--parallel",
                                                           parallel, *more, stdin=subprocess.PIPE)
        try:
            self.death = wait_ready(self.process, server, self.result, count)
        except BaseException:
            self.process.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()

    def restart(self):
        """What the clients tell of it, how SER ended, after how many seconds it was there again, and its death."""
        with self.process.popen.stdin as orders:
            orders.write(b"\n")
            orders.flush()
            wait_word("told", self.process, self.server, self.result, LOAD_SLACK)
            begin = time.monotonic()
            ended = self.server.stop_in_order(self.limit)
        self.server.start()
        away_seconds = time.monotonic() - begin
        self.process.wait(self.limit + LOAD_SLACK)
        death = self.server.death()
        run = last_json(self.result, self.told)
        return dict(run, **ended, away_seconds=away_seconds,
                    death=dict(death, after_seconds=round(run["seconds"], 1)) if death else None)
