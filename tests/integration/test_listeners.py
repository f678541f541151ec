# SPDX-License-Identifier: GPL-2.0-or-later
"""Several addresses, IPv4 and IPv6, TLS and plain TCP at once."""
import contextlib
import os
import subprocess

import pytest

import sip
from server import PATH

LISTEN = ("tls:127.0.0.1", "tls:127.0.0.1", "tls:[::1]", "tcp:127.0.0.1", "tls:127.0.0.2", "tcp:[::1]")


def test_all_at_once(start, pki):
    ser = start(listen=LISTEN)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(sip.TlsClient(ser.address(index), sip.context(pki.bob))
                                       if where.startswith("tls:") else sip.Wire(ser.address(index)))
                   for _ in range(3) for index, where in enumerate(LISTEN)]
        for _ in range(3):
            for number, client in enumerate(clients):
                answer = client.ask(headers=[f"X-Conn: {number}"])
                assert answer.status == 200 and answer.headers["X-Conn"] == str(number)
                tls = isinstance(client, sip.TlsClient)
                assert answer.select("tls.peer") == ("Bob" if tls else None)
        assert ser.tls_connections() == 3 * sum(where.startswith("tls:") for where in LISTEN)


@pytest.mark.parametrize("core", [(), ("tcp_reuse_port=yes",)], ids=["default", "reuse-port"])
def test_backlog(start, core):
    """As much as the system allows: a crowd's burst must not make the kernel drop an honest client's SYN."""
    ser = start(core=core)
    shown = subprocess.run(["ss", "-Hltn", f"sport = :{ser.address()[1]}"], check=True, capture_output=True, text=True,
                           timeout=60, env={**os.environ, "PATH": PATH})
    with open("/proc/sys/net/core/somaxconn", encoding="ascii") as most:
        assert int(shown.stdout.split()[2]) == min(int(most.read()), 65535)
