# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that come while something else happens."""
import threading

import settings


class Crowd:
    """
    Threads that call action(), each with its own number, again and again until the block ends. What action raises is a
    failure, unless it is one of lost: then the round does not count as done.
    """

    def __init__(self, action, size, lost=()):
        self.action, self.lost_by = action, lost
        self.done, self.lost, self.errors = 0, 0, []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(size)]

    def run(self, number):
        """One thread's rounds."""
        while not self.over.is_set():
            try:
                self.action(number)
                self.done += 1
            except self.lost_by:
                self.lost += 1
            except Exception as error:  # pylint: disable=broad-except
                self.errors.append(repr(error))
                return

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(settings.PATIENCE)
        assert not self.errors, self.errors
