# SPDX-License-Identifier: GPL-2.0-or-later
"""What the cost of a message is measured with."""
import json
import pathlib
import socket
import subprocess
import sys

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build/release/bench"
PATIENCE = 60  # seconds
QUIET = 0.5  # seconds in which nothing comes

# What a preloaded library counted after these were read and sent.
COUNT = """
import ctypes, os, socket
a, b = socket.socketpair()
for data in (b"OPTIONS sip:a SIP/2.0", b"SIP/2.0 200 OK", b"neither of them"):
    a.send(data)
    os.read(b.fileno(), 100)
print(ctypes.c_ulong.in_dll(ctypes.CDLL(None), "aead_records").value)
"""


def test_hold():
    """With --hold nothing is said before standard input ends: handshakes can be kept out of what messages cost."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        command = [BUILD / "load", "closed", "--to", f"127.0.0.1:{server.getsockname()[1]}", "--connections", "1", "--seconds",
                   "1", "--hold"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as load:
            try:
                one, _ = server.accept()
                with one:
                    assert json.loads(load.stdout.readline()) == {"ready": True}
                    one.settimeout(QUIET)
                    try:
                        raise AssertionError(one.recv(100))
                    except TimeoutError:
                        pass
                    load.stdin.close()
                    one.settimeout(PATIENCE)
                    assert one.recv(100).startswith(b"OPTIONS ")
            finally:
                load.kill()


def test_aead():
    """The preloaded library makes a record of each message that is read or sent, and of nothing else."""
    ran = subprocess.run([sys.executable, "-c", COUNT], env={"LD_PRELOAD": str(BUILD / "aead.so")}, capture_output=True,
                         text=True, timeout=PATIENCE, check=True)
    assert ran.stdout.split() == ["4"]
