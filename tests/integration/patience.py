# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting for what has to happen."""
import time

import settings


def settle(check, what, within=settings.PATIENCE):
    """Waits until check() is true; what says what was waited for, or makes a text that does."""
    end = time.monotonic() + within
    while not check():
        assert time.monotonic() < end, f"not within {within} s: {what() if callable(what) else what}"
        time.sleep(0.05)
