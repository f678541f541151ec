# SPDX-License-Identifier: GPL-2.0-or-later
"""At every limit new connections wait or are refused, as it was asked for, and those that are up do not notice."""
import contextlib
import os
import time

import pytest

import server as server_module
import settings
import sip
from homes import ALL, HOMES, RELAYED

HERE, OTHER = "127.0.0.1", "127.0.0.2"
LOG_BURST = 10  # lines of one kind that the module writes in LOG_PERIOD seconds
BUSY = 0.3  # of a processor
REFUSED = "ERROR: tls: connection from {}:[0-9]+ refused: {}"
POLICIES = pytest.mark.parametrize("policy", [None, "wait"], ids=["default", "wait"])
ENGINES = pytest.mark.parametrize("engines", [1, 2])


def handshakes(ser):
    """Under way in all engines."""
    return sum(engine["handshakes"] for engine in ser.engines())


def connected(ser, stack, count, source=None):
    """Clients whose connection is up and was used."""
    clients = [stack.enter_context(sip.TlsClient(ser.address(), source=source)) for _ in range(count)]
    for client in clients:
        client.ask()
    return clients


def waiting(ser, stack, count, source=None):
    """Clients that said hello and are not heard."""
    clients = []
    for _ in range(count):
        clients.append(sip.TlsClient(ser.address(), source=source).hello())
        stack.callback(clients[-1].sock.close)
    assert all(client.silent(0.5 / count) for client in clients)
    return clients


def serve(clients):
    """They waited, and are heard now, one after the other."""
    for client in clients:
        client.handshake()
        client.ask()
        client.close()


def served(ser, source=None):
    """Somebody new."""
    with sip.TlsClient(ser.address(), source=source) as client:
        client.ask()


def refused(ser, source=None):
    """Closed without a word of TLS."""
    client = sip.TlsClient(ser.address(), source=source).hello()
    try:
        assert sip.Wire.end(client) in ("fin", "reset")
    finally:
        client.sock.close()


def is_let_in(ser, source=None):
    """For places that come back a moment after a connection ended."""
    try:
        served(ser, source)
        return True
    except (OSError, sip.Ended):
        return False


def count_answered(clients):
    """Of clients that said hello."""
    answered = 0
    for client in clients:
        with contextlib.suppress(OSError, sip.Ended):
            client.handshake()
            client.ask()
            answered += 1
    return answered


def rejected(ser, count):
    """Whether the core's own counter is that: it learns of what engines refused a moment later."""
    ser.settle(lambda: ser.counters("tcp")["local_reject"] >= count, lambda: ser.counters("tcp"))
    return ser.counters("tcp")["local_reject"] == count


def greet(ser, stack, count, source=None):
    """Handshakes that go on: the server has answered, and left alone they are for some seconds."""
    before = handshakes(ser)
    clients = []
    for _ in range(count):
        clients.append(sip.TlsClient(ser.address(), source=source).hello())
        stack.callback(clients[-1].sock.close)
    ser.settle(lambda: handshakes(ser) == before + count, ser.engines)
    return clients


@POLICIES
def test_handshakes_wait(start, stack, policy):
    """Beyond max_handshakes in the kernel's backlog, and nobody is refused."""
    ser = start(tls={"max_handshakes": 3, "limit_policy": policy})
    ser.wait_idle()
    up, = connected(ser, stack, 1)
    holders = greet(ser, stack, 3)
    clients = waiting(ser, stack, 8)
    assert handshakes(ser) == 3
    up.ask()
    for holder in holders:
        holder.sock.close()
    serve(clients)
    up.ask()
    assert ser.counter("limit_handshakes") == 0 and rejected(ser, 0)
    assert not ser.log_count("refused|have to wait")


def test_handshakes_wait_for_each_other(start, stack):
    """One place, and who has it gives it on."""
    ser = start(tls={"max_handshakes": 1})
    holder, = greet(ser, stack, 1)
    first, second = waiting(ser, stack, 2)
    holder.sock.close()
    first.handshake(hold=True)
    assert second.silent()
    first.flush()
    second.handshake()
    for client in first, second:
        client.ask()


def test_handshakes_refused(start, stack):
    """Closed at once; the log says so, but not as often as strangers like."""
    ser = start(tls={"max_handshakes": 3, "limit_policy": "refuse"})
    ser.wait_idle()
    up, = connected(ser, stack, 1)
    holders = greet(ser, stack, 3)
    count = LOG_BURST + 5
    for _ in range(count):
        refused(ser)
    assert ser.counter("limit_handshakes") == count and rejected(ser, count)
    assert ser.logged(REFUSED.format(HERE, r"max_handshakes \(3\) are under way$"), LOG_BURST)
    assert handshakes(ser) == 3
    up.ask()
    holders[1].sock.close()
    ser.settle(lambda: handshakes(ser) == 2, ser.engines)
    served(ser)


def end_orderly(client):
    client.close()


def end_by_reset(client):
    client.reset()


def end_by_fin(client):
    client.sock.close()


@pytest.mark.parametrize("end", [end_orderly, end_by_reset, end_by_fin], ids=lambda function: function.__name__)
@HOMES
def test_connections_of_one_source(share, pki, stack, home, end):
    """Each place comes back whatever ends its connection."""
    ser = home.shared(share, pki, "sources", tls={"max_connections_per_source": 3})
    ser.wait_idle()
    before = ser.counter("limit_source_connections")
    others = [stack.enter_context(home.client(ser)) for _ in range(2)]
    for client in others:
        client.ask()
    clients = []
    stack.callback(lambda: [client.sock.close() for client in clients])
    for _ in range(3):
        ser.settle(lambda: board_has_room(ser, home, clients), "no place comes back")
    refused(ser, OTHER)
    assert ser.counter("limit_source_connections") == before + 1
    with home.client(ser) as client:
        client.ask()
    for client in (*clients, *others):
        client.ask()
    end(clients.pop())
    ser.settle(lambda: board_has_room(ser, home, clients), "no place comes back")
    for client in (*clients, *others):
        client.close()
    ser.wait_idle()


def board_has_room(ser, home, clients):
    """One more of the limited source; places come back a moment after a connection ended."""
    client = sip.TlsClient(ser.address(), home.context(), offload=home.offload, source=OTHER)
    try:
        client.handshake()
        client.ask()
    except (OSError, sip.Ended):
        client.sock.close()
        return False
    clients.append(client)
    return True


def test_last_places_are_for_others(start, stack):
    """By default, when three quarters of all are taken, an address with a quarter of them gets no more; others do."""
    ser = start(core=["tls_max_connections=1024"])
    ser.wait_idle()
    context, reason = sip.context(), r"it has \d+ connections, and most that SER may have are taken; .*"
    clients = []
    while ser.tls_connections() < 768:
        clients += [stack.enter_context(sip.TlsClient(ser.address(), context, source=OTHER).handshake())
                    for _ in range(768 - ser.tls_connections())]
        ser.settle(lambda: ser.tls_connections() == len(clients), lambda: f"{ser.tls_connections()} of {len(clients)}")
    assert not ser.counter("limit_source_connections")
    refused(ser, OTHER)
    assert ser.logged(REFUSED.format(OTHER, reason)) and ser.counter("limit_source_connections") >= 1
    with sip.TlsClient(ser.address(), context) as client:
        client.ask()
    clients[0].ask()
    for client in clients[:20]:
        client.close()
    ser.settle(lambda: is_let_in(ser, OTHER), "places do not come back")


def test_connections_of_one_source_idle_out(start, stack):
    """The place of one that was silent for too long."""
    ser = start(tls={"max_connections_per_source": 1, "connection_timeout": 2})
    client, = connected(ser, stack, 1, OTHER)
    refused(ser, OTHER)
    reason = r"it has max_connections_per_source \(1\) connections$"
    assert ser.logged(REFUSED.format(OTHER, reason), 1) and rejected(ser, 1)
    assert client.end() == "close_notify"
    ser.settle(lambda: is_let_in(ser, OTHER), "the place does not come back")


def test_first_bytes_of_one_source(start):
    """Of one address no more are waited for than it may have connections; the others reach the limit at once."""
    ser = start(tls={"max_connections_per_source": 1})
    ser.wait_idle()
    context, seen = sip.context(version="1.2"), set()  # whose client is done after the server

    def look():
        with contextlib.ExitStack() as clients:
            for _ in range(3):
                client = sip.TlsClient(ser.address(), context, source=OTHER)
                clients.callback(client.sock.close)
                with contextlib.suppress(OSError, sip.Ended):  # refused
                    client.handshake()
            seen.add(sum(engine["ready"] for engine in ser.engines()))
        return 1 in seen
    ser.settle(look, lambda: f"{seen} waited")
    for _ in range(5):
        look()
    assert seen <= {0, 1}


def test_connections_of_one_source_at_once(start, stack):
    """Handshakes that all began before the first of them ended."""
    ser = start(tls={"max_connections_per_source": 3})
    ser.wait_idle()
    clients = [sip.TlsClient(ser.address(), source=OTHER) for _ in range(10)]
    for client in clients:
        stack.callback(client.sock.close)
        client.hello()
    ser.settle(lambda: handshakes(ser) == 10, ser.engines)
    answered = count_answered(clients)
    assert answered == 3 and ser.tls_connections() == 3
    assert ser.counter("limit_source_connections") == 7
    for client in clients:
        client.sock.close()
    ser.wait_idle()
    ser.settle(lambda: is_let_in(ser, OTHER), "the places do not come back")


def test_connections_of_one_source_after_an_engine_died(start, stack):
    """What was counted stays counted, and what ended no longer counts."""
    ser = start(tls={"max_connections_per_source": 2})
    ser.accept("CRITICAL: tls: the TLS engine .* died")
    relayed = RELAYED[0].client(ser)
    stack.enter_context(relayed).ask()
    direct, = connected(ser, stack, 1)
    refused(ser)
    before = ser.engines()[0]
    os.kill(before["pid"], server_module.signal.SIGKILL)
    ser.settle(lambda: ser.engines()[0]["starts"] > before["starts"], ser.log)
    ser.settle(lambda: ser.tls_connections() == 1, "the relayed one is still there")
    connected(ser, stack, 1)
    refused(ser)
    direct.ask()


LIMITS = pytest.mark.parametrize("limit", ["tls_max_connections", "tcp_max_connections"])


@LIMITS
@POLICIES
def test_connections_wait(start, stack, limit, policy):
    ser = start(core=[f"{limit}=4"], tls={"limit_policy": policy})
    ser.wait_idle()
    up = connected(ser, stack, 4)
    clients = waiting(ser, stack, 3)
    for client in up:
        client.ask()
    assert ser.tls_connections() == 4
    wait = r"WARNING: tls: new connections have to wait: .*max_connections \(4\).* is reached$"
    assert ser.logged(wait) and ser.log_count(wait) <= 2
    for client in up[:3]:
        client.close()
    for client in clients:
        client.handshake()
        client.ask()
    up[3].ask()
    assert ser.tls_connections() == 4
    assert ser.counter("limit_connections") > 0 and rejected(ser, 0)


@LIMITS
def test_connections_refused(start, stack, limit):
    ser = start(core=[f"{limit}=4"], tls={"limit_policy": "refuse"})
    ser.wait_idle()
    up = connected(ser, stack, 4)
    for _ in range(3):
        refused(ser)
    assert ser.counter("limit_connections") == 3 and rejected(ser, 3)
    assert ser.logged(REFUSED.format(HERE, r".*max_connections \(4\).* is reached$"), 3)
    for client in up:
        client.ask()
    up.pop().reset()
    ser.settle(lambda: ser.tls_connections() == 3, ser.tls_connections)
    connected(ser, stack, 1)
    refused(ser)


@LIMITS
@pytest.mark.parametrize("policy", ["wait", "refuse"])
def test_strangers_take_no_connections(start, stack, limit, policy):
    """Who is merely connected counts for the limit until somebody else wants the place."""
    ser = start(core=[f"{limit}=4"], tls={"limit_policy": policy})
    ser.wait_idle()
    up, = connected(ser, stack, 1)
    for _ in range(12):
        stack.enter_context(sip.Wire(ser.address(), OTHER))
    for _ in range(3):
        ser.settle(lambda: is_let_in(ser), "strangers hold everybody up")
    up.ask()
    assert ser.counter("evicted_silent")


@LIMITS
@ENGINES
def test_connections_that_come_at_once(start, stack, limit, engines):
    """Handshakes under way count, those of other engines too: what began can end."""
    ser = start(core=[f"{limit}=6"], tls={"limit_policy": "refuse", "engines": engines})
    ser.wait_idle()
    clients = []
    for _ in range(20):
        clients.append(sip.TlsClient(ser.address()).hello())
        stack.callback(clients[-1].sock.close)
    answered = count_answered(clients)
    assert 6 <= answered <= 6 + engines - 1  # who accept at the same moment
    assert ser.tls_connections() == answered


def test_plain_connections_count(start, stack):
    """They take places of tcp_max_connections while no TLS client comes: the next TLS clients wait."""
    ser = start(core=["tcp_max_connections=4"], listen=("tls:127.0.0.1", "tcp:127.0.0.1"))
    ser.wait_idle()
    plain = [stack.enter_context(sip.Wire(ser.address(1))) for _ in range(4)]
    for client in plain:
        client.ask()
    time.sleep(0.3)  # the engine learns ten times a second how many there are
    # It looks when somebody comes, for whom it is too late.
    refused(ser)
    clients = waiting(ser, stack, 3)
    assert ser.counter("limit_connections") > 0 and rejected(ser, 1)
    for client in plain[:3]:
        client.sock.close()
    serve(clients)
    plain[3].ask()


def free_memory(ser):
    """Bytes of shared memory, as the limit counts them."""
    return ser.command("core.shmmem")["free"]


FIT = 10
MEMORY = 16


@pytest.fixture(scope="module")
def threshold(pki):
    """KB that must be free so that some FIT connections still come in."""
    ser = server_module.Server(pki, memory=MEMORY)
    try:
        ser.start().wait_idle()
        with contextlib.ExitStack() as stack:
            connected(ser, stack, FIT)
            return free_memory(ser) // 1024
    finally:
        ser.kill()
        ser.clean_up()


def fill(ser, stack):
    """Connects until somebody gets no answer at once: those who got one, and who did not."""
    up = []
    while True:
        client = sip.TlsClient(ser.address()).hello()
        stack.callback(client.sock.close)
        try:
            if client.silent():
                return up, client
            client.handshake()
            client.ask()
        except (OSError, sip.Ended):
            return up, client
        up.append(client)
        assert len(up) < 4 * FIT, "nobody is held up"


def test_memory_wait(start, stack, threshold):
    ser = start(memory=MEMORY, tls={"low_mem_threshold1": threshold})
    ser.wait_idle()
    up, client = fill(ser, stack)
    assert len(up) >= FIT / 2 and client.silent()
    for other in up:
        other.ask("MESSAGE", size=12000)
    assert client.silent()
    assert ser.counter("limit_memory") and rejected(ser, 0)
    assert ser.logged("WARNING: tls: new connections have to wait: less than "
                      rf"{threshold} KB of shared memory are free \(low_mem_threshold1\)")
    for other in up:
        other.close()
    serve([client])
    ser.wait_idle()
    for _ in range(FIT // 2):
        connected(ser, stack, 1)


def test_memory_refused(start, stack, threshold):
    ser = start(memory=MEMORY, tls={"low_mem_threshold1": threshold, "limit_policy": "refuse"})
    ser.wait_idle()
    up, _ = fill(ser, stack)
    assert len(up) >= FIT / 2
    refused(ser)
    assert ser.counter("limit_memory") == 2 and rejected(ser, 2)
    assert ser.logged(REFUSED.format(HERE, rf"less than {threshold} KB of shared memory are free"), 2)
    for client in up:
        client.ask("MESSAGE", size=12000)
    for client in up:
        client.close()
    ser.wait_idle()
    ser.settle(lambda: is_let_in(ser), "it does not recover")


def test_descriptors(start, pki, stack):
    """Where none is left the silent ones give theirs, without a circle, and all goes on when there are some again."""
    ser = start(binary=server_module.behind(pki, "ulimit -n 100"))
    ser.wait_idle()
    up = [stack.enter_context(home.client(ser)) for home in ALL if home.ktls is None and not home.rsa]
    for client in up:
        client.ask()
    holders = [stack.enter_context(sip.Wire(ser.address())) for _ in range(150)]
    ser.settle(lambda: ser.counter("accept_pauses"), "no pause")
    busy = ser.busiest(2)
    assert busy < BUSY, f"a process takes {busy:.0%} of a processor while it waits for descriptors"
    assert handshakes(ser) < 100
    for client in up:
        client.ask()
    assert ser.counter("evicted_silent"), "nobody gave way"
    assert ser.logged(r"ERROR: tls: connections cannot be accepted for the moment: no descriptor is left: "
                      r"raise the limit of open files \(LimitNOFILE, ulimit -n\)$")
    for holder in holders:
        holder.sock.close()
    ser.settle(lambda: handshakes(ser) == 0, ser.engines)
    served(ser)
    for client in up:
        client.ask()


def test_descriptors_for_a_relayed_connection(start, pki, stack):
    """The handshake had one, the pair of sockets behind it has none: that connection ends, SER does not."""
    ser = start(binary=server_module.behind(pki, "ulimit -n 100"))
    clients = []
    with contextlib.suppress(OSError, sip.Ended):
        while True:
            assert len(clients) < 100
            clients.append(RELAYED[0].client(ser))
            stack.callback(clients[-1].sock.close)
            clients[-1].sock.settimeout(5)
            clients[-1].handshake()
            clients[-1].ask()
    assert len(clients) > 10
    clients.pop().sock.close()
    for client in clients:
        client.sock.settimeout(settings.PATIENCE)
        client.ask()
    for client in clients[:5]:
        client.close()
    ser.settle(lambda: is_let_in(ser), "nobody gets in any more")
