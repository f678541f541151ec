# SPDX-License-Identifier: GPL-2.0-or-later
"""tcp_main takes a connection's write lock, so whoever holds it waits for nothing that tcp_main does."""
import time

import settings
import sip

LOOK_AFTER = 2.0  # seconds, LOOK_AFTER_MS in ser/connection/idle.c
AROUND = 0.04, 0.2  # seconds before and after
CLIENTS = 100
WRITERS = 4


def test_written_when_its_time_is_set(start, stack):
    """
    Of a connection that says nothing, two seconds after its handshake: its supervisor has tcp_main take the lock then,
    and other workers write to it. Once in some dozens of connections both happen at once.
    """
    ser = start(core=("tcp_async=no", "tcp_no_connect=yes", "tcp_connection_lifetime=3605", "tcp_children=4"),
                listen=("tls:127.0.0.1", "tcp:127.0.0.1"))
    writers = [stack.enter_context(sip.Wire(ser.address(1))) for _ in range(WRITERS)]
    for writer in writers:
        writer.ask("MESSAGE")
    context, made, waiting = sip.context(), 0, []
    while made < CLIENTS or waiting:
        now = time.monotonic()
        if made < CLIENTS and (not waiting or now - waiting[-1][0] > AROUND[1] / 4):
            client = stack.enter_context(sip.TlsClient(ser.address(), context).handshake())
            waiting.append((time.monotonic(), "X-To: sip:%s:%d;transport=tls" % client.sock.getsockname()))
            made += 1
        while waiting and now - waiting[0][0] > LOOK_AFTER + AROUND[1]:
            waiting.pop(0)
        for since, to in waiting:
            if now - since > LOOK_AFTER - AROUND[0]:
                for writer in writers:
                    writer.put(sip.request("MESSAGE", headers=[to]))
        time.sleep(0.0003)
    with sip.Wire(ser.address(1)) as client:
        client.sock.settimeout(settings.PATIENCE)
        client.ask("MESSAGE")
