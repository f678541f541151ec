# SPDX-License-Identifier: GPL-2.0-or-later
"""AppArmor's profile in docs/examples is one for this system's parser. tests/packages/test_service.py has it in force."""
import os
import shutil
import subprocess

import pytest

from manual import ROOT

PARSER = shutil.which("apparmor_parser", path=os.environ["PATH"] + ":/usr/sbin:/sbin")


@pytest.mark.skipif(not PARSER, reason="apparmor is not installed")
def test_profile():
    subprocess.run([PARSER, "--skip-kernel-load", "--skip-cache", f"{ROOT}/docs/examples/usr.sbin.kamailio"], check=True)
