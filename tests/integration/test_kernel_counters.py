# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the record keys are, by the kernel's own counters. (Each other test compares them, too: conftest.)"""
import contextlib

import pytest

import kernel
import settings
import sip

COUNT = 5


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_every_connection_counts(ser, pki, version):
    """Both directions of each, none more; in user space not one."""
    in_kernel = COUNT if settings.EXPECT == "kernel" else 0
    ser.wait_idle()
    kernel.wait_current(0)
    before = kernel.counters()
    with contextlib.ExitStack() as stack:
        for _ in range(COUNT):
            client = stack.enter_context(sip.TlsClient(ser.address(), sip.context(pki.bob, version)))
            assert client.ask().select("tls.offload") == settings.EXPECT
        kernel.wait_current(in_kernel)
        now = kernel.counters()
        for name in "TlsTxSw", "TlsRxSw":
            assert now.get(name, 0) - before.get(name, 0) == in_kernel
        assert now.get("TlsDecryptError", 0) == before.get("TlsDecryptError", 0)
    kernel.wait_current(0)


def test_refused_ones_do_not_count(share, pki):
    """No key of a client that was not let in gets anywhere."""
    ser = share("demanding 1", tls={"verify_certificate": 1, "require_certificate": 1})
    ser.wait_idle()
    before = kernel.counters()
    for version in "1.2", "1.3":
        with pytest.raises((sip.Ended, sip.ssl.SSLError)):
            with sip.TlsClient(ser.address(), sip.context(pki.stranger, version)) as client:
                client.receive()
    now = kernel.counters()
    for name in "TlsTxSw", "TlsRxSw":
        assert now.get(name, 0) == before.get(name, 0)
