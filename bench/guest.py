# SPDX-License-Identifier: GPL-2.0-or-later
"""The comparison inside a kernel with kernel TLS: tests/kernel/uml boots it."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from server import Failed

REPO = pathlib.Path(__file__).resolve().parent.parent
TIME_LIMIT = 3600


def run_in_guest(words, seen, json_file):
    """Runs compare with these words in the guest; its output goes on stdout. Returns its exit status."""
    with tempfile.TemporaryDirectory(prefix="bench-guest-") as name:
        out = pathlib.Path(name) / "out"
        command = [REPO / "tests/kernel/uml", "--out", out, "--timeout", TIME_LIMIT]
        for folder in seen:
            command += ["--see", folder]
        command += ["--", "/usr/bin/python3", REPO / "bench/compare", "--in-guest", *words]
        command += ["--json", out / "result.json"]
        status = subprocess.run([str(word) for word in command]).returncode
        result = out / "result.json"
        if json_file and result.exists():
            shutil.copyfile(result, json_file)
        elif json_file:
            raise Failed("The guest left no result.")
        sys.stdout.flush()
        return status
