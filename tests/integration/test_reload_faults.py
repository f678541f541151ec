# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whatever fails in a reload, in whichever engine: before and after are the only states. Certificates that every engine
shows and tickets that they take say which of the two it is.
"""
import errno
import os
import re
import signal

import pytest

import settings
import sip
from faults import DIE, REACHABLE, STOP, Call
from test_reload import begun, reload

ENGINES = 2
EACH = 2  # handshakes of each engine that are looked at
ERRORS = errno.ENOMEM, errno.EMFILE, errno.EIO
# How many steps of some thousand; others each time. With sanitizers another allocator is loaded in front of faults.c.
ALLOCATING = () if settings.PRELOAD else ((Call.ALLOCATE, 12),)


class Files:
    """Certificate, key and ticket key as a reload reads them; there are two states, 0 and 1."""

    def __init__(self, folder, pki):
        self.pairs = pki.server, pki.server_rsa
        self.tickets = os.urandom(80), os.urandom(80)
        self.cert, self.key, self.ticket = (os.path.join(folder, name) for name in ("cert", "key", "ticket"))
        self.state = 0
        self.write(0)

    @property
    def parameters(self):
        """For a server."""
        return {"certificate": self.cert, "private_key": self.key, "session_ticket_keys": self.ticket,
                "engines": ENGINES, **REACHABLE}

    def write(self, state):
        """What the next reload finds."""
        pair = self.pairs[state]
        for source, target in (pair.cert, self.cert), (pair.key, self.key):
            with open(source, "rb") as old, open(target, "wb") as new:
                new.write(old.read())
        with open(self.ticket, "wb") as file:
            file.write(self.tickets[state])


class Watched:
    """A server with two engines, and what a client sees of it."""

    def __init__(self, ser, files):
        self.ser, self.files = ser, files
        self.context = sip.context(version="1.2")  # its sessions may be used again and again
        self.certificates, self.sessions = [None, None], [None, None]
        self.learn()
        files.write(1)
        text, done = reload(ser)
        assert done, text
        files.state = 1
        self.learn()
        assert self.certificates[0] != self.certificates[1]

    def learn(self):
        """What clients see in the state that is in force."""
        with sip.TlsClient(self.ser.address(), self.context) as client:
            client.ask()
            self.certificates[self.files.state] = client.tls.getpeercert(binary_form=True)
            self.sessions[self.files.state] = client.tls.session

    def connect(self, session=None):
        """What a new connection shows: the state its certificate is of, or whether it resumes a session."""
        with sip.TlsClient(self.ser.address(), self.context, session) as client:
            client.ask()
            if session:
                return client.tls.session_reused
            return self.certificates.index(client.tls.getpeercert(binary_form=True))

    def everywhere(self, session=None):
        """That of every engine; it must be one."""
        ser, seen = self.ser, set()
        ser.settle(lambda: all(engine["pid"] for engine in ser.engines()), ser.log)
        before = [engine["established"] for engine in ser.engines()]
        while any(engine["established"] < count + EACH for engine, count in zip(ser.engines(), before, strict=True)):
            seen.add(self.connect(session))
        assert len(seen) == 1, f"engines differ: {seen}\n{ser.log()[-3000:]}"
        return seen.pop()

    def state(self):
        """Of certificates and tickets, which agree."""
        state = self.everywhere()
        assert self.everywhere(self.sessions[state])
        assert not self.everywhere(self.sessions[1 - state])
        return state

    def try_reload(self, control, **fault):
        """A reload to the other state, with a fault. Returns whether that happened."""
        wanted = 1 - self.files.state
        self.files.write(wanted)
        with control.armed(**fault):
            text, done = reload(self.ser)
            failed = control.failed
        assert self.state() == (wanted if done else self.files.state), text
        if done:
            self.files.state = wanted
        else:
            assert not text.startswith("error: 500 - warning"), text
        return failed

    def steps(self, control, call, process):
        """How many such calls the process makes in a reload."""
        assert not self.try_reload(control, call=call, nth=0, process=process)
        return control.seen


@pytest.fixture
def watched(start, control, pki, tmp_path):
    files = Files(tmp_path, pki)
    ser = start(environment=control.environment, tls=files.parameters)
    ser.accept("the TLS engine .*(died|cannot be started)")
    return Watched(ser, files)


def supervisors(ser):
    """Their process ids."""
    return [engine["supervisor"] for engine in ser.engines()]


def handler(ser):
    """The process id of the one that asks them all for a reload."""
    return int(re.search(r"(\d+)\s+ctl handler", ser.text("core.ps"))[1])


def some(steps, most):
    """Numbers of steps, about so many, evenly spread."""
    each = max(1, steps // most)
    return range(1 + os.getpid() % each, steps + 1, each)


@pytest.mark.parametrize("engine", range(ENGINES))
def test_call_of_supervisor_fails(watched, control, engine):
    process = supervisors(watched.ser)[engine]
    steps, failed = watched.steps(control, Call.ANY, process), 0
    assert steps > 10
    for nth in range(1, steps + 1):
        failed += watched.try_reload(control, call=Call.ANY, nth=nth, process=process, error=ERRORS[nth % len(ERRORS)])
    assert failed > steps - 5  # they are not always equally many
    assert not watched.try_reload(control, call=Call.ANY, nth=0, process=process)


@pytest.mark.parametrize("engine", range(ENGINES))
def test_memory_of_supervisor_is_short(watched, control, engine):
    process = supervisors(watched.ser)[engine]
    for call, most in (Call.SHARE, 100), *ALLOCATING:
        steps = watched.steps(control, call, process)
        assert steps
        for nth in some(steps, most):
            watched.try_reload(control, call=call, nth=nth, process=process)
    assert not watched.try_reload(control, call=Call.ANY, nth=0, process=process)


@pytest.mark.parametrize("error", [errno.EMFILE, DIE], ids=["fails", "dies"])
@pytest.mark.parametrize("engine", range(ENGINES))
def test_call_of_new_engine_fails(watched, control, engine, error):
    process = -supervisors(watched.ser)[engine]
    for call, most in (Call.ANY, 100), *ALLOCATING:
        steps = watched.steps(control, call, process)
        assert steps
        for nth in some(steps, most):
            watched.try_reload(control, call=call, nth=nth, process=process, error=error)
    assert not watched.try_reload(control, call=Call.ANY, nth=0, process=process)


def children(process):
    """Their process ids."""
    with open(f"/proc/{process}/task/{process}/children", encoding="ascii") as file:
        return {int(child) for child in file.read().split()}


@pytest.mark.parametrize("which", ["old", "new"])
def test_engine_dies_before_the_decision(watched, control, which):
    """The first one's, while the second supervisor is about to start its own: another takes its place."""
    ser, files = watched.ser, watched.files
    first, second = supervisors(ser)
    old = ser.engines()[0]["pid"]
    files.write(1 - files.state)
    with control.armed(Call.PAIR, error=STOP, process=second), begun(ser) as running:
        ser.settle(lambda: control.failed, ser.log)
        new, = children(first) - {old}
        victim = {"old": old, "new": new}[which]
        os.kill(victim, signal.SIGKILL)
        ser.settle(lambda: victim not in children(first), "it is not reaped")
        os.kill(second, signal.SIGCONT)
        text, _ = running.communicate(timeout=2 * settings.PATIENCE)
    assert text.startswith("Ok."), text
    files.state = 1 - files.state
    assert watched.state() == files.state


def test_files_change_meanwhile(watched, control):
    """Between the reading of the first supervisor and that of the second: they do not agree, so nothing happens."""
    ser, files = watched.ser, watched.files
    ctl = handler(ser)
    files.write(1 - files.state)
    for state in files.state, 1 - files.state:
        # It orders one after the other: before the second order the first supervisor has read everything.
        with control.armed(Call.SEND, nth=2, error=STOP, process=ctl), begun(ser) as running:
            ser.settle(lambda: control.failed, ser.log)
            files.write(state)
            os.kill(ctl, signal.SIGCONT)
            text, _ = running.communicate(timeout=2 * settings.PATIENCE)
        assert text.startswith("error: 500 - files changed while they were read"), text
        assert watched.state() == files.state
    assert not watched.try_reload(control, call=Call.ANY, nth=0, process=ctl)
    assert watched.state() == files.state


def test_order_is_not_sent(watched, control):
    """From the process that asks. The decision is made when all have an engine: from then on it needs no order."""
    ctl = handler(watched.ser)
    orders = watched.steps(control, Call.SEND, ctl)
    assert orders == 3 * ENGINES
    for nth in range(1, orders + 1):
        state = watched.files.state
        assert watched.try_reload(control, call=Call.SEND, nth=nth, process=ctl) == 1
        assert (watched.files.state != state) == (nth > 2 * ENGINES)


def test_ticket_keys_are_bad(watched):
    """They belong to the configuration like everything else."""
    files = watched.files
    files.write(1 - files.state)
    with open(files.ticket, "wb") as file:
        file.write(b"short")
    text, done = reload(watched.ser)
    assert not done and text.startswith("error: 500 - session_ticket_keys: "), text
    assert watched.state() == files.state
