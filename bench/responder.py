# SPDX-License-Identifier: GPL-2.0-or-later
"""One responder as the server of a run: start, death and its last words."""

import json
import pathlib
import tempfile
import time

from processes import Process, family
from server import START_LIMIT, Failed


class Responder:
    """Use as a context manager; counts are there behind it."""

    def __init__(self, bench, subject):
        self.bench = bench
        self.subject = subject
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="responder-", dir=bench.folder))
        self.log, self.told = self.folder / "log", self.folder / "told"
        self.port = None
        self.process = None
        self.counts = None

    def command(self):
        """Plain TCP is said by the subject's name: its loop."""
        name = self.subject.module or ("openssl" if "epoll" in self.subject.name else "serktls")
        words = [self.bench.tools[f"responder-{name}"]]
        if self.subject.module:
            words += ["--certificate", self.bench.folder / "server.pem", "--private-key", self.bench.folder / "server.key"]
        return words + (["--no-ktls"] if self.subject.ktls == 0 else [])

    def __enter__(self):
        with self.log.open("wb") as log, self.told.open("wb") as told:
            self.process = Process(self.command(), log, told)
        try:
            self.wait_ready()
        except BaseException:
            self.process.stop()
            raise
        return self

    def wait_ready(self):
        end = time.monotonic() + START_LIMIT
        while not self.lines():
            if self.process.status() is not None or time.monotonic() > end:
                raise Failed(f"The responder {self.subject.name} did not start:\n{self.log.read_text()}")
            time.sleep(0.02)
        self.port = self.lines()[0]["port"]

    def lines(self):
        """The JSON lines it has written."""
        return [json.loads(line) for line in self.told.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def __exit__(self, kind, *_):
        self.process.stop()
        if kind:
            return
        if self.process.killed or self.process.status() != (None, 0):
            raise Failed(f"The responder {self.subject.name} did not end well:\n{self.log.read_text()}")
        self.counts = self.lines()[-1]

    def family(self):
        return family(self.process.popen.pid)

    def death(self):
        """A signal number or an exit code; None while it is well."""
        status = self.process.status()
        return {"signal": status[0], "exit_code": status[1], "of": "the responder"} if status else None
