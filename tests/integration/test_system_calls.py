# SPDX-License-Identifier: GPL-2.0-or-later
"""How many system calls a connection costs each process (strace), so that nobody adds one unseen."""
import contextlib
import re
import subprocess
import time
from typing import NamedTuple

import pytest

import settings
import sip

CONNECTIONS = 20
# What wakes a process: how often depends on how many events came together, and on its timers.
WAITS = {"io_uring_enter", "epoll_wait", "restart_syscall", "nanosleep", "clock_nanosleep"}
# OpenSSL asks whether it was forked; the rest is memory.
LIBRARIES = {"getpid", "getrandom", "brk", "mmap", "munmap", "mprotect", "madvise", "futex", "sched_yield"}
TICKS = 15  # a second, of an engine or supervisor without work; they have 4 and 10

# close, fcntl, getsockname, sendmsg of the hand-over; keys for the kernel
ENGINE = 4 + 3 * (settings.EXPECT == "kernel")
# recvmsg, what is asked about the socket (3), sendmsg, close; and a recvmsg that was too early
SUPERVISOR = 7
# The loop's turns for one connection alone: accept, the hello, the answer, reads of the rest, the last flight, the first
# byte.
TURNS = {("1.2", False): 7, ("1.2", True): 5, ("1.3", False): 7, ("1.3", True): 7}


class Calls(dict):
    """How many each connection costs, by name."""

    @property
    def sum(self):
        """Of all that are neither waiting nor a library's."""
        return sum(count for name, count in self.items() if name not in WAITS | LIBRARIES)


@contextlib.contextmanager
def counting(process, folder):
    """Gives a Calls that is filled at the end."""
    calls, out = Calls(), folder / f"strace-{process}"
    with subprocess.Popen(["strace", "-c", "-U", "calls,name", "-o", out, "-p", str(process)],
                          stderr=subprocess.PIPE, text=True) as strace:
        assert "attached" in strace.stderr.readline()
        try:
            yield calls
        finally:
            strace.terminate()
            strace.wait(settings.PATIENCE)
    for count, name in re.findall(r"^ *(\d+) (\w+)$", out.read_text(), re.M):
        if name != "total":
            calls[name] = int(count) / CONNECTIONS


def process(ser, description):
    """Of the core's list."""
    return int(re.search(rf"(\d+)\s+{description}", ser.text("core.ps"))[1])


class Counts(NamedTuple):
    """Of CONNECTIONS that came one after the other."""
    engine: Calls
    supervisor: Calls
    tcp_main: Calls
    seconds: float


def measure(ser, folder, client):
    """What client(), called once for each connection, costs SER's processes."""
    processes = (ser.engines()[0]["pid"], process(ser, "tls engine supervisor"), process(ser, "tcp main process"))
    with contextlib.ExitStack() as stack:
        counts = [stack.enter_context(counting(pid, folder)) for pid in processes]
        began = time.monotonic()
        for _ in range(CONNECTIONS):
            client()
        ser.wait_idle()
        seconds = time.monotonic() - began
    return Counts(*counts, seconds)


@pytest.fixture
def ser(share):
    # Without a line for each connection.
    return share("server whose calls are counted", listen=("tls:127.0.0.1", "tcp:127.0.0.1"), tls={"tls_log": None})


@pytest.mark.parametrize("resumed", [False, True], ids=["full", "resumed"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_connection(ser, tmp_path, version, resumed):
    context, session = sip.context(version=version), None

    def client():
        nonlocal session
        with sip.TlsClient(ser.address(), context, session) as one:
            one.ask()
            assert one.tls.session_reused == (session is not None)
            session = one.tls.session if resumed else None
    client()
    counts = measure(ser, tmp_path, client)
    assert counts.engine.sum <= ENGINE, counts.engine
    assert counts.supervisor.sum <= SUPERVISOR, counts.supervisor
    ticks = TICKS * (counts.seconds + 1) / CONNECTIONS
    assert counts.engine["io_uring_enter"] <= TURNS[version, resumed] + ticks, counts.engine
    assert counts.supervisor["io_uring_enter"] <= 2 + ticks, counts.supervisor


def test_tcp_main(ser, tmp_path):
    """No more than for a connection without TLS, but the close_notify."""
    def plain():
        with sip.Wire(ser.address(1)) as one:
            one.send(sip.request(transport="TCP"))
            one.answers(1)

    def secure():
        with sip.TlsClient(ser.address()) as one:
            one.ask()
    tcp, tls = (measure(ser, tmp_path, client).tcp_main for client in (plain, secure))
    assert tls.sum <= tcp.sum + 1, f"{tls}; over TCP {tcp}"
