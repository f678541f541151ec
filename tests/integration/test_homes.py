# SPDX-License-Identifier: GPL-2.0-or-later
"""Each connection has the home it should have, and the log names it."""
import contextlib

import pytest

import kernel
import settings
import sip
from homes import ALL, HOMES

COUNT = 3


@HOMES
def test_where_records_are(start, pki, home):
    """As the script, the log and the kernel's counters see it."""
    ser = start(**home.options(pki))
    ser.wait_idle()
    kernel.wait_current(0)
    in_kernel = COUNT if home.offload == "kernel" else 0
    pattern = f"records in {home.log}$"
    lines, before = ser.log_count(pattern), kernel.counters()
    with contextlib.ExitStack() as stack:
        for _ in range(COUNT):
            answer = stack.enter_context(home.client(ser)).ask()
            assert answer.select("tls.offload") == home.offload
            assert answer.select("tls.version") == "TLSv" + home.version
            assert home.ciphers in (None, answer.select("tls.cipher"))
        kernel.wait_current(in_kernel)
        now = kernel.counters()
        assert now.get("TlsTxSw", 0) - before.get("TlsTxSw", 0) == in_kernel
        assert ser.logged(pattern, lines + COUNT)
    ser.wait_idle()


@HOMES
def test_client_certificate(share, pki, home):
    """Known to the script wherever records are."""
    ser = home.shared(share, pki, "messages")
    with home.client(ser, home.context(pki.bob)) as client:
        answer = client.ask()
        assert answer.select("tls.peer") == "Bob" and answer.select("tls.peer.verified") == "1"


def test_of_one_server(start, pki):
    """Its connections have different homes side by side, and none looks into another's."""
    ser = start()
    homes = [home for home in ALL if home.ktls is None and not home.rsa]
    assert {home.name for home in homes} == {"direct", "relayed"}
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(home.client(ser, home.context(pki.bob))) for home in homes * COUNT]
        for _ in range(COUNT):
            for client in clients:
                client.ask()
    ser.wait_idle()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_default_is_what_was_expected(ser, version):
    """Without any parameter."""
    with sip.TlsClient(ser.address(), sip.context(version=version)) as client:
        assert client.ask().select("tls.offload") == settings.EXPECT
