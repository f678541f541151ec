# SPDX-License-Identifier: GPL-2.0-or-later
"""A server in whose engine a chosen call fails: what faults.c is told, and what it has to tell."""
import contextlib
import enum
import errno
import mmap
import os
import re
import struct
import subprocess

LAYOUT = struct.Struct("6i")  # struct control of faults.c
HERE = os.path.dirname(os.path.abspath(__file__))


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


def build(folder):
    """The library to preload."""
    library = os.path.join(folder, "faults.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-fno-builtin", "-Wall", "-Wextra", "-o", library,
                    os.path.join(HERE, "faults.c")], check=True, timeout=120)
    return library


class Faults:
    """The control file of one server."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "faults")
        self.engine = self.supervisor = 0
        with open(self.path, "w+b") as file:
            file.write(bytes(LAYOUT.size))
            file.flush()
            self.memory = mmap.mmap(file.fileno(), LAYOUT.size)

    def find_engine(self, server):
        """Its process id, and its supervisor's."""
        self.engine = server.engines()[0]["pid"]
        self.supervisor = int(re.search(r"(\d+)\s+tls engine supervisor", server.text("core.ps"))[1])
        assert {self.engine, self.supervisor} <= set(server.processes())

    def write(self, *numbers):
        """The whole control block."""
        self.memory[:] = LAYOUT.pack(*numbers)

    @property
    def seen(self):
        """How often the call was made."""
        return LAYOUT.unpack(self.memory[:])[4]

    @property
    def failed(self):
        """How often it failed."""
        return LAYOUT.unpack(self.memory[:])[5]

    @contextlib.contextmanager
    def armed(self, call, nth=1, error=errno.ENOMEM, supervisor=False):
        """The nth such call of the engine, or of its supervisor, fails; none with 0."""
        self.write(0, call, nth, error, 0, 0)
        self.write(self.supervisor if supervisor else self.engine, call, nth, error, 0, 0)
        try:
            yield
        finally:
            self.memory[:4] = bytes(4)  # whoever it was, it is over; the numbers stay readable
