# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory is short: each allocation on a connection's way fails once, and shared memory is used up."""
import contextlib
import itertools
import time

import pytest

import settings
import sip
from faults import LOST, REACHABLE, Call
from homes import DIRECT, RELAYED, USER
from server import Usage

HOMES = [*DIRECT, RELAYED[0], *(USER if settings.EXPECT == "kernel" else ())]
# A handshake with a client certificate makes some 5000 allocations; a guest does 100 connections a second.
STEP_WITH_CERTIFICATE = 10 if settings.EXPECT == "kernel" else 1
REFUSED = " ERROR: tls: connection from .* refused: shared memory is used up: raise it with kamailio -m$"
PROBLEM = " (WARNING|ERROR): "
MOST = 500  # connections: far more than 2 MB hold
LOSSES = 8  # that is more than Usage overlooks
CACHES = 10  # blocks that OpenSSL allocates once, for certificates of clients


@pytest.fixture
def ser(share, pki, control, home):
    """With the library in all its processes; only the engine's calls fail."""
    server = home.shared(share, pki, "memory", tls=REACHABLE, environment=control.environment)
    control.find_engine(server)
    return server


def live_and_die(home, ser, context=None):
    """A connection from its start until the server has closed it, too."""
    with home.client(ser, context) as client:
        client.ask()
        with pytest.raises(sip.ssl.SSLWantReadError):
            client.tls.unwrap()
        client.flush()
        sip.Wire.end(client)


def sweep(control, call, once, others, step=1, supervisor=False):
    """once() for each such call of the engine, or of its supervisor, which fails. How many there are, and how many were LOST."""
    lost = 0
    for nth in itertools.count(1, step):
        with control.armed(call, nth=nth, supervisor=supervisor):
            try:
                once()
            except LOST:
                lost += 1
        others()
        if not control.failed:
            return nth - 1, lost


def blocks_at_rest(control):
    """What the engine has when nothing has changed for a while."""
    end = time.monotonic() + settings.PATIENCE
    last, now = None, control.blocks
    while last != now:
        assert time.monotonic() < end, f"the engine does not come to rest: {last}, {now} blocks"
        time.sleep(0.3)
        last, now = now, control.blocks
    return now


@pytest.mark.timeout(900)
@pytest.mark.skipif(bool(settings.PRELOAD), reason="another allocator is loaded in front of faults.c")
@pytest.mark.parametrize("certificate", [False, True], ids=["no-certificate", "certificate"])
@pytest.mark.parametrize("home", HOMES, ids=str)
def test_every_allocation(ser, control, pki, home, certificate):
    """Of a handshake, of the way to the core and of the end, on a server that is warm."""
    context = home.context(pki.bob if certificate else None)
    live_and_die(home, ser, context)
    before = Usage(ser)
    with home.client(ser) as steady:
        steady.ask()

        def fail_all(context, step=1):
            return sweep(control, Call.ALLOCATE, lambda: live_and_die(home, ser, context),
                         lambda: steady.ask("MESSAGE"), step)
        fail_all(home.context())
        live_and_die(home, ser, context)
        blocks = blocks_at_rest(control)
        step = STEP_WITH_CERTIFICATE if certificate else 1
        count, lost = fail_all(context, step)
        assert count > 500 and lost > count / step / 20, f"{count} allocations, {lost} connections were lost"
        live_and_die(home, ser, context)
        assert blocks_at_rest(control) <= blocks + (CACHES if certificate else 0)
        steady.ask()
    before.check()
    assert ser.logged(" WARNING: tls: handshake with .* failed: ")
    engine = control.engine
    control.find_engine(ser)
    assert control.engine == engine



@pytest.mark.skipif(bool(settings.PRELOAD), reason="another allocator is loaded in front of faults.c")
@pytest.mark.parametrize("home", HOMES, ids=str)
def test_every_allocation_of_the_supervisor(ser, control, home):
    """From what the engine gives it to what it gives the core."""
    live_and_die(home, ser)
    before = Usage(ser)
    with home.client(ser) as steady:
        steady.ask()
        lost = 0  # in a round it may be none: what comes behind the hand-over costs nobody his connection
        for _ in range(LOSSES):
            lost += sweep(control, Call.ALLOCATE, lambda: live_and_die(home, ser),
                          lambda: steady.ask("MESSAGE"), supervisor=True)[1]
        assert lost
    before.check()


@pytest.mark.parametrize("home", HOMES, ids=str)
def test_every_shared_allocation(ser, control, home):
    """Of the supervisor: its own record of a connection, a look whether there is room for the core's, and that."""
    live_and_die(home, ser)
    before = Usage(ser)
    with home.client(ser) as steady:
        steady.ask()
        for _ in range(LOSSES):
            count, lost = sweep(control, Call.SHARE, lambda: live_and_die(home, ser),
                                lambda: steady.ask("MESSAGE"), supervisor=True)
            assert count == lost == 3
    before.check()


def fill(home, ser, stack):
    """Clients as many as there is room for."""
    clients = []
    with pytest.raises(LOST):
        while len(clients) < MOST:
            clients.append(stack.enter_context(home.client(ser)))
            clients[-1].ask()
    return clients[:-1]


@pytest.mark.parametrize("home", HOMES, ids=str)
def test_shared_memory_is_used_up(start, pki, home):
    """Those that come then are refused with a line each, others stay, and new ones have room later."""
    ser = start(**home.options(pki, tls={"low_mem_threshold1": 0}, memory=2))
    live_and_die(home, ser)
    before, lines = Usage(ser), ser.log_count(PROBLEM)
    with contextlib.ExitStack() as stack:
        clients = fill(home, ser, stack)
        for _ in range(2):
            with pytest.raises(LOST):
                live_and_die(home, ser)
        ser.settle(lambda: ser.log_count(REFUSED) == 3, ser.log)
        assert ser.logged(PROBLEM, lines + 3), ser.log()
        for client in clients:
            client.ask()
        clients[0].close()
        ser.settle(lambda: ser.tls_connections() == len(clients) - 1, "room for one")
        live_and_die(home, ser)
        assert ser.logged(PROBLEM, lines + 3), ser.log()
    live_and_die(home, ser)
    before.check()


@pytest.mark.parametrize("home", USER, ids=str)
def test_no_memory_for_a_part(start, pki, home):
    """Of a record that comes in pieces: it costs connections, until there is room enough."""
    ser = start(**home.options(pki, tls={"low_mem_threshold1": 0}, memory=2))
    before, lost = Usage(ser), 0
    with contextlib.ExitStack() as stack:
        clients = fill(home, ser, stack)
        records = [client.seal(sip.request("MESSAGE", size=16000)) for client in clients]
        for client, record in zip(clients, records):
            client.put(record[:9000])
        for client, record in zip(clients, records):
            try:
                client.put(record[9000:])
                client.answers(1)
            except LOST:
                lost += 1
        assert 0 < lost < len(clients)
        assert ser.logged(" ERROR: tls: connection with .* closed: memory for a part of its message is used")
    before.check()
