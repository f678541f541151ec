# SPDX-License-Identifier: GPL-2.0-or-later
"""Many connections open at once: answers find their own."""
import contextlib
import random

import sip

COUNT = 30


def test_interleaved(ser):
    order = random.Random(1)
    ser.wait_idle()
    with contextlib.ExitStack() as stack:
        contexts = sip.context(version="1.2"), sip.context(version="1.3")
        clients = [stack.enter_context(sip.TlsClient(ser.address(), contexts[number % 2]))
                   for number in range(COUNT)]
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
                assert answer.select("tls.version") == ("TLSv1.2", "TLSv1.3")[number % 2]
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
