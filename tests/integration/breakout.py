# SPDX-License-Identifier: GPL-2.0-or-later
"""A server whose engine does what a client asks: what breakout.c can try."""
import enum
import os
import socket
import subprocess

import settings

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Attempt(enum.IntEnum):
    """As in breakout.c."""
    WRITE_SCOREBOARD = 0
    WRITE_KEYS = 1
    UNPROTECT_SCOREBOARD = 2
    UNPROTECT_KEYS = 3
    OPEN_FILE = 4
    OPEN_MEMORY = 5
    MAKE_LOCAL_SOCKET = 6
    MAKE_SOCKET = 7
    MAKE_DATAGRAM_PAIR = 8
    KILL_SUPERVISOR = 9
    TRACE_SUPERVISOR = 10
    TAKE_DESCRIPTOR = 11
    WRITE_SUPERVISOR = 12
    RUN_PROGRAM = 13
    FORK_PROCESS = 14
    MAKE_CODE = 15
    MAKE_RING = 16
    GROW_SCOREBOARD = 17
    CLEAR_NONBLOCK = 18
    EXIT_AS_AT_THE_START = 19
    CONNECT_PORT = 20
    CONNECT_ABSTRACT = 21
    MAKE_SOCKET_BY_RING = 22
    CLAIM_HANDSHAKES = 23
    PASS_DESCRIPTOR = 24


def build(folder):
    """The library to preload."""
    library = os.path.join(folder, "breakout.so")
    subprocess.run(["cc", "-D_GNU_SOURCE", "-I", ROOT, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-o", library,
                    os.path.join(HERE, "breakout.c")], check=True, timeout=120)
    return library


def attempt(ser, what):
    """What came of it, or None if the engine ended."""
    with socket.create_connection(ser.address(), timeout=settings.PATIENCE) as client:
        client.sendall(f"TRY {int(what)}\n".encode())
        try:
            answer = client.recv(64)
        except ConnectionError:
            return None
    # Behind the answer there may be the alert for what is no TLS.
    return int(answer.split(b"\n")[0]) if answer else None
