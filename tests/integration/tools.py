# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS clients of others, run as commands with a SIP request on their standard input."""
import os
import select
import subprocess
import time

import settings
import sip
from kernel import TALLY


class CommandEnded(Exception):
    """A client ended where something was due; the text is its output."""


class Command:
    """A client command; what it prints is read as it comes."""

    def __init__(self, command, offload=settings.EXPECT):
        TALLY.add(made=1, offload=offload)
        self.name, self.output, self.offload, self.answered = command[0], b"", offload, False
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

    def text(self):
        """Its output so far."""
        return f"{self.name} printed: {self.output.decode(errors='replace')}"

    def wait_for(self, text, count=1):
        """Until it has printed that, so many times."""
        while self.output.count(text) < count:
            if not self.read():
                raise CommandEnded(self.text())

    def wait_for_end(self):
        """Until it has ended by itself."""
        while self.read():
            pass

    def ask(self, **kwargs):
        """The answer to an OPTIONS, None if the command ends instead."""
        message = sip.request(**kwargs)
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
        answer.check(self.offload)
        if not self.answered:
            self.answered = True
            TALLY.add(answered=1, offload=self.offload)
        return answer


def ask(command, offload=settings.EXPECT):
    """The answer to one OPTIONS through a command."""
    with Command(command, offload) as client:
        answer = client.ask()
        assert answer, f"{client.name} ended: {client.output.decode(errors='replace')}"
        return answer
