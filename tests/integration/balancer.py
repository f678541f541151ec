# SPDX-License-Identifier: GPL-2.0-or-later
"""HAProxy in front of nodes, with a page's configuration."""
import os
import shutil
import socket
import subprocess
import tempfile
import time

import settings
from ports import free_port
from server import PATH


class Balancer:
    """As a context: it listens. places: what stands in the configuration, and what it is here."""

    def __init__(self, text, bind, places):
        self.program, self.folder = shutil.which("haproxy", path=PATH), tempfile.mkdtemp(prefix="balancer-")
        self.port, self.process = free_port(), None
        for theirs, ours in {bind: f"127.0.0.1:{self.port}", **places}.items():
            assert theirs in text, theirs
            text = text.replace(theirs, ours)
        self.config = os.path.join(self.folder, "haproxy.cfg")
        with open(self.config, "w", encoding="ascii") as config:
            config.write(text)

    @property
    def address(self):
        """For clients."""
        return "127.0.0.1", self.port

    def __enter__(self):
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", self.program, "-db", "-f", self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + settings.PATIENCE
        while True:
            try:
                socket.create_connection(self.address, timeout=1).close()
                return self
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, self.log()
                time.sleep(0.02)

    def log(self):
        """What it said."""
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
            return log.read()

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(settings.PATIENCE)
        shutil.rmtree(self.folder)
