# SPDX-License-Identifier: GPL-2.0-or-later
"""Many connections open at once: answers find their own."""
import contextlib
import random

import pytest

import sip
from homes import ALL

COUNT = 30


@pytest.mark.parametrize("ktls,rsa", [(None, False), (0, False), (None, True)],
                         ids=["direct-and-relayed", "user", "relayed"])
def test_interleaved(share, pki, ktls, rsa):
    """On one server those whose records are relayed are mixed with others."""
    order = random.Random(1)
    homes = [home for home in ALL if (home.ktls, home.rsa) == (ktls, rsa)]
    ser = homes[0].shared(share, pki, "connections")
    ser.wait_idle()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(homes[number % len(homes)].client(ser)) for number in range(COUNT)]
        for _ in range(4):
            messages = [sip.request(headers=[f"X-Conn: {number}"]) for number in range(COUNT)]
            # Halves of requests, so that all of them are under way together.
            for part in slice(None, 150), slice(150, None):
                for number in order.sample(range(COUNT), COUNT):
                    clients[number].send(messages[number][part])
            for number in order.sample(range(COUNT), COUNT):
                answer, = clients[number].answers(1)
                assert answer.headers["X-Conn"] == str(number)
                assert answer.call_id == sip.call_id(messages[number])
                assert answer.select("tls.version") == "TLSv" + homes[number % len(homes)].version
        assert ser.tls_connections() == COUNT
    ser.wait_idle()


def test_handshakes_under_way_together(ser):
    """Twenty clients, each a step further in turn."""
    clients = [sip.TlsClient(ser.address()) for _ in range(20)]
    for client in clients:
        # The hello of each is there before any server's answer is read.
        try:
            client.tls.do_handshake()
        except sip.ssl.SSLWantReadError:
            client.flush()
    with contextlib.ExitStack() as stack:
        for client in reversed(clients):
            stack.enter_context(client).ask()
