# SPDX-License-Identifier: GPL-2.0-or-later
"""What speaks against our module in the figures, in sentences; nobody has to look for it."""

from reporting import data
from tables import quotient

# Below that a difference is taken for noise: of CPU and rates, and of latencies and their like.
SMALL, LARGE = 0.03, 0.25
OTHERS = {"stock": "the stock module", "tcp": "plain TCP"}


def by_name(subjects):
    return {subject["name"]: subject for subject in subjects}


def share_sentences(subjects):
    for subject in subjects:
        if not subject["name"].startswith("ours"):
            continue
        if subject["share"] and subject["share"]["median"] < 1 - SMALL:
            cost = f", for {subject['cpu']['median']:.2f} times its CPU per message" if subject["cpu"] else ""
            yield f"{subject['name']}: {subject['share']['median']:.0%} of plain TCP's messages/s{cost}."
        elif not subject["share"] and subject["cpu"] and subject["cpu"]["median"] > 1 + SMALL:
            yield f"{subject['name']}: {subject['cpu']['median']:.2f} times plain TCP's CPU per message."
        if subject["refused"]:
            yield f"{subject['name']}: no figure, {subject['refused']}."


def rate_sentences(steps):
    for step in steps:
        named = by_name(step["subjects"])
        for name, subject in named.items():
            if not name.startswith("ours"):
                continue
            if subject["trouble"]:
                yield f"{name}, {step['rate']:,} messages/s: {subject['trouble']}."
            for other, words in OTHERS.items():
                cpu = quotient(median(subject, "cpu_us"), median(named.get(other), "cpu_us"))
                if cpu and cpu > 1 + SMALL:
                    yield f"{name}, {step['rate']:,} messages/s: {cpu:.2f} times the CPU per message of {words}."


def stock_sentences(subjects):
    """Homes of ours against the stock module with the same suite."""
    named = by_name(subjects)
    for suite in ("1.3", "1.2", "1.2 CBC"):
        stock = named.get("stock" if suite == "1.3" else f"stock {suite}")
        for name, subject in named.items():
            if not stock or not name.startswith("ours") or (name != "ours" and not name.endswith(f" {suite}")):
                continue
            if (name == "ours") != (suite == "1.3" and "ours" in named):
                continue
            rate = quotient(median(subject, "share"), median(stock, "share"))
            cpu = quotient(median(subject, "cpu"), median(stock, "cpu"))
            if rate and rate < 1 - SMALL:
                yield f"{name}: {1 - rate:.0%} fewer messages/s than the stock module with the same suite."
            if cpu and cpu > 1 + SMALL:
                yield f"{name}: {cpu - 1:.0%} more CPU per message than the stock module with the same suite."


def median(subject, key):
    return subject[key]["median"] if subject and subject[key] else None


def latency_sentences(measured):
    named = by_name(measured["subjects"])
    ours = named.get("ours")
    if not ours:
        return
    if ours["fates"]:
        yield f"ours, established traffic in a storm: {ours['fates'][0]}."
    for other in OTHERS:
        for phase, words in (("quiet", "alone"), ("storm", "in the storm")):
            theirs = named.get(other) and named[other][phase]
            if not theirs or not ours[phase]:
                continue
            for point in ("p50", "p99"):
                mine, its = ours[phase][point]["median"], theirs[point]["median"]
                if mine > its * (1 + LARGE):
                    yield f"{point} {words}: {mine:.1f} ms, of {OTHERS[other]} {its:.1f} ms."


def storm_sentences(kinds):
    for kind in kinds:
        named = by_name(kind["subjects"])
        ours, stock = named.get("ours"), named.get("stock")
        label = f"{kind['mode']} of {kind['parallel']} clients"
        if ours and ours["fates"]:
            yield f"{label}: ours {ours['fates'][0]}."
        rate = quotient(median(ours, "rate"), median(stock, "rate"))
        if rate and rate < 1 - SMALL:
            yield f"{label}: {1 - rate:.0%} fewer handshakes/s than the stock module, which survived."
        cpu = quotient(median(ours, "cpu"), median(stock, "cpu"))
        if cpu and cpu > 1 + SMALL:
            yield f"{label}: {cpu - 1:.0%} more CPU per handshake than the stock module, which survived."


def stalled_sentences(measured):
    for setting in measured["settings"]:
        named = by_name(setting["subjects"])
        ours = named.get("ours")
        for other in OTHERS:
            theirs = named.get(other)
            if not ours or not theirs or not ours["silence"] or not theirs["silence"]:
                continue
            mine, its = ours["silence"]["median"], theirs["silence"]["median"]
            if mine > its * (1 + LARGE) and mine > 0.1:
                yield (f"stalled peers, tcp_async={setting['tcp_async']}: nobody was answered for {mine:.2f} s, with "
                       f"{OTHERS[other]} for {its:.2f} s.")


def memory_sentences(measured):
    # The last of each: the limit of open files allows fewer of those that are relayed.
    plain = next((point[1] for point in reversed(measured.get("tcp", [])) if point[1]), None)
    for name, points in measured.items():
        count, kb = next(((p[0], p[1]) for p in reversed(points) if p[1] is not None), (0, None))
        if name.startswith("ours") and kb and plain and kb > plain * (1 + LARGE):
            yield f"{name}: {kb:.1f} KB for each of {count:,} idle connections, of plain TCP {plain:.1f} KB."


def restart_sentences(measured):
    named = by_name(measured["subjects"])
    kept = named.get("ours, keeper")
    if kept and median(kept, "handshakes"):
        yield f"a restart with a keeper: {median(kept, 'handshakes'):.0f} handshakes."
    for name, subject in named.items():
        answered = median(subject, "answered")
        if name.startswith("ours") and answered is not None and answered < measured["connections"]:
            yield f"a restart, {name}: {measured['connections'] - answered:.0f} clients got no answer."
    for other, words in OTHERS.items():
        mine, its = median(named.get("ours"), "p99"), median(named.get(other), "p99")
        if mine and its and mine > its * (1 + LARGE):
            yield f"a restart without a keeper: p99 until a client is answered again {mine:.0f} ms, of {words} {its:.0f} ms."


def rival_sentences(measured):
    for what, words in (("handshakes", "a full handshake"), ("connections", "a connection with one request")):
        for subject in measured[what]:
            if subject["name"] == "ours" and subject["fates"]:
                yield f"{words}, {subject['kind']}: ours {subject['fates'][0]}."
            elif median(subject, "ratio") and median(subject, "ratio") > 1 + SMALL:
                other = OTHERS.get(subject["name"], subject["name"])
                yield f"{words}, {subject['kind']}: {median(subject, 'ratio'):.2f} times the CPU of {other}."


def call_sentences(scenarios):
    for scenario in scenarios:
        named = by_name(scenario["subjects"])
        ours, stock = named.get("ours"), named.get("stock")
        if ours and ours["failed"]:
            yield f"SIPp, {scenario['name']}: {ours['failed']} calls through ours failed."
        rate = quotient(median(ours, "rate"), median(stock, "rate"))
        if rate and rate < 1 - SMALL:
            yield f"SIPp, {scenario['name']}: {1 - rate:.0%} fewer calls/s than through the stock module."
        cpu = quotient(median(ours, "cpu"), median(stock, "cpu"))
        if cpu and cpu > 1 + SMALL:
            yield f"SIPp, {scenario['name']}: {cpu - 1:.0%} more CPU per call than with the stock module."


def crowd_sentences(cases):
    for case in cases:
        named = by_name(case["subjects"])
        ours, stock = named.get("ours"), named.get("stock, with room")
        if not ours or not stock:
            continue
        where = f"beside {case['connections']:,} {'slow' if case['slow'] else 'silent'} connections of {case['sources']} " \
                f"address{'es' if case['sources'] > 1 else ''}"
        for key, words in (("median", "median of honest handshakes"), ("worst", "slowest honest handshake"),
                           ("beside", "p99 of established traffic")):
            mine, its = ours[key], stock[key]
            if mine and its and mine > its * (1 + LARGE):
                yield f"{words} {where}: {mine:.1f} ms, of the stock module with room {its:.1f} ms."


def sentences(source):
    if source.sipp:
        return list(call_sentences(data.calls(source) or []))
    if source.flood:
        return list(crowd_sentences(data.flood(source)[1])) + troubles_of(source)
    parts = ((data.throughput, share_sentences), (data.throughput, stock_sentences),
             (data.constant_rates, rate_sentences), (data.survival, storm_sentences),
             (data.latency, latency_sentences), (data.stalled, stalled_sentences), (data.memory, memory_sentences),
             (data.restart, restart_sentences), (data.rivals, rival_sentences))
    found = [part(measured) for measured, part in ((read(source), part) for read, part in parts) if measured]
    return [sentence for part in found for sentence in part] + troubles_of(source)


def troubles_of(source):
    """What the benchmark itself has found."""
    return [f"{section}: {one}." for section, told in source.troubles.items() for one in told]
