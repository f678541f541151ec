# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of a comparison. Each module has measure(bench), show(result) and failures(result)."""
