# SPDX-License-Identifier: GPL-2.0-or-later
"""What speaks against our module in the figures, so that nobody has to look for it."""

from reporting import data
from reporting.grid import spelled
from reporting.telling import crowd_of, duration
from tables import quotient

# Below that a difference is taken for noise: of CPU and rates, and of latencies and their like.
SMALL, LARGE = 0.03, 0.25
OTHERS = {"stock": "the stock module", "tcp": "plain TCP"}
LEFT_OUT = (f"What the rules of `bench/reporting/weak.py` find: medians, whose ranges are in the tables below. A difference below "
            f"{SMALL:.0%} in CPU and rates, or below {LARGE:.0%} in times and memory, is not listed. A cell is empty where ours is not "
            "worse, or where nothing was measured.").replace("%", " %")
STOCK, RIVALS, PLAIN, OWN = "stock", "rivals", "plain", "own"
GROUPS = {STOCK: "Worse than the stock module", RIVALS: "Worse than nginx or haproxy", PLAIN: "Worse than plain TCP",
          OWN: "Went wrong"}


def group_of(what):
    """To whom a point compares ours."""
    if "stock module" in what:
        return STOCK
    if "nginx" in what or "haproxy" in what:
        return RIVALS
    return PLAIN if "plain TCP" in what else OWN


def by_name(subjects):
    return {subject["name"]: subject for subject in subjects}


def median(subject, key):
    return subject[key]["median"] if subject and subject.get(key) else None


def times(value):
    return f"{value:.2f} times"


def message_points(subjects):
    for s in subjects:
        if not s["name"].startswith("ours"):
            continue
        name = spelled(s["name"])
        if s["refused"]:
            yield f"{name}: messages", f"no figure: {s['refused']}"
        for other, cpu, share in (("plain TCP", "cpu", "share"), ("the stock module", "cpu_of_stock", "share_of_stock")):
            if (median(s, cpu) or 0) > 1 + SMALL:
                yield f"{name}: CPU per message, of {other}'s", times(median(s, cpu))
            if median(s, share) is not None and median(s, share) < 1 - SMALL:
                yield f"{name}: messages/s, of {other}'s", times(median(s, share))


def rate_points(steps):
    for step in steps:
        named = by_name(step["subjects"])
        for name, subject in named.items():
            if not name.startswith("ours"):
                continue
            if subject["trouble"]:
                yield f"{spelled(name)}: {step['rate']:,} messages/s", subject["trouble"]
                continue
            stock = quotient(median(subject, "cpu_us"), median(named.get("stock"), "cpu_us"))
            for words, cpu in (("plain TCP", median(subject, "cpu")), ("the stock module", stock)):
                if cpu and cpu > 1 + SMALL:
                    yield f"{spelled(name)}: CPU per message at {step['rate']:,}/s, of that of {words}", times(cpu)


def forward_points(measured):
    for pair in measured["ratios"]:
        other = pair["pair"].partition(" / ")[2]
        if pair["pair"].startswith("ours") and other in OTHERS and (median(pair, "cpu") or 0) > 1 + SMALL:
            yield f"CPU per message forwarded, of {OTHERS[other]}'s", times(median(pair, "cpu"))


def latency_points(measured):
    named = by_name(measured["subjects"])
    ours = named.get("ours")
    if not ours:
        return
    if ours["fates"]:
        yield "established traffic in a storm", ours["fates"][0]
    for other, its_name in OTHERS.items():
        for phase, words in (("quiet", "alone"), ("storm", "in the storm")):
            theirs = named.get(other) and named[other][phase]
            if not theirs or not ours[phase]:
                continue
            for point in ("p50", "p99"):
                mine, its = ours[phase][point]["median"], theirs[point]["median"]
                if mine > its * (1 + LARGE):
                    yield f"{point} of answers {words}, and that of {its_name}", f"{duration(mine)}, {duration(its)}"


def storm_points(kinds):
    for kind in kinds:
        named = by_name(kind["subjects"])
        ours = named.get("ours")
        label = f"{kind['mode']} of {kind['parallel']} clients"
        if ours and ours["fates"]:
            yield label, ours["fates"][0]
        if ours and ours["mute"]:
            yield label, f"no answer afterwards in {ours['mute']} of {len(ours['runs'])} runs"
        rate, cpu = (median(ours["of_stock"], key) if ours else None for key in ("rate", "cpu"))
        if rate and rate < 1 - SMALL:
            yield f"{label}: handshakes/s, of the stock module's", times(rate)
        if cpu and cpu > 1 + SMALL:
            yield f"{label}: CPU per handshake, of the stock module's", times(cpu)


def stalled_points(measured):
    for setting in measured["settings"]:
        named = by_name(setting["subjects"])
        for other, words in OTHERS.items():
            mine, its = median(named.get("ours"), "silence"), median(named.get(other), "silence")
            if mine and its and mine > its * (1 + LARGE) and mine > 0.1:
                yield (f"stalled peers, tcp_async={setting['tcp_async']}: nobody is answered for so long, and with {words}",
                       f"{mine:.2f} s, {its:.2f} s")


WEIGHTS = ("memory of an idle connection", "the kernel's memory of one, both ends")


def memory_points(measured):
    # The last of each: the limit of open files allows fewer of those that are relayed.
    last = {name: [next((point[place] for point in reversed(points) if point[place] is not None), None) for place in (1, 2)]
            for name, points in measured.items()}
    for name, sizes in last.items():
        for other, whose in OTHERS.items():
            for mine, its, words in zip(sizes, last.get(other, (None, None)), WEIGHTS):
                if name.startswith("ours") and mine and its and mine > its * (1 + LARGE):
                    yield f"{spelled(name)}: {words}, and {whose}'s", f"{mine:.1f} KB, {its:.1f} KB"


def crowd_points(measured):
    ours, plain = (by_name(measured["subjects"]).get(name) for name in ("ours", "tcp"))
    if not ours:
        return
    for fate in ours["fates"]:
        yield f"{measured['connections']:,} connections", fate
    if not plain or "each" not in ours or "each" not in plain:
        return
    if ours["opened"] < plain["opened"] * (1 - SMALL):
        yield f"{measured['connections']:,} connections: connections/s that came in, of plain TCP's", times(ours["opened"] / plain["opened"])
    for key, words, least in (("cpu", "CPU for keep-alives", SMALL), ("p99", "p99 of keep-alives", LARGE),
                              ("back", "time until all are back", LARGE)):
        if plain[key] and ours[key] > plain[key] * (1 + least):
            yield f"{measured['connections']:,} connections: {words}, of plain TCP's", times(ours[key] / plain[key])


def restart_points(measured):
    named = by_name(measured["subjects"])
    kept = named.get("ours, keeper")
    if kept and median(kept, "handshakes"):
        yield "a restart with a keeper: handshakes", f"{median(kept, 'handshakes'):.0f}"
    for name, subject in named.items():
        answered = median(subject, "answered")
        if name.startswith("ours") and answered is not None and answered < measured["connections"]:
            yield f"a restart, {spelled(name)}: clients without an answer", f"{measured['connections'] - answered:.0f}"
    for other, words in OTHERS.items():
        mine, its = median(named.get("ours"), "p99"), median(named.get(other), "p99")
        if mine and its and mine > its * (1 + LARGE):
            yield f"a restart without a keeper: p99 until a client is answered, and with {words}", f"{duration(mine)}, {duration(its)}"


def rival_points(measured):
    for what, words in (("handshakes", "a full handshake"), ("connections", "a connection with one request")):
        for subject in measured[what]:
            if subject["name"] == "ours" and subject["fates"]:
                yield f"{words}, {subject['kind']}", subject["fates"][0]
            elif (what, subject["name"]) != ("handshakes", "tcp") and (median(subject, "ratio") or 0) > 1 + SMALL:
                yield (f"{words}, {subject['kind']}: CPU, of that of {OTHERS.get(subject['name'], subject['name'])}",
                       times(median(subject, "ratio")))


def call_points(scenarios):
    for scenario in scenarios:
        named = by_name(scenario["subjects"])
        ours, stock = named.get("ours"), named.get("stock")
        if ours and ours["failed"]:
            yield f"SIPp, {scenario['name']}: calls that failed", str(ours["failed"])
        rate, cpu = (quotient(median(ours, key), median(stock, key)) for key in ("rate", "cpu"))
        if rate and rate < 1 - SMALL:
            yield f"SIPp, {scenario['name']}: calls/s, of the stock module's", times(rate)
        if cpu and cpu > 1 + SMALL:
            yield f"SIPp, {scenario['name']}: CPU per call, of the stock module's", times(cpu)


def flood_points(cases):
    """Of each figure the crowd beside which ours is furthest behind the stock module, as it is and with room for the crowd."""
    for case in cases:
        ours = by_name(case["subjects"]).get("ours")
        if ours and (ours["fates"] or ours["missed"]):
            yield f"handshakes of others beside {crowd_of(case)}", ours["fates"][0] if ours["fates"] else f"{ours['missed']} failed"
    for key, words in (("worst", "slowest handshake of others"), ("median", "median handshake of others"),
                       ("beside", "p99 of established traffic")):
        for other, its_words in (("stock", "the stock module's"),
                                 ("stock, with room", "that of the stock module with limits above the crowd")):
            pairs = []
            for case in cases:
                named = by_name(case["subjects"])
                mine, its = (named[name][key] if name in named else None for name in ("ours", other))
                if mine and its and mine > its * (1 + LARGE):
                    pairs.append((mine / its, f"{duration(mine)}, {duration(its)} beside {crowd_of(case)}"))
            if pairs:
                yield f"{words} beside a crowd, and {its_words}", max(pairs)[1]


# In the order of the page.
PARTS = (
    (data.throughput, message_points), (data.constant_rates, rate_points), (data.forward, forward_points), (data.rivals, rival_points),
    (data.survival, storm_points), (lambda source: data.flood(source)[1] if source.flood else None, flood_points),
    (data.latency, latency_points), (data.stalled, stalled_points), (data.memory, memory_points), (data.crowd, crowd_points),
    (data.restart, restart_points), (lambda source: data.calls(source) if source.sipp else None, call_points),
)


def points(source):
    """What is worse, and by how much: place on the page and two texts."""
    found = [(place, *point) for place, (read, part) in enumerate(PARTS) if (measured := read(source)) for point in part(measured)]
    return found + [(len(PARTS), f"{section}: figures refused or runs that went wrong", in_words(told))
                    for section, told in source.troubles.items() if told]


def in_words(told):
    """What went wrong while it was measured, or only how often where it was often."""
    return f"{len(told)}: {'; '.join(told)}" if len(told) <= 3 else str(len(told))


def compares_stock(sources):
    """Whether the stock module was measured."""
    for source in (source for source in sources if not source.sipp):
        subjects = [*(data.throughput(source) or ()), *(s for kind in data.survival(source) or () for s in kind["subjects"]),
                    *(s for case in (data.flood(source)[1] if source.flood else ()) for s in case["subjects"])]
        if any(s["name"].startswith("stock") for s in subjects):
            return True
    return False
