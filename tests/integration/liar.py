# SPDX-License-Identifier: GPL-2.0-or-later
"""An engine that lies to its supervisor: what liar.c is told."""
import ctypes
import enum
import mmap
import os
import struct
import subprocess

HEAD = struct.Struct("8i")  # liar.c's struct control without its bytes
BYTES = 2048
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Kind(enum.IntEnum):
    """Messages of an engine; as in ser/shared/messages.h."""
    STOPPED = 5
    ESTABLISHED = 6
    FAILED = 7
    LOG = 8


class Lie(enum.IntEnum):
    """As in liar.c."""
    OVERWRITE = 1
    CUT = 2
    SAY = 3
    REPEAT = 4
    GIVE = 5
    HANG_UP = 6
    SWALLOW = 7


class Gift(enum.IntEnum):
    """Descriptors; as in liar.c."""
    NOTHING = 0
    TWICE = 1
    THREE = 2
    PIPE = 3
    NULL_DEVICE = 4
    LISTENER = 5
    DATAGRAMS = 6
    UNIX_STREAM = 7
    UNCONNECTED = 8
    BLOCKING = 9
    LINGERING = 10


class Field(ctypes.Structure):
    """liar.c's struct field."""
    _fields_ = [("name", ctypes.c_char_p), ("offset", ctypes.c_size_t), ("size", ctypes.c_size_t)]


def build(folder):
    """The library to preload."""
    library = os.path.join(folder, "liar.so")
    subprocess.run(["cc", "-D_GNU_SOURCE", "-I", ROOT, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-o", library,
                    os.path.join(HERE, "liar.c")], check=True, timeout=120)
    return library


def fields(library):
    """Offset and size of each field of a connection's message, by name."""
    found = {}
    for field in (Field * 1000).in_dll(ctypes.CDLL(library), "liar_fields"):
        if not field.name:
            return found
        found[field.name.decode()] = field.offset, field.size
    raise AssertionError("the table of fields has no end")


class Liar:
    """The control file of one server."""

    def __init__(self, folder):
        library = build(folder)
        self.fields = fields(library)
        path = os.path.join(folder, "liar")
        self.environment = {"LD_PRELOAD": library, "LIAR": path}
        with open(path, "w+b") as file:
            file.write(bytes(HEAD.size + BYTES))
            file.flush()
            self.memory = mmap.mmap(file.fileno(), HEAD.size + BYTES)

    @property
    def told(self):
        """How many lies were begun since the last order."""
        return HEAD.unpack_from(self.memory)[6]

    @property
    def finished(self):
        """How many of them were told to the end."""
        return HEAD.unpack_from(self.memory)[7]

    def lie(self, engine, kind, lie, offset=0, length=0, count=0, data=b""):
        """The engine with that process id lies in its next message of that kind."""
        self.memory[HEAD.size:HEAD.size + len(data)] = data
        HEAD.pack_into(self.memory, 0, engine, kind, lie, offset, length or len(data), count, 0, 0)

    def overwrite(self, engine, field, value):
        """Another value in that field of the next connection's message."""
        offset, size = self.fields[field]
        self.lie(engine, Kind.ESTABLISHED, Lie.OVERWRITE, offset, data=value.to_bytes(size, "little"))
