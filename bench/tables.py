# SPDX-License-Identifier: GPL-2.0-or-later
"""Medians, spreads, ratios, and how they are printed."""

import contextlib
import signal
import statistics


def signal_name(number):
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def died(death):
    how = signal_name(death["signal"]) if death["signal"] else f"exit code {death.get('exit_code')}"
    return f"died after {death['after_seconds']} s: {how} of {death['of']}"


def deaths(runs):
    """The deaths among the runs, in words; empty when all survived."""
    found = [died(run["death"]) for run in runs if run.get("death")]
    return f"{len(found)} of {len(runs)} {found[0]}" if found else ""


def spread(values):
    values = [value for value in values if value is not None]
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def shown(values, digits=0):
    """Median and range; one value stands alone."""
    if not values:
        return "-"
    median = f"{values['median']:.{digits}f}"
    if values["min"] == values["max"]:
        return median
    return f"{median} ({values['min']:.{digits}f}..{values['max']:.{digits}f})"


def quotient(over, under):
    return over / under if over is not None and under else None


def ratios(rounds, over, under, key):
    """The ratios of two subjects, each formed inside a round."""
    pairs = [(r[over], r[under]) for r in rounds if over in r and under in r]
    return spread([quotient(key(a), key(b)) for a, b in pairs if usable(a) and usable(b)])


def usable(run):
    return not run.get("death") and not run.get("refused")


def title(text):
    print(f"== {text}")


def print_rows(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print()


def print_machine(info):
    print(f"machine   {info['cores']} cores, {info['cpu']}")
    print(f"kernel    {info['kernel']}, kTLS {'present' if info['ktls'] else 'absent (no /proc/net/tls_stat)'}")
    print("software  " + "; ".join(info[name] for name in ("openssl", "kamailio") if name in info))
    print()
