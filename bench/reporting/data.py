# SPDX-License-Identifier: GPL-2.0-or-later
"""Result files of bench/compare, bench/sipp/run and bench/flood, and the figures in them. What was not measured is None."""

import json
import pathlib
import re
import statistics

from sections.engines import ONE
from sections.flood import summary
from tables import died, ratios, spread, usable

# The stock module with the suite of one of our homes.
STOCK_SUITES = {"1.3": "stock", "1.2": "stock 1.2", "1.2 CBC": "stock 1.2 CBC"}
# Steps of the series that are drawn as one.
MERGED = 2


class Unusable(Exception):
    """A file that no report can be made of."""


class Source:
    """One result file."""

    def __init__(self, path):
        try:
            content = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
            self.command, self.machine, self.date = content["command"], content["machine"], content["date"]
            self.sections, self.troubles = content["sections"], content["troubles"]
            self.settings = content["settings"]
            self.kernel = " ".join(self.machine["kernel"].split()[:2])
            self.ktls = bool(self.machine["ktls"])
        except OSError as failure:
            raise Unusable(f"{path}: {failure.strerror}.") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unusable(f"{path} is no result of bench/compare, bench/sipp/run or bench/flood of this version.") from None
        self.guest = {"UML": ", user-mode-linux", "QEMU": ", in QEMU"}.get(self.machine["cpu"].partition(" ")[0], "")
        self.emulated = "QEMU" in self.machine["cpu"]
        self.sipp = "sipp" in self.machine
        self.flood = "flood" in self.sections
        release = self.machine.get("kamailio", "").split()[1:2] or ["the library"]
        self.release = release[0]
        self.column = self.release + {"": ", kernel TLS" if self.ktls else "", ", user-mode-linux": ", kernel TLS, UML",
                                      ", in QEMU": ", kernel TLS, QEMU"}[self.guest]
        self.slug = re.sub(r"[^a-z0-9.]+", "-", self.column.lower())

    def label(self):
        return f"{self.kernel}, {'with' if self.ktls else 'without'} kernel TLS"

    def where(self):
        cores = self.machine["cores"]
        return f"{self.label()}, {cores} processor{'s' if cores > 1 else ''}{self.guest}, " + self.machine["kamailio"].split(" (")[0]


def reading(source, section, make):
    """What make says of a section; None when it was not measured. Data in another form end the report."""
    result = source.sections.get(section)
    if result is None:
        return None
    try:
        return make(result) or None
    except (KeyError, TypeError, IndexError, ValueError, AttributeError, ZeroDivisionError) as failure:
        raise Unusable(f"The section {section} of the run \"{source.command}\" lacks what the report needs "
                       f"({failure!r}): measure it again with this version.") from None


def by_subject(rounds):
    return {name: [one[name] for one in rounds] for name in rounds[0]}


def fates(runs):
    return [died(run["death"]) for run in runs if run.get("death")]


def throughput(source):
    """Of each subject: the share of plain TCP in messages/s and in CPU, each a spread of ratios inside a round."""
    def make(result):
        found = []
        for name, runs in by_subject(result["rounds"]).items():
            refused = next((run["refused"] for run in runs if run.get("refused")), None)
            summary = result["subjects"][name]
            good = [run for run in runs if usable(run)]
            share = None if source.emulated else ratios(result["rounds"], name, "tcp", lambda run: run["rate"])
            cpu = ratios(result["rounds"], name, "tcp", lambda run: run["cpu_us_per_message"])
            rival = STOCK_SUITES.get(name.partition(" ")[2].partition(" ")[2]) if name.startswith("ours ") else None
            found.append({"name": name, "share": share, "cpu": cpu, "emulated": source.emulated,
                          "share_of_stock": None if source.emulated else ratios(result["rounds"], name, rival, lambda run: run["rate"]),
                          "cpu_of_stock": ratios(result["rounds"], name, rival, lambda run: run["cpu_us_per_message"]),
                          "rate": None if source.emulated else spread([run["rate"] for run in good]),
                          "cpu_us": spread([run["cpu_us_per_message"] for run in good]), "rounds": len(runs),
                          "session": summary["session"], "fates": fates(runs), "refused": refused})
        return found
    return reading(source, "homes", make) or reading(source, "throughput", make)


def constant_rates(source):
    """Of each rate and subject the CPU per message, and as a share of plain TCP's, ratios inside a round."""
    def make(result):
        found = []
        for step in result["rates"]:
            subjects = []
            for name, runs in by_subject(step["rounds"]).items():
                good = [run for run in runs if usable(run)]
                refused = next((run["refused"] for run in runs if run.get("refused")), None)
                subjects.append({"name": name, "trouble": "; ".join([*fates(runs), *filter(None, [refused])]),
                                 "cpu_us": spread([run["cpu_us_per_message"] for run in good]),
                                 "p99": spread([run["latency_us"]["p99"] / 1000 for run in good]),
                                 "cpu": ratios(step["rounds"], name, "tcp", lambda run: run["cpu_us_per_message"]),
                                 "of_stock": ratios(step["rounds"], name, "stock", lambda run: run["cpu_us_per_message"])})
            kept_up = {s["name"] for s in subjects if not s["trouble"]}
            for s in subjects:
                s["of_stock"] = s["of_stock"] if {s["name"], "stock"} <= kept_up else None
            found.append({"rate": step["rate"], "subjects": subjects})
        return found
    return reading(source, "rates", make)


def forward(source):
    """Of each subject rates and costs, and the ratios, as spreads over the rounds."""
    def make(result):
        subjects = []
        for name, runs in by_subject(result["rounds"]).items():
            good = [run for run in runs if usable(run)]
            subjects.append({"name": name, "trouble": "; ".join(fates(runs)),
                             "rate": spread([run["rate"] for run in good]),
                             "cpu": spread([run["cpu_us_per_message"] for run in good]),
                             "p50": spread([run["latency_us"]["p50"] / 1000 for run in good])})
        ratios = [{"pair": pair, "rate": values["rate"], "cpu": values["cpu_us_per_message"]}
                  for pair, values in result["ratios"].items()]
        return {"subjects": subjects, "ratios": ratios}
    return reading(source, "forward", make)


def latency(source):
    """Of each subject the latencies in ms, quiet and in the storm, as spreads over the runs that survived."""
    points = ("p50", "p90", "p99", "p999", "max")
    seconds = source.settings.get("phase_seconds")

    def phase(runs, name):
        return {point: spread([run[name]["latency_us"][point] / 1000 for run in runs]) for point in points}

    def make(result):
        found = []
        for name, runs in by_subject(result["rounds"]).items():
            good = [run for run in runs if usable(run) and run["disturbed"]["messages"]]
            quiet = [run for run in runs if run["quiet"]["messages"]]
            found.append({"name": name, "runs": len(runs), "fates": fates(runs),
                          "quiet": phase(quiet, "quiet") if quiet else None,
                          "storm": phase(good, "disturbed") if good else None,
                          "handshakes": spread([run["storm"]["rate"] for run in good]),
                          "late": spread([run["sent_late_us"]["p99"] / 1000 for run in runs]),
                          "series": [timeline(run, run["disturbed"], seconds) for run in runs]})
        return {"rate": result["rate"], "parallel": result["parallel"], "subjects": found}
    return reading(source, "latency", make)


def timeline(run, phase, seconds):
    """Per second what was done over time: (moments, rates, second of death or None), with zeros after a death."""
    series = phase["series"]
    step = series["step_ms"] * MERGED / 1000
    merged = int(round(seconds / step))
    done = series["done"][:merged * MERGED]
    done += [0] * (merged * MERGED - len(done))
    rates = [sum(done[i:i + MERGED]) / step for i in range(0, len(done), MERGED)]
    death = None
    if run.get("death"):
        death = last_sign(series["done"], series["step_ms"] / 1000)
    return [i * step for i in range(merged)], rates, death


def last_sign(done, step):
    """The end of the last step in which something was done."""
    return max((i + 1 for i, count in enumerate(done) if count), default=0) * step


def survival(source):
    """For each number of clients: of each subject the handshakes/s over time in each run."""
    seconds = source.settings.get("storm_seconds")

    def make(result):
        kinds = []
        for kind in result["kinds"]:
            subjects = [{"name": name, "runs": [timeline(run, run, seconds) for run in runs], "fates": fates(runs),
                         "rate": spread([run["rate"] for run in runs if usable(run)]),
                         "cpu": spread([run["cpu_us_per_handshake"] for run in runs]),
                         "p99": spread([run["latency_us"]["p99"] / 1000 for run in runs if usable(run)]),
                         "mute": sum(not run["survived"] and not run.get("death") for run in runs),
                         "of_stock": {"rate": ratios(kind["rounds"], name, "stock", lambda run: run["rate"]),
                                      "cpu": ratios(kind["rounds"], name, "stock", lambda run: run["cpu_us_per_handshake"])}}
                        for name, runs in by_subject(kind["rounds"]).items()]
            kinds.append({"mode": kind["mode"], "parallel": kind["parallel"], "subjects": subjects})
        return kinds
    return reading(source, "storm", make)


def stalled(source):
    """For each setting of tcp_async: of each subject the answers/s over time, the longest silence and the slowest."""
    def make(result):
        settings = []
        for setting in result["settings"]:
            subjects = [{"name": name, "runs": [timeline(run, run["disturbed"], result["seconds"]) for run in runs],
                         "silence": spread([run["disturbed"]["longest_silence_ms"] / 1000 for run in runs
                                            if usable(run)]),
                         "slowest": spread([run["disturbed"]["latency_us"]["max"] / 1000 for run in runs
                                            if usable(run)]),
                         "in_time": spread([in_time(run, result["rate"]) for run in runs if usable(run)]),
                         "fates": fates(runs)}
                        for name, runs in by_subject(setting["rounds"]).items()]
            settings.append({"tcp_async": setting["tcp_async"], "subjects": subjects})
        return {"rate": result["rate"], "peers": result["peers"], "seconds": result["seconds"], "settings": settings}
    return reading(source, "stalled", make)


def in_time(run, rate):
    """Percent of the messages whose time fell into the phase that were answered before its end."""
    return 100 * run["answered_meanwhile"] / (rate * run["disturbed"]["seconds"])


def memory(source):
    """Of each subject [(connections, KB of a connection, KB of the kernel, or None and why)]."""
    def make(result):
        found = {}
        for crowd in result["crowds"]:
            for name, run in crowd["runs"].items():
                found.setdefault(name, []).append(memory_of(run))
        return found
    return reading(source, "memory", make)


def memory_of(run):
    count, per = run["connections"], run.get("per_connection")
    if run.get("death"):
        return count, None, None, died(run["death"])
    if run.get("refused") or not per:
        return count, None, None, run.get("refused", "no figure")
    return count, (per["shared"] + per["private"]) / 1024, per["kernel"] / 1024, ""


def restart(source):
    """Of each subject what its clients met, and [(seconds, share answered)] of each run that was measured to its end."""
    def make(result):
        found = []
        for name, runs in by_subject(result["rounds"]).items():
            good = [run for run in runs if usable(run)]
            found.append({"name": name, "fates": fates(runs), "runs": len(runs), "handshakes": spread([run["handshakes"] for run in good]),
                          "answered": spread([run["answered"] for run in runs if "answered" in run]),
                          "away": spread([run["away_seconds"] for run in good]),
                          **{point: spread([run["latency_us"][point] / 1000 for run in good])
                             for point in ("p50", "p99", "max")},
                          "curves": [answered_over_time(run) for run in runs if "series" in run]})
        return {"connections": result["connections"], "subjects": found}
    return reading(source, "restart", make)


def answered_over_time(run):
    step, done, curve = run["series"]["step_ms"] / 1000, 0, [(0, 0)]
    for number, count in enumerate(run["series"]["done"]):
        done += count
        curve.append(((number + 1) * step, done / run["up"]))
    return curve


def rivals(source):
    """Of handshakes and of connections, for each kind and subject: costs as spreads, and ours as a share of them."""
    def costs(kind):
        for name, runs in by_subject(kind["rounds"]).items():
            good = [run for run in runs if usable(run)]
            yield {"kind": kind["kind"], "name": name, "fates": fates(runs), "runs": len(runs),
                   "cpu": spread([run["cpu_us"] for run in good]),
                   "ratio": ratios(kind["rounds"], "ours", name, lambda run: run["cpu_us"]),
                   "rate": spread([run.get("rate") for run in good]),
                   "kb": spread([(run["shared"] + run["private"]) / 1024 for run in good if "shared" in run])}

    def make(result):
        return {what: [one for kind in result[what] for one in costs(kind)] for what in ("handshakes", "connections")}
    return reading(source, "rivals", make)


def facts(source):
    """How many facts of a client's certificate there are, and how many each subject shows the script or carries in a header."""
    def make(result):
        return {"of": result["of"], "subjects": [{"name": name, **{key: len(one[key]) if key in one else None for key in ("seen", "carried")}}
                                                 for name, one in result["facts"].items()]}
    return reading(source, "facts", make)


def crowd(source):
    """Of each subject what it took to let a large crowd in, to keep it and to have it back; and how large it was."""
    def kb(parts):
        return {part: size / 1024 for part, size in parts.items()}

    def make(result):
        count, found = result["connections"], []
        for name, run in result["runs"].items():
            if "after" not in run:
                found.append({"name": name, "fates": fates([run])})
                continue
            before, after = run["before"], run["after"]
            private = {kind: size - before["private"].get(kind, 0) for kind, size in after["private"].items()}
            found.append({"name": name, "fates": fates([run]), "opened": run["opening"]["rate"],
                          "each": kb({"shared": (after["shared"] - before["shared"]) / count,
                                      "private": sum(private.values()) / count,
                                      "kernel": (after["kernel"] - before["kernel"]) / count}),
                          "private": kb(private), "cpu": sum(run["keeping"]["cpu"].values()) / run["keeping"]["seconds"],
                          "p99": run["kept"]["latency_us"]["p99"] / 1000, "errors": run["kept"]["errors"],
                          "asked": run["asked"], "end": run["end_seconds"], "back": run["seconds"],
                          "answered": run["answered"], "again": run["handshakes"]})
        return {"connections": count, "every": result["every"], "subjects": found}
    return reading(source, "crowd", make)


def nodes(source):
    """What a registration costs two nodes, and what a balancer adds to a connection and to a message; sizes in KB."""
    def make(result):
        registered = result["registrations"]
        own = {name: result[name] for name in ("direct", "balanced")}
        if any(run["death"] for run in own.values()):
            return None
        return {"count": registered["count"],
                "registrations": {name: {"cpu_us": registered[name]["cpu_us"],
                                         "kb": [size / 1024 for size in registered[name]["shared"]]}
                                  for name in ("new", "refreshed")},
                "cpu_us": own["balanced"]["cpu_us"], "message_us": own["balanced"]["message_us"],
                "kb": own["balanced"]["private"] / 1024,
                "kernel_kb": (own["balanced"]["kernel"] - own["direct"]["kernel"]) / 1024}
    return reading(source, "nodes", make)


def engines(source):
    """Of each kind of handshake and number of engines: rates and costs as spreads, and rates as a share of one engine's."""
    def make(result):
        found = []
        for kind in result["kinds"]:
            for name, runs in by_subject(kind["rounds"]).items():
                good = [run for run in runs if usable(run)]
                found.append({"kind": kind["kind"], "name": name, "fates": fates(runs), "runs": len(runs),
                              "rate": spread([run["rate"] for run in good]),
                              "ratio": ratios(kind["rounds"], name, ONE, lambda run: run["rate"]),
                              "cpu": spread([run["cpu_us"] for run in good]),
                              "fewest": spread([100 * run["smallest_share"] for run in good if run["smallest_share"] is not None])})
        return found
    return reading(source, "engines", make)


def calls(source):
    """SIPp's scenarios: of each subject calls/s, CPU of a call, response times and what failed."""
    found = []
    for scenario in source.sections:
        def make(result, scenario=scenario):
            subjects = []
            for name, runs in by_subject(result["rounds"]).items():
                good = [run for run in runs if usable(run) and run["calls"] == run["wanted"]]
                subjects.append({"name": name, "rate": spread([run["calls_per_second"] for run in good]),
                                 "cpu": spread([run["cpu_us_per_call"] for run in good]),
                                 "p50": spread([run["response_ms"]["p50"] for run in good]),
                                 "p99": spread([run["response_ms"]["p99"] for run in good]),
                                 "failed": sum(run["failed"] for run in runs), "runs": len(runs), "fates": fates(runs)})
            return {"name": scenario, "parallel": result["parallel"], "subjects": subjects}
        found.append(reading(source, scenario, make))
    return [one for one in found if one] or None


def flood(source):
    """Of each crowd and subject the handshakes of others, and the traffic before and beside it; and what else was done."""
    def make(result):
        cases = [{"connections": case["connections"], "sources": case["sources"], "slow": case["slow"],
                  "subjects": [{"name": name, "fates": fates([run]), **summary(run)} for name, run in case["runs"].items()]}
                 for case in result["cases"]]
        return result["load"], cases
    return reading(source, "flood", make)


def middle(values):
    """The median of lists of equal length, element by element."""
    return [statistics.median(column) for column in zip(*values)]
