# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages/s of the closed loop and CPU of SER per message: ours, the stock module, plain TCP."""

from runs import in_rounds
from subjects import MAIN, chosen
from tables import deaths, print_rows, ratios, shown, spread, title, usable

PAIRS = (("ours", "tcp"), ("ours", "stock"), ("stock", "tcp"))
KEYS = ("rate", "cpu_us_per_message")


def measure(bench):
    subjects = chosen(MAIN, bench.subjects)
    rounds = in_rounds(subjects, bench.scale.rounds, "throughput", bench.closed)
    return dict(summarise(rounds, PAIRS), rounds=rounds)


def summarise(rounds, pairs):
    """Per subject the medians, per pair the medians of the ratios inside each round."""
    summary = {"subjects": {}, "ratios": {}}
    for name in rounds[0]:
        runs = [r[name] for r in rounds]
        summary["subjects"][name] = summarise_one(runs)
    for over, under in pairs:
        if over in rounds[0] and under in rounds[0]:
            summary["ratios"][f"{over} / {under}"] = {
                key: ratios(rounds, over, under, lambda run, key=key: run[key]) for key in KEYS
            }
    return summary


def summarise_one(runs):
    good = [run for run in runs if usable(run)]
    home = next((run["home"] for run in runs if "home" in run), "")
    asked = (good or runs)[0]
    session = " ".join(asked[key] for key in ("tls_version", "tls_suite") if key in asked) or "plain"
    return {
        "rate": spread([run["rate"] for run in good]),
        "cpu_us_per_message": spread([run["cpu_us_per_message"] for run in good]),
        "p50_us": spread([run["latency_us"]["p50"] for run in good]),
        "p99_us": spread([run["latency_us"]["p99"] for run in good]),
        "load_core_share": spread([run["load_core_share"] for run in good]),
        "errors": sum(run["errors"] for run in runs),
        "session": f"{session}, {home}" if home else session,
        "trouble": deaths(runs) or next((f"REFUSED: {run['refused']}" for run in runs if "refused" in run), ""),
    }


def show_subjects(result):
    rows = [("subject", "messages/s", "CPU us/message", "p50 us", "p99 us", "load CPU", "errors", "session")]
    for name, s in result["subjects"].items():
        if not s["rate"]:
            rows.append((name, *["-"] * 5, str(s["errors"]), s["trouble"]))
            continue
        share = f"{s['load_core_share']['median']:.0%}"
        numbers = shown(s["rate"]), shown(s["cpu_us_per_message"], 1), shown(s["p50_us"]), shown(s["p99_us"])
        rows.append((name, *numbers, share, str(s["errors"]), "; ".join(filter(None, (s["session"], s["trouble"])))))
    print_rows(rows)


def show_ratios(result):
    if not result["ratios"]:
        return
    rows = [("ratio inside a round", "messages/s", "CPU per message")]
    for name, ratio in result["ratios"].items():
        rows.append((name, *(shown(ratio[key], 3) for key in KEYS)))
    print_rows(rows)


def show(result):
    title("throughput: closed loop")
    show_subjects(result)
    show_ratios(result)


def failures(result):
    """In words what must not happen; the stock module may fall."""
    for number, runs in enumerate(result["rounds"], 1):
        for name, run in runs.items():
            if "refused" in run:
                yield f"round {number}, {name}: {run['refused']}"
            elif name.startswith("stock"):
                continue
            elif run["death"]:
                yield f"round {number}, {name}: the server died"
            elif run["errors"]:
                yield f"round {number}, {name}: {run['errors']} errors"
