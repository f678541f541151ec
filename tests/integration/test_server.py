# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests' own server: none of its processes outlives a test."""
import os

from patience import settle
from server import Server


def test_killed_while_it_forks(pki, tmp_path):
    """As in a start that is broken off."""
    forks = tmp_path / "forks"
    forks.write_text("#!/bin/sh\nfor i in $(seq 300); do sleep 60 & done; wait\n")
    os.chmod(forks, 0o755)
    server = Server(pki, binary=str(forks))
    try:
        server.spawn()
        settle(lambda: len(server.processes()) > 20, lambda: "nothing forks")
    finally:
        server.clean_up()
    assert not server.processes()
