# SPDX-License-Identifier: GPL-2.0-or-later
"""The comparison inside a kernel with kernel TLS: tests/kernel/uml boots it."""

import pathlib
import shutil
import tempfile

from processes import Process
from server import Failed

REPO = pathlib.Path(__file__).resolve().parent.parent
TIME_LIMIT = 3600


def run_in_guest(words, seen, json_file, script="compare"):
    """Runs a script of this folder with these words in the guest; its output goes on stdout. Returns its exit status."""
    with tempfile.TemporaryDirectory(prefix="bench-guest-") as name:
        out = pathlib.Path(name) / "out"
        command = [REPO / "tests/kernel/uml", "--out", out, "--timeout", TIME_LIMIT]
        for folder in seen:
            command += ["--see", folder]
        command += ["--", "/usr/bin/python3", REPO / "bench" / script, "--in-guest", *words]
        command += ["--json", out / "result.json"]
        # In a session of its own, and ended with SIGTERM: so the script ends its guest.
        process = Process(command, None)
        try:
            process.wait(TIME_LIMIT + 60)
            number, code = process.status() or (None, None)
        finally:
            process.stop()
        if code is None:
            raise Failed(f"tests/kernel/uml {f'ended by signal {number}' if number else 'does not end'}.")
        if (out / "result.json").exists() and json_file:
            shutil.copyfile(out / "result.json", json_file)
        elif json_file:
            raise Failed("The guest left no result.")
        return code
