# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench/report is made of: data out of result files, plots, and the page."""
