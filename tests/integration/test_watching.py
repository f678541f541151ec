# SPDX-License-Identifier: GPL-2.0-or-later
"""Engines and supervisors that hang are noticed: engines are replaced, and for a supervisor SER says so or ends."""
import os
import re
import signal
import subprocess
import time

import pytest

import settings
import sip
from faults import REACHABLE, STOP, Call
from homes import DIRECT, RELAYED
from server import KAMCMD

PATIENCE = 2  # seconds
HANGS = r"CRITICAL: tls: the TLS engine \(process {}\) hangs"
DIED = r"CRITICAL: tls: (the|a) TLS engine .* died"
SILENT = r"CRITICAL: tls: the supervisor of TLS engine 0 \(process {}\) has done nothing for 5 seconds"
ENDS = r"CRITICAL: tls: SER ends, to be started again"


@pytest.fixture
def ser(start):
    """With short patience."""
    server = start(tls={"engine_patience": PATIENCE})
    server.accept(HANGS.format(r"\d+"))
    server.accept(DIED)
    return server


@pytest.fixture
def frozen(stack):
    """frozen(pid) stops a process; it goes on at the end of the test, if it is still there."""
    def thaw(pid):
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass

    def stop(pid):
        stack.callback(thaw, pid)
        os.kill(pid, signal.SIGSTOP)
    return stop


def served(ser):
    """Somebody new."""
    with sip.TlsClient(ser.address()) as client:
        client.ask()


def test_engine(ser, frozen):
    """It is replaced; direct connections live on, what it held ends."""
    engine = ser.engines()[0]["pid"]
    relayed = RELAYED[0].client(ser).handshake()
    relayed.ask()
    with DIRECT[0].client(ser) as old, DIRECT[1].client(ser) as new, sip.Wire(ser.address()) as half:
        for client in old, new:
            client.ask()  # until then the engine may have it
        half.put(b"\x16\x03\x01\x02\x00\x01")
        ser.settle(lambda: ser.engines()[0]["handshakes"] == 1, ser.engines)
        frozen(engine)
        old.ask()
        ser.settle(lambda: ser.engines()[0]["pid"] not in (0, engine), ser.log)
        served(ser)
        for client in old, new:
            client.ask()
        half.end()
    with pytest.raises((sip.Ended, OSError)):
        relayed.ask()
    relayed.sock.close()
    assert ser.logged(HANGS.format(engine), 1)
    stats = ser.command("tls.stats")
    assert (stats["engine_hangs"], stats["engine_deaths"]) == (1, 1)
    ser.wait_idle()


def test_retired_engine(ser, frozen):
    """One that only relays since a reload."""
    engine = ser.engines()[0]["pid"]
    relayed = RELAYED[0].client(ser).handshake()
    relayed.ask()
    ser.text("tls.reload")
    frozen(engine)
    ser.settle(lambda: ser.log_count(HANGS.format(engine)) == 1, ser.log)
    with pytest.raises((sip.Ended, OSError)):
        relayed.ask()
    relayed.sock.close()
    served(ser)
    assert ser.command("tls.stats")["engine_hangs"] == 1
    ser.wait_idle()


def test_frozen_at_a_reload(ser, frozen):
    """The one that is to stop: the reload waits for it as long as the watch does, and not for ever."""
    engine = ser.engines()[0]["pid"]
    with DIRECT[0].client(ser) as client:
        client.ask()
        frozen(engine)
        assert "goes on with the configuration before" not in ser.text("tls.reload")
        assert ser.log_count(HANGS.format(engine)) == 1
        client.ask()
    served(ser)
    ser.wait_idle()


def test_all_are_frozen(ser, frozen):
    """When the whole service did not run, nobody is to blame."""
    engine, = ser.engines()
    frozen(engine["supervisor"])
    frozen(engine["pid"])
    time.sleep(2 * PATIENCE)
    os.kill(engine["supervisor"], signal.SIGCONT)
    time.sleep(PATIENCE / 4)  # for several ticks of the supervisor
    os.kill(engine["pid"], signal.SIGCONT)
    served(ser)
    assert ser.engines()[0]["pid"] == engine["pid"]
    assert ser.command("tls.stats")["engine_hangs"] == 0


def test_supervisor(start, frozen):
    """Established connections go on; when the supervisor does, it has lost nothing."""
    ser = start()
    before, = ser.engines()
    supervisor = before["supervisor"]
    ser.accept(SILENT.format(supervisor))
    assert before["supervisor_silent"] == 0
    with DIRECT[0].client(ser) as old, RELAYED[0].client(ser) as relayed:
        for client in old, relayed:
            client.ask()
        frozen(supervisor)
        with sip.TlsClient(ser.address()) as waiting:
            ser.settle(lambda: ser.log_count(SILENT.format(supervisor)) == 1, ser.log)
            assert ser.engines()[0]["supervisor_silent"] >= 5
            assert ser.command("tls.stats")["supervisor_hangs"] == 1
            for client in old, relayed:
                client.ask()
            os.kill(supervisor, signal.SIGCONT)
            for client in waiting, old, relayed:
                client.ask()
    served(ser)
    ser.settle(lambda: ser.engines()[0]["supervisor_silent"] == 0, ser.engines)
    after, = ser.engines()
    assert all(after[key] == before[key] for key in ("pid", "starts", "supervisor"))
    ser.wait_idle()


def test_supervisor_for_ever(start, frozen):
    """SER ends, with the status that makes systemd start it again."""
    ser = start(tls={"supervisor_patience": PATIENCE})
    ser.accept(ENDS)
    ser.accept(".*")  # what the core says of it
    everything = ser.processes()
    frozen(ser.engines()[0]["supervisor"])
    ser.ended = True
    assert ser.process.wait(settings.PATIENCE) == 1
    assert ser.logged(ENDS)
    ser.settle(lambda: not ser.left(everything), "processes are left")
    ser.checked = len(ser.log())


def test_supervisor_before_its_first_tick(refused, control):
    """One that hangs as soon as its engine is ready is noticed, too."""
    ser = refused(environment=control.environment, tls={"supervisor_patience": PATIENCE, **REACHABLE})
    with control.armed(Call.FIRST_TURN):
        code, log = ser.run_to_end("-DD")
    assert code == 1 and re.search(ENDS, log), log


def test_supervisor_reads(start, control):
    """It is not killed while it reads a configuration, however long that takes."""
    ser = start(environment=control.environment, tls={"supervisor_patience": PATIENCE, **REACHABLE})
    control.find_engine(ser)
    ser.accept(SILENT.format(control.supervisor))
    with DIRECT[0].client(ser) as client:
        client.ask()
        command = [KAMCMD, "-s", f"unix:{ser.control}", "tls.reload"]
        with control.armed(Call.ALLOCATE, nth=20, error=STOP, supervisor=True), \
                subprocess.Popen(command, stdout=subprocess.DEVNULL) as reload:
            ser.settle(lambda: ser.log_count(SILENT.format(control.supervisor)) == 1, ser.log)
            client.ask()
            os.kill(control.supervisor, signal.SIGCONT)
            assert reload.wait(settings.PATIENCE) == 0
    served(ser)
    ser.settle(lambda: ser.engines()[0]["supervisor_silent"] == 0, ser.engines)
    assert ser.engines()[0]["supervisor"] == control.supervisor
