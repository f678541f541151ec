# SPDX-License-Identifier: GPL-2.0-or-later
"""Services start with a soft limit of open files that is lower than the core's limits of connections."""
import contextlib
import re

import server
import sip

LIMIT, CONNECTIONS = 128, 1000


def limited(pki, *options):
    """SER behind a shell that sets limits of open files."""
    return server.behind(pki, f'ulimit {" ".join(options)} {LIMIT}')


def limits(ser, process):
    """Soft and hard limit of a process by the core's name for it."""
    found = re.findall(rf"PID: (\d+)\s+DSC: {process}", ser.text("core.psx"))
    with open(f"/proc/{found[0]}/limits", encoding="ascii") as file:
        return [int(value) for value in re.search(r"Max open files +(\d+) +(\d+)", file.read()).groups()]


def test_soft_limit(start, pki):
    """It is raised as far as needed, no connection is lost to it."""
    ser = start(binary=limited(pki, "-S", "-n"), core=(f"tcp_max_connections={CONNECTIONS}",))
    with contextlib.ExitStack() as stack:
        for _ in range(2 * LIMIT):
            stack.enter_context(sip.TlsClient(ser.address())).ask("MESSAGE")
    for process in "tcp main", "tcp receiver":
        soft, hard = limits(ser, process)
        assert CONNECTIONS < soft <= hard
    assert not ser.log_count("descriptors, too few")


def test_hard_limit(start, pki):
    """It is told where it cannot be raised."""
    ser = start(binary=limited(pki, "-n"), core=(f"tcp_max_connections={CONNECTIONS}",))
    assert limits(ser, "tcp main") == [LIMIT, LIMIT]
    assert ser.logged(rf"WARNING: tls: a process may open {LIMIT} descriptors, too few for tcp_max_connections "
                      rf"\({CONNECTIONS}\)", 1)
