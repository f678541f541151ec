# SPDX-License-Identifier: GPL-2.0-or-later
"""Wherever an engine dies while it hands a connection over, limits count right: as many fit afterwards as before."""
import contextlib
import errno

import pytest

import faults
import outbound
import peers
import settings
import sip
from faults import LOST, REACHABLE, Call
from homes import DIRECT, RELAYED, USER

HERE, OTHER = "127.0.0.1", "127.0.0.2"
PLACES = 4  # for TLS connections
FOR_ONE = 3  # of them for one address
LIMITS = {"limit_policy": "refuse", "max_connections_per_source": FOR_ONE, "engine_patience": 0,
          **REACHABLE}
CORE = (f"tls_max_connections={PLACES}",)
KILLED = r"CRITICAL: tls: (the|a) TLS engine .* died"
STEPS = pytest.mark.skipif(not faults.CAN_STEP, reason="single steps are written for x86-64")


def is_served(ser, stack, source):
    """Whether one more is let in; it stays."""
    try:
        client = stack.enter_context(sip.TlsClient(ser.address(), source=source))
        client.ask()
        return True
    except (OSError, sip.Ended):
        return False


def check_places(ser):
    """As many as the limits say are let in at once, and not one more."""
    ser.wait_idle()
    with contextlib.ExitStack() as stack:
        served = [is_served(ser, stack, source) for source in [HERE] * (FOR_ONE + 1) + [OTHER] * (PLACES - FOR_ONE + 1)]
    assert served == [True] * FOR_ONE + [False] + [True] * (PLACES - FOR_ONE) + [False], ser.log()[-3000:]
    ser.wait_idle()
    assert ser.command("tls.info")["opened_connections"] == 0


def next_engine(ser, control):
    """Another one than died. A reload starts it at once, however often one has died."""
    dead = control.engine
    ser.settle(lambda: ser.engines()[0]["pid"] != dead, ser.log)
    ser.text("tls.reload")
    control.find_engine(ser)
    assert control.engine != dead


def die_at_each_step(ser, control, connect):
    """connect() leads to one handover, whether that is finished or not."""
    def steps_until(nth):
        with control.armed(Call.STEP, nth=nth):
            connect()
            ser.settle(lambda: control.is_over, ser.log, within=3 * settings.PATIENCE)
        return control.seen

    steps, deaths = steps_until(0), 0
    assert steps > 10
    for nth in range(1, steps + 1):
        steps_until(nth)
        if control.failed:
            deaths += 1
            next_engine(ser, control)
        ser.wait_idle()
    assert deaths > steps - 5  # they are not always equally many


@STEPS
@pytest.mark.parametrize("home", [DIRECT[1], USER[0], RELAYED[0]], ids=str)
def test_accepted(start, pki, control, home):
    ser = start(environment=control.environment, **home.options(pki, LIMITS, core=CORE))
    ser.accept(KILLED)
    control.find_engine(ser)

    def connect():
        with contextlib.suppress(*LOST, OSError):
            with home.client(ser) as client:
                client.ask()

    check_places(ser)
    die_at_each_step(ser, control, connect)
    check_places(ser)


@STEPS
def test_opened_by_ser(start, pki, control):
    ser = start(environment=control.environment, **outbound.options(LIMITS, core=CORE))
    ser.accept(KILLED)
    control.find_engine(ser)
    with peers.Closes(peers.context(pki.server)) as peer, outbound.Client(ser) as client:
        def is_over(connections):
            return control.failed or len(peer.connections) > connections and peer.connections[-1].ended.is_set()

        def connect():
            before = len(peer.connections)
            client.send(outbound.message(peer, stateless=1))
            ser.settle(lambda: is_over(before), ser.log)

        die_at_each_step(ser, control, connect)
        ser.wait_idle()
    check_places(ser)


def test_never_handed_over(start, control):
    """Their supervisor does not take them, and they leave nothing behind in any count."""
    ser = start(environment=control.environment, tls=LIMITS, core=CORE)
    control.find_engine(ser)
    for _ in range(PLACES + 1):
        with control.armed(Call.GIVE_AWAY, error=errno.EPIPE):
            with pytest.raises(LOST):
                with sip.TlsClient(ser.address()) as client:
                    client.ask()
            assert control.failed == 1
    check_places(ser)


def test_opened_by_ser_before(start, pki):
    """Connections that SER opened and that are over take no places."""
    ser = start(**outbound.options(LIMITS, core=CORE))
    with peers.Closes(peers.context(pki.server)) as peer, outbound.Client(ser) as client:
        for _ in range(PLACES + 1):
            assert client.forward(peer).status == 200
            ser.wait_idle()
        assert len(peer.connections) == PLACES + 1
    check_places(ser)
