# SPDX-License-Identifier: GPL-2.0-or-later
"""A server in whose engine a chosen call fails or which dies at a chosen step: what faults.c is told, and what it tells."""
import contextlib
import enum
import errno
import mmap
import os
import platform
import re
import struct
import subprocess

import sip
from server import BINARY

LOST = (sip.Ended, ConnectionError, sip.ssl.SSLError)  # how a client finds out
LAYOUT = struct.Struct("7i")  # the part of faults.c's struct control that arms it
REACHABLE = {"engine_confinement": 0}  # or the engine would have no control file mapped
COUNT = struct.Struct("2i")  # the rest of it
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Call(enum.IntEnum):
    """What can fail; as in faults.c."""
    NONE = 0
    ULP = 1
    KEYS_TX = 2
    KEYS_RX = 3
    NONBLOCK = 4
    GIVE_AWAY = 5
    PAIR = 6
    ALLOCATE = 7
    SHARE = 8
    REPORT = 9
    STEP = 10
    SEND = 11
    ANY = 12
    RING = 13
    FIRST_TURN = 14


STOP = -1  # in place of an error: the process stops itself in that call
DIE = -2  # it ends there
CAN_STEP = platform.machine() == "x86_64"


def facts():
    """The header with the layout of the core that runs here."""
    done = subprocess.run([BINARY, "-v"], capture_output=True, text=True, check=True, timeout=20)
    release = re.search(r"kamailio (\S+)", done.stdout)[1]
    folder = os.path.join(ROOT, "ser", "host", "facts")
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as header:
            if f'"{release}"' in header.read():
                return path
    raise AssertionError(f"{folder} has no layout of {release}")


def build(folder):
    """The library to preload."""
    library = os.path.join(folder, "faults.so")
    subprocess.run(["cc", "-D_GNU_SOURCE", f'-DHOST_FACTS="{facts()}"', "-I", ROOT, "-shared", "-fPIC", "-O1",
                    "-fno-builtin", "-Wall", "-Wextra", "-o", library, os.path.join(HERE, "faults.c")], check=True, timeout=120)
    return library


class Faults:
    """The control file of one server."""

    def __init__(self, folder):
        self.engine = self.supervisor = self.arming = 0
        path = os.path.join(folder, "faults")
        self.report = path + ".report"
        os.mkfifo(self.report)
        self.environment = {"LD_PRELOAD": build(folder), "FAULTS": path}
        with open(path, "w+b") as file:
            file.write(bytes(LAYOUT.size + COUNT.size))
            file.flush()
            self.memory = mmap.mmap(file.fileno(), LAYOUT.size + COUNT.size)

    def find_engine(self, server):
        """Its process id, and its supervisor's."""
        self.engine = server.engines()[0]["pid"]
        self.supervisor = int(re.search(r"(\d+)\s+tls engine supervisor", server.text("core.ps"))[1])
        assert {self.engine, self.supervisor} <= set(server.processes())
        counted, _ = COUNT.unpack_from(self.memory, LAYOUT.size)
        if counted != self.engine:
            COUNT.pack_into(self.memory, LAYOUT.size, self.engine, 0)

    @property
    def seen(self):
        """How often the call was made."""
        return LAYOUT.unpack_from(self.memory)[4]

    @property
    def failed(self):
        """How often it failed."""
        return LAYOUT.unpack_from(self.memory)[5]

    @property
    def is_over(self):
        """The engine has made all its steps, or it died at one."""
        return not LAYOUT.unpack_from(self.memory)[0] or self.failed

    @property
    def blocks(self):
        """Blocks of memory the engine holds; only differences say something."""
        return COUNT.unpack_from(self.memory, LAYOUT.size)[1]

    @contextlib.contextmanager
    def armed(self, call, nth=1, error=errno.ENOMEM, supervisor=False, process=None):
        """
        The nth such call of the engine, its supervisor or another process fails, with a negative number of those that this
        one forks from now on; none with 0.
        """
        process = process or (self.supervisor if supervisor else self.engine)
        self.arming += 1
        for armed in 0, process:
            LAYOUT.pack_into(self.memory, 0, armed, call, nth, error, 0, 0, self.arming)
        try:
            yield
        finally:
            self.memory[:4] = bytes(4)  # whoever it was, it is over; the numbers stay readable
