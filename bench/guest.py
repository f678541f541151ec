# SPDX-License-Identifier: GPL-2.0-or-later
"""A comparison inside a kernel with kernel TLS: tests/kernel/uml or tests/kernel/qemu boots it."""

import pathlib
import shutil
import tempfile

from processes import Process
from server import Failed

REPO = pathlib.Path(__file__).resolve().parent.parent
TIME_LIMIT = 7200


def run_in_guest(script, words, seen, json_file, boot="tests/kernel/uml", *more):
    """Runs the script with these words in the guest; its output goes on stdout. Returns its exit status."""
    with tempfile.TemporaryDirectory(prefix="bench-guest-") as name:
        out = pathlib.Path(name) / "out"
        command = [REPO / boot, "--out", out, "--timeout", TIME_LIMIT, *more]
        for folder in seen:
            command += ["--see", folder.resolve().parent]
        command += ["--", "/usr/bin/python3", REPO / script, *words]
        command += ["--json", out / "result.json"]
        if "--resume" in words and json_file and json_file.exists():
            out.mkdir()
            shutil.copyfile(json_file, out / "result.json")
        # In a session of its own, and ended with SIGTERM: so the script ends its guest.
        process = Process(command, None)
        try:
            process.wait(TIME_LIMIT + 60)
            number, code = process.status() or (None, None)
        finally:
            process.stop()
            if (out / "result.json").exists() and json_file:
                shutil.copyfile(out / "result.json", json_file)
        if code is None:
            raise Failed(f"{boot} {f'ended by signal {number}' if number else 'does not end'}.")
        if json_file and not json_file.exists():
            raise Failed("The guest left no result.")
        return code
