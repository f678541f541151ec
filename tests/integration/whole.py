# SPDX-License-Identifier: GPL-2.0-or-later
"""A Kamailio whose whole configuration is somebody else's: it answers as that says, not as the tests' script."""
import contextlib
import os

import settings
from kernel import counters, TALLY
from server import MODULES, Server


class Whole(Server):
    """Those who inherit say in lines() what it is."""

    def __init__(self, pki, **options):
        super().__init__(pki, **options)
        self.control = os.path.join(self.folder, "run", "kamailio_ctl")  # the module ctl's default

    def mpath(self):
        """The line with which loadmodule "tls.so" finds ours."""
        modules = os.path.join(self.folder, "modules")
        os.mkdir(modules)
        os.symlink(settings.MODULE, os.path.join(modules, "tls.so"))
        return f'mpath="{modules}/:{MODULES}"'

    def start(self):
        """
        Until its ports are open, and every process has begun its work: the core's miss a SIGTERM that comes before
        that.
        """
        before = counters()
        self.spawn("-DD")
        self.wait_for_ports()
        self.settle(self.is_complete, lambda: self.text("core.psa"))
        TALLY.started(before)

    def is_complete(self):
        """The core forks its main process for TCP last."""
        processes = self.text("core.psa")
        return "tcp main process" in processes and "status: 0" not in processes


@contextlib.contextmanager
def running(*servers):
    """They start, and must have logged nothing critical."""
    try:
        for server in servers:
            server.start()
        yield servers
        for server in servers:
            server.stop()
            server.check_log()
    finally:
        for server in servers:
            server.clean_up()
