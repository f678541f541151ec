# SPDX-License-Identifier: GPL-2.0-or-later
"""A wire tap: passes one TCP connection on to a server and notes what the server says."""
import socket
import struct
import threading

import settings


class Tap:
    """Listens at .address; .said is what the server has sent so far."""

    def __init__(self, server):
        self.said, self.server = b"", server
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(settings.PATIENCE)
        self.address = self.listener.getsockname()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.listener.close()

    def run(self):
        """From accept to the end of both directions."""
        with self.listener.accept()[0] as client, socket.create_connection(self.server) as server:
            up = threading.Thread(target=self.copy, args=(client, server, lambda _: None))
            up.start()
            self.copy(server, client, self.note)
            up.join()

    def note(self, data):
        """From the server."""
        self.said += data

    @staticmethod
    def copy(source, target, note):
        """Until the end of one of them, which the other then sees."""
        try:
            while data := source.recv(65536):
                note(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:  # either has gone
            for end in source, target:
                end.close()

    def lengths(self, kind):
        """Of the server's records of that type, without their headers."""
        found, rest = [], self.said
        while len(rest) >= 5:
            length, = struct.unpack(">H", rest[3:5])
            if rest[0] == kind:
                found.append(length)
            rest = rest[5 + length:]
        return found
