# SPDX-License-Identifier: GPL-2.0-or-later
"""What Wireshark's programs see of connections on the loopback interface: dumpcap captures, tshark reads."""
import os
import shutil
import socket
import subprocess

import pytest

import settings
from patience import settle

NEEDED = pytest.mark.skipif(not (shutil.which("dumpcap") and shutil.which("tshark")), reason="tshark is not installed")


class Capture:
    """Of one TCP port, from when it is entered."""

    def __init__(self, folder, port, command=None):
        self.path, self.port = os.path.join(folder, "capture.pcapng"), port
        self.process, self.begin = None, 0
        self.is_typed = bool(command)
        self.command = command or ["dumpcap", "-q", "-i", "lo", "-f", f"tcp port {port}", "-w", self.path]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        try:
            settle(self.sees, "dumpcap captures nothing", 3 * settings.PATIENCE)
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def sees(self):
        """Whether a connection that nobody takes gets into the file."""
        if self.process.poll() is not None:
            (pytest.fail if self.is_typed else pytest.skip)(f"dumpcap does not capture: {self.process.stdout.read()}")
        self.begin = self.begin or self.size()
        with socket.socket() as sock:
            sock.connect_ex(("127.0.0.1", self.port))
        return self.size() > self.begin > 0

    def size(self):
        """Of the file, so far."""
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def read(self, keys, *options):
        """What tshark makes of it with a key log; of a packet that is there in part it complains on stderr."""
        return subprocess.run(
            ["tshark", "-r", self.path, "-o", f"tls.keylog_file:{keys}", "-d", f"tcp.port=={self.port},tls",
             "-d", f"tls.port=={self.port},sip", *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, check=False, timeout=5 * settings.PATIENCE).stdout

    def calls(self, keys):
        """(Call-ID, whether it is a request) of each SIP message that can be read."""
        rows = self.read(keys, "-Y", "sip", "-T", "fields", "-e", "sip.Call-ID", "-e", "sip.Method").splitlines()
        return {(row.split("\t")[0], bool(row.split("\t")[1])) for row in rows}

    def wait_for(self, keys, *call_ids):
        """Until requests and answers with these can be read."""
        wanted = {(call, is_request) for call in call_ids for is_request in (True, False)}
        found = set()

        def all_there():
            found.update(self.calls(keys))
            return wanted <= found
        settle(all_there, lambda: f"{wanted - found} cannot be read, but {found}", 3 * settings.PATIENCE)
