# SPDX-License-Identifier: GPL-2.0-or-later
"""Summaries of the measured runs, and how they are printed."""

import contextlib
import signal
import statistics

SUBJECTS = ("ours", "stock", "tcp")


def signal_name(number):
    with contextlib.suppress(ValueError):
        return f"signal {number} ({signal.Signals(number).name})"
    return f"signal {number}"


def died(death):
    how = f"with {signal_name(death['signal'])}" if death["signal"] else f"with exit code {death.get('exit_code')}"
    return f"died after {death['after_seconds']} s {how} of {death['of']}"


def spread(values):
    values = [value for value in values if value is not None]
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def shown(values, digits):
    if not values:
        return "-"
    return f"{values['median']:.{digits}f} ({values['min']:.{digits}f}..{values['max']:.{digits}f})"


def quotient(over, under):
    return over / under if over is not None and under else None


def summarise(rounds):
    """Per subject the medians, per pair the medians of the ratios inside each round."""
    subjects = [name for name in SUBJECTS if rounds and name in rounds[0]]
    summary = {"subjects": {}, "ratios": {}}
    for name in subjects:
        runs = [r[name] for r in rounds]
        summary["subjects"][name] = {
            "rate": spread([run["rate"] for run in runs]),
            "cpu_us_per_message": spread([run["cpu_us_per_message"] for run in runs]),
            "p50_us": statistics.median(run["latency_us"]["p50"] for run in runs),
            "p99_us": statistics.median(run["latency_us"]["p99"] for run in runs),
            "load_core_share": statistics.median(run["load_core_share"] for run in runs),
            "errors": sum(run["errors"] for run in runs),
            "tls": " ".join(runs[0][key] for key in ("tls_version", "tls_suite") if key in runs[0]) or "plain",
        }
    for over, under in (("ours", "tcp"), ("ours", "stock"), ("stock", "tcp")):
        if over in subjects and under in subjects:
            summary["ratios"][f"{over}/{under}"] = {
                key: spread([quotient(r[over][key], r[under][key]) for r in rounds])
                for key in ("rate", "cpu_us_per_message")
            }
    return summary


def print_rows(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print()


def print_summary(summary):
    rows = [("subject", "messages/s", "CPU us/message", "p50 us", "p99 us", "load CPU", "errors", "session")]
    for name, s in summary["subjects"].items():
        rate, cpu = shown(s["rate"], 0), shown(s["cpu_us_per_message"], 1)
        latency = (f"{s['p50_us']:.0f}", f"{s['p99_us']:.0f}")
        rows.append((name, rate, cpu, *latency, f"{s['load_core_share']:.0%}", str(s["errors"]), s["tls"]))
    print_rows(rows)
    if summary["ratios"]:
        rows = [("ratio", "messages/s", "CPU per message")]
        for name, ratio in summary["ratios"].items():
            rows.append((name, shown(ratio["rate"], 3), shown(ratio["cpu_us_per_message"], 3)))
        print_rows(rows)


def print_machine(info):
    print(f"machine   {info['cores']} cores, {info['cpu']}")
    print(f"kernel    {info['kernel']}, kTLS {'present' if info['ktls'] else 'absent (no /proc/net/tls_stat)'}")
    print(f"software  {info['openssl']}; {info['kamailio']}")
    print()


def print_ktls(grown):
    if not grown:
        return
    for name in ("TlsTxSw", "TlsRxSw"):
        more = grown.get(name, 0)
        print(f"{name} {f'grew by {more}' if more else 'did not grow'} during ours")
    print()


def print_storm(subject, run):
    end = "survived and answers" if run["survived"] else "runs but does not answer without errors"
    if run["death"]:
        end = died(run["death"])
    cpu = f", CPU {run['cpu_us_per_handshake']:.0f} us/handshake" if "cpu_us_per_handshake" in run else ""
    print(f"storm {subject}: {run['handshakes']} handshakes, {run['rate']:.0f}/s over {run['seconds']:.1f} s{cpu}, "
          f"{run['errors']} errors; {end}")
