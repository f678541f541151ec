# SPDX-License-Identifier: GPL-2.0-or-later
"""The module knows the one core it was made for, and refuses another."""
import os
import re
import shutil

from server import BINARY
from test_bad_config import complaint


def test_other_version(refused, tmp_path):
    with open(BINARY, "rb") as binary:
        core = binary.read()
    version = re.search(rb"kamailio (\d+\.\d+\.\d+) \(", core)[1]
    other = version[:-1] + (b"9" if version[-1:] != b"9" else b"8")
    copy = tmp_path / "kamailio"
    copy.write_bytes(core.replace(version, other))
    os.chmod(copy, 0o755)
    server = refused(binary=str(copy), load=())
    code, log = server.run_to_end("-DD")
    assert code != 0, log
    assert complaint(log, "tls.so", version.decode(), other.decode()), f"no line says what it wants:\n{log}"
    server.check_log_for_crashes()


def test_same_version(refused, tmp_path):
    """The copy itself is no reason."""
    copy = tmp_path / "kamailio"
    shutil.copy(BINARY, copy)
    server = refused(binary=str(copy))
    server.start()
    server.stop()
    server.check_log()
