# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory of SER's processes besides what all of them share."""
import contextlib

SLACK = 2 * 1024 * 1024  # bytes: a process may keep some of what it grew by, as the core's and the library's caches


def private(ser):
    """Bytes by process, engines by number. With the pages that a fork has left in common: of a supervisor most are such."""
    names = {engine["pid"]: f"engine {engine['engine']}" for engine in ser.engines()}
    found = {}
    for process in ser.processes():
        with contextlib.suppress(OSError), open(f"/proc/{process}/smaps_rollup", encoding="utf-8") as file:
            found[names.get(process, process)] = sum(
                int(line.split()[1]) * 1024 for line in file if line.startswith("Anonymous:"))
    return found


def kept(ser, before):
    """The processes that have much more than before, with what they had and have."""
    return {process: (before.get(process, 0), now) for process, now in private(ser).items()
            if now > before.get(process, 0) + SLACK}
