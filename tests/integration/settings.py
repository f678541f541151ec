# SPDX-License-Identifier: GPL-2.0-or-later
"""What the environment asks of a run."""
import os

import pytest

# loadmodule looks names that are not absolute up elsewhere.
MODULE = os.environ.get("TLS_MODULE") and os.path.abspath(os.environ["TLS_MODULE"])
# Where the modules of a Kamailio are that is not the distribution's, with a / at its end; PATH leads to the program.
CORES_MODULES = os.environ.get("KAMAILIO_MODULES")
PRELOAD = os.environ.get("PRELOAD", "")
TLS_STAT = "/proc/net/tls_stat"
EXPECT = os.environ.get("EXPECT_OFFLOAD") or ("kernel" if os.path.exists(TLS_STAT) else "user")
# A guest with one slow processor needs patience; no test takes that long where all is well.
PATIENCE = 60 if EXPECT == "kernel" or PRELOAD else 20
STORM = 60 if EXPECT == "kernel" else 300


def check():
    """Refuses to run a suite that would not test what it was asked to."""
    if not MODULE:
        raise pytest.UsageError("TLS_MODULE is not set: it is the path of the tls.so to test")
    if not os.path.isfile(MODULE):
        raise pytest.UsageError(f"TLS_MODULE={MODULE}: no such file")
    if EXPECT not in ("kernel", "user"):
        raise pytest.UsageError(f"EXPECT_OFFLOAD={EXPECT}: kernel or user")
    if EXPECT == "kernel" and not os.path.exists(TLS_STAT):
        raise pytest.UsageError(f"EXPECT_OFFLOAD=kernel, but no {TLS_STAT}: kernel TLS is not loaded")
