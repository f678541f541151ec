# SPDX-License-Identifier: GPL-2.0-or-later
"""A client that takes short records only (max_fragment_length, RFC 6066 4) gets no longer ones, wherever they are."""
import pytest

import raw
import tools
from homes import HOMES
from tap import Tap

LONG = "X-Conn: " + "x" * 3000  # which the answer repeats
LIMITS = pytest.mark.parametrize("limit", [512, 1024, 2048, 4096])
# What protection adds: TLS 1.3's type and tag; nonce and tag; CBC's nonce, longest MAC and padding.
ADDED = {"1.3": 1 + 16, "1.2": 8 + 16, "relayed": 16 + 48 + 16}
WHY = "the peer takes short records only, and this kernel cannot limit their length"


def client(home, address, limit, offload):
    """s_client, which refuses longer records."""
    options = ["-tls1_3"] if home.version == "1.3" else ["-tls1_2"]
    if home.ciphers:
        options += ["-cipher", home.ciphers]
    return tools.Command(["openssl", "s_client", "-quiet", "-connect", "{}:{}".format(*address), *options,
                          "-maxfraglen", str(limit)], offload)


@HOMES
@LIMITS
@pytest.mark.parametrize("tcp_async", ["yes", "no"])
def test_answer(share_here, pki, home, limit, tcp_async):
    """An answer of 3.3 KB is read, and is of short records on the wire."""
    ser = home.shared(share_here, pki, f"fragments async={tcp_async}", core=(f"tcp_async={tcp_async}",))
    can = ser.info()["ktls_max_fragment"] == "yes"
    offload = home.offload if can else "user"
    with Tap(ser.address()) as tap:
        with client(home, tap.address, limit, offload) as command:
            assert len(command.ask(headers=[LONG]).raw) > 3300
            assert (WHY in ser.text("tls.list")) == (home.offload == "kernel" and not can)
        ser.wait_idle()
    lengths = tap.lengths(raw.DATA)
    assert max(lengths) <= limit + ADDED[home.name if home.name == "relayed" else home.version]
    assert len(lengths) >= 3300 // limit
    assert sum(lengths) > 3300
