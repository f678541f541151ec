# SPDX-License-Identifier: GPL-2.0-or-later
"""The core's tables are as large as with the stock module: what fits Debian's 8 MB of private memory there fits here."""
import pytest

import sip


@pytest.mark.parametrize("connections", [120000, 160000])
def test_private_memory(start, connections):
    ser = start(core=(f"tcp_max_connections={connections}", f"tls_max_connections={connections}"), memory=256)
    assert not ser.script  # or it would have more private memory
    with sip.TlsClient(ser.address()) as client:
        client.ask()
    ser.accept(r"a process may open \d+ descriptors")
