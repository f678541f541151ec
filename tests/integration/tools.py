# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS clients of others, run as commands with a SIP request on their standard input."""
import os
import select
import subprocess
import time

import settings
import sip
from kernel import TALLY


class Command:
    """A client command; what it prints is read as it comes."""

    def __init__(self, command):
        TALLY.add(made=1)
        self.name, self.output, self.ended = command[0], b"", False
        self.end = time.monotonic() + settings.PATIENCE
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def type(self, data):
        """To its standard input."""
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def read(self):
        """More of its output; False at the end."""
        ready, _, _ = select.select([self.process.stdout], [], [], max(0, self.end - time.monotonic()))
        assert ready, f"{self.name} waits in vain: {self.output.decode(errors='replace')}"
        data = os.read(self.process.stdout.fileno(), 65536)
        self.output += data
        return bool(data)

    def wait_for(self, text):
        """Until it has printed that."""
        while text not in self.output:
            assert self.read(), f"{self.name} ended: {self.output.decode(errors='replace')}"

    def ask(self):
        """The answer to an OPTIONS, None if the command ends instead."""
        message = sip.request()
        start = len(self.output)
        try:
            self.type(message)
        except BrokenPipeError:
            return None
        while True:
            begin = self.output.find(b"SIP/2.0 ", start)
            answer = sip.take_answer(self.output[begin:])[0] if begin >= 0 else None
            if answer:
                break
            if not self.read():
                return None
        assert answer.call_id == sip.call_id(message)
        answer.check()
        return answer


def ask(command):
    """The answer to one OPTIONS through a command."""
    with Command(command) as client:
        answer = client.ask()
        assert answer, f"{client.name} ended: {client.output.decode(errors='replace')}"
        TALLY.add(answered=1)
        return answer
