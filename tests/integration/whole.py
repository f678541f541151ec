# SPDX-License-Identifier: GPL-2.0-or-later
"""A Kamailio whose whole configuration is somebody else's: it answers as that says, not as the tests' script."""
import contextlib
import os

from kernel import counters, TALLY
from server import Server


class Whole(Server):
    """Those who inherit say in lines() what it is."""

    def __init__(self, pki):
        super().__init__(pki)
        self.control = os.path.join(self.folder, "run", "kamailio_ctl")  # the module ctl's default

    def start(self):
        """Until its ports are open."""
        before = counters()
        self.spawn("-DD")
        self.wait_for_ports()
        TALLY.started(before)


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
