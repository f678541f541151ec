# SPDX-License-Identifier: GPL-2.0-or-later
"""From inside an engine that was taken over nothing but its own connections is within reach."""
import ctypes
import errno
import os
import re
import socket
import time

import pytest

import breakout
import settings
import sip
from breakout import Attempt
from homes import DIRECT
from test_rpc import connections, own_port
from test_stalled import LISTEN, PLENTY, check_answers, deaf, stall

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into an engine")
CREATE_RULESET, ASK_VERSION = 444, 1  # landlock_create_ruleset(2), the same on all architectures
END = r"the TLS engine (ends: it made the|\(process \d+\) made a) system call"

ANSWERS = {  # what the engine survives
    Attempt.WRITE_SCOREBOARD: 1,  # its own page
    Attempt.WRITE_KEYS: 0,
    Attempt.UNPROTECT_SCOREBOARD: -errno.EACCES,
    Attempt.UNPROTECT_KEYS: -errno.EACCES,
    Attempt.GROW_SCOREBOARD: -errno.EACCES,
    Attempt.OPEN_FILE: -errno.EACCES,
    Attempt.OPEN_MEMORY: -errno.EACCES,
}
# An engine that dies again and again is replaced more and more slowly, so each of these has a server of its own.
FATAL = [
    (Attempt.MAKE_LOCAL_SOCKET, Attempt.MAKE_SOCKET, Attempt.MAKE_DATAGRAM_PAIR, Attempt.MAKE_RING,
     Attempt.CLEAR_NONBLOCK),
    (Attempt.KILL_SUPERVISOR, Attempt.TRACE_SUPERVISOR, Attempt.TAKE_DESCRIPTOR, Attempt.WRITE_SUPERVISOR),
    (Attempt.RUN_PROGRAM, Attempt.FORK_PROCESS, Attempt.MAKE_CODE, Attempt.PASS_DESCRIPTOR),
]


RELEASE = tuple(map(int, os.uname().release.split(".")[:2]))
LANDLOCK = ctypes.CDLL(None).syscall(CREATE_RULESET, None, 0, ASK_VERSION)
# From which version of Landlock on it keeps the engine from what, without the help of a filter.
LANDLOCK_ANSWERS = {
    Attempt.OPEN_FILE: (1, -errno.EACCES),
    Attempt.OPEN_MEMORY: (1, -errno.EACCES),
    Attempt.CONNECT_PORT: (4, -errno.EACCES),
    Attempt.CONNECT_ABSTRACT: (6, -errno.EPERM),
    Attempt.KILL_SUPERVISOR: (6, -errno.EPERM),
}


def kernel_holds():
    """What this kernel can hold an engine with."""
    holds = {"memory"}
    if RELEASE > (5, 10):
        holds.add("ring")
    if settings.PRELOAD:
        return holds  # a sanitizer needs the rest
    if LANDLOCK > 0:
        holds.add("files")
    with open("/proc/self/status", encoding="utf-8") as status:
        if "\nSeccomp:" in status.read():
            holds.add("system calls")
    return holds


HOLDS = kernel_holds()
FILTERED = pytest.mark.skipif("system calls" not in HOLDS, reason="nothing filters system calls here")


def confined(ser):
    """What SER says."""
    return set(ser.info("tls.engines")["confined"].split(", "))


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Of a server whose engine obeys clients."""
    return {"LD_PRELOAD": breakout.build(tmp_path_factory.mktemp("breakout"))}


@pytest.fixture
def obedient(start, environment):
    """Its engine does what a client says."""
    ser = start(environment=environment)
    ser.accept(END)
    ser.accept(r"the TLS engine \(process \d+\) died")
    return ser


def ask(ser):
    """Somebody who has nothing to do with it."""
    with sip.TlsClient(ser.address()) as client:
        client.ask()


def test_what_holds(ser):
    """As much as this kernel offers; a line says so, and tls.engines."""
    assert confined(ser) == HOLDS
    line = re.search(r"NOTICE: tls: the TLS engine is confined( in part)? \(([a-z, ]+)\)", ser.log())
    assert set(line[2].split(", ")) == HOLDS
    assert bool(line[1]) == (len(HOLDS) < 4)


def test_off(start):
    ser = start(tls={"engine_confinement": 0})
    assert confined(ser) == {"none"}
    assert ser.logged("WARNING: tls: the TLS engine is not confined: engine_confinement is 0", 1)


def test_required(start, refused):
    """All of it, or no start."""
    if len(HOLDS) == 4:
        assert confined(start(tls={"engine_confinement": 2})) == HOLDS
        return
    code, log = refused(tls={"engine_confinement": 2}).run_to_end("-DD")
    assert code and re.search("ERROR: tls: engine_confinement is 2, but ", log), log


@FILTERED
def test_within_reach(obedient):
    with sip.TlsClient(obedient.address()) as client:
        client.ask()
        before = obedient.engines()
        assert {what: breakout.attempt(obedient, what) for what in ANSWERS} == ANSWERS
        client.ask()
    assert obedient.engines()[0]["pid"] == before[0]["pid"]
    ask(obedient)


@FILTERED
@pytest.mark.parametrize("attempts", FATAL, ids=lambda attempts: attempts[0].name)
def test_ends_the_engine(obedient, attempts):
    """One line for each; nobody else notices."""
    with sip.TlsClient(obedient.address()) as client:
        client.ask()
        for number, what in enumerate(attempts, 1):
            before = obedient.engines()[0]
            assert breakout.attempt(obedient, what) is None, what
            obedient.settle(lambda: obedient.engines()[0]["starts"] > before["starts"], obedient.log)
            obedient.settle(lambda: obedient.log_count(END) == number, obedient.log)
            client.ask()
    ask(obedient)
    assert obedient.command("tls.stats")["engine_deaths"] == len(attempts)


def test_exit_code(obedient):
    """An engine that ran cannot say that it could not start, for which SER would end."""
    before = obedient.engines()[0]
    obedient.settle(lambda: obedient.info("tls.engines")["established"], obedient.log)
    time.sleep(0.3)  # its supervisor looks ten times a second whether it runs
    assert breakout.attempt(obedient, Attempt.EXIT_AS_AT_THE_START) is None
    obedient.settle(lambda: obedient.engines()[0]["starts"] > before["starts"], obedient.log)
    ask(obedient)


def test_memory_without_a_filter(start, environment):
    """It needs no help of seccomp."""
    ser = start(environment=environment)
    for what in (Attempt.WRITE_SCOREBOARD, Attempt.WRITE_KEYS):
        assert breakout.attempt(ser, what) == ANSWERS[what]


@pytest.mark.skipif(RELEASE < (5, 19), reason="this kernel's rings make no sockets")
def test_ring(start, environment):
    """Whatever else holds, the engine's own ring does only what its loop does."""
    ser = start(environment=environment)
    assert breakout.attempt(ser, Attempt.MAKE_SOCKET_BY_RING) == -errno.EACCES
    ask(ser)


@pytest.mark.skipif("files" not in HOLDS, reason="no Landlock here")
def test_files_without_a_filter(start, environment):
    """Landlock, too, holds alone, as far as this kernel's version goes."""
    ser = start(environment={**environment, "UNFILTERED": "1"})
    answers = {what: answer for what, (version, answer) in LANDLOCK_ANSWERS.items() if LANDLOCK >= version}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0ser-ktls breakout")
        listener.listen()
        assert {what: breakout.attempt(ser, what) for what in answers} == answers
    ask(ser)


def test_claims_many_handshakes(start, environment):
    """Its number does not make other engines let clients wait."""
    ser = start(environment=environment, tls={"engines": 2})
    assert breakout.attempt(ser, Attempt.CLAIM_HANDSHAKES) == 1
    before = [engine["established"] for engine in ser.engines()]

    def all_served():
        ask(ser)
        return all(engine["established"] > number for engine, number in zip(ser.engines(), before))
    ser.settle(all_served, ser.engines)
    assert not ser.log_count("have to wait|refused")


def shared_mappings(process):
    """Names of the memory that it shares with others, and with which rights."""
    with open(f"/proc/{process}/maps", encoding="utf-8") as maps:
        fields = [line.split(maxsplit=5) for line in maps]
    return {(field[1], re.sub(r" ?\(deleted\)$", "", field[5].strip())) for field in fields if field[1][3] == "s"}


@ROOT
def test_mappings(ser):
    """None of SER's."""
    ask(ser)
    assert shared_mappings(ser.engines()[0]["pid"]) == {
        ("r--s", "/memfd:ser-ktls scoreboard"), ("rw-s", "/memfd:ser-ktls scoreboard"),
        ("r--s", "/memfd:ser-ktls ticket keys"), ("rw-s", "anon_inode:[io_uring]")}


def descriptors(process):
    """What it has open, in order."""
    folder = f"/proc/{process}/fd"
    return sorted(re.sub(r":\[?\d+\]?$", "", os.readlink(os.path.join(folder, fd))) for fd in os.listdir(folder))


@ROOT
@pytest.mark.parametrize("count", [0, 1], ids=["start", "reload"])
def test_descriptors(start, count):
    """Its listener, the channel to its supervisor, its ring, what wakes it; nothing of SER's, at the start or later."""
    ser = start()
    for _ in range(count):
        ask(ser)
        ser.text("tls.reload")
    standard = ["/dev/null"] * 3 if not settings.PRELOAD else []
    found = [name for name in descriptors(ser.engines()[0]["pid"]) if standard or not name.startswith(("/", "pipe"))]
    assert found == sorted([*standard, "anon_inode:[eventfd]", "anon_inode:[io_uring]", "socket", "socket"])


def test_no_peer_is_inherited(start, pki):
    """An engine that starts while the drainer holds a peer's socket does not keep its connection open."""
    home = DIRECT[0]
    ser = start(**home.options(pki, core=["tcp_async=no", "tcp_no_connect=yes", "tcp_fd_cache=no", PLENTY],
                               listen=LISTEN))
    client = deaf(ser, home)
    number = connections(ser)[own_port(client)]["id"]
    asked = stall(ser, client)
    ser.text("tls.reload")
    check_answers(client, asked)
    ser.settle(lambda: ser.queued() == 0, "nothing waits")
    ser.text("tls.kill", number)
    assert client.end() == "close_notify"
    with pytest.raises(BrokenPipeError):  # a reset answers what comes after the end
        while True:
            client.sock.sendall(bytes(1000))
