# SPDX-License-Identifier: GPL-2.0-or-later
"""What connections weigh."""

from reporting import data, plots
from reporting.grid import Grid, span, spelled
from reporting.telling import by_column, by_what, cell, fate_or, listed, only, to_tell


def memory(page):
    found = [(source, measured) for source, measured in page.measured(data.memory)
             if any(point[1] is not None for points in measured.values() for point in points)]
    if not found:
        return
    grid, kernels, taken, in_kernel = Grid("KB for each connection", ""), Grid("", ""), {}, []
    for source, measured in found:
        for name, points in measured.items():
            kernel = [p[2] for p in points if p[2] is not None]
            kernels.put(("the kernel's, both ends", spelled(name)), source.column, cell(kernel[-1], 1) if kernel else "")
        for name, points in measured.items():
            count, kb, _, why = next((p for p in reversed(points) if p[1] is not None), points[-1])
            grid.put(("SER's", spelled(name)), source.column,
                     f"{kb:.1f} (of {count:,})" if kb is not None else f"died ({by_what(why)})" if by_what(why) else why)
            if kb is not None and (source, measured) in to_tell(found):
                taken.setdefault(name, {})[source.column] = kb
        own, its = ([p[2] for p in measured.get(name, []) if p[2] is not None] for name in ("ours kernel 1.3", "tcp"))
        if own and its:
            in_kernel.append(own[-1] - its[-1])
    words = {"ours user 1.3": "with ours", "stock": "with the stock module", "tcp": "with plain TCP"}
    told = [f"{span(taken[name].values(), 1)} KB {its}" if name != "stock"
            else f"{by_column({column: f'{kb:.1f} KB' for column, kb in taken[name].items()})} {its}"
            for name, its in words.items() if name in taken]
    answer = f"An idle connection takes {listed(told)}." if told else ""
    if in_kernel:
        more = f"With records in the kernel one also takes {span(in_kernel, 0, ' KB')} more of the kernel's memory than plain TCP's."
        answer = f"{answer} {more}".strip()
    page.section("What does an idle connection weigh?",
                 answer,
                 *page.plots_of("memory", "memory of an idle connection against their number", found, plots.memory, "rounds"),
                 grid.joined(kernels), "SER's: shared memory and private memory of all its processes. In parentheses: how many there were, "
                 "which the limit of open files bounds: a relayed connection takes two.", short=True)


SLOW_LOOK = " In a guest (UML) a process's first look at memory is slow, and the commands look at all connections."
CLOSED = (" Why some got no answer was not looked at; the core closes connections that [waited for a worker](sizing.md#what-breaks-first) "
          "for 2 s.")
LEAST_PRIVATE = 1 / 100  # KB of a kind of process for each connection, for a row of its own


def crowd(page):
    found = page.measured(data.crowd)
    if not found:
        return
    closed = any(s.get("errors") for _, measured in found for s in measured["subjects"])
    kinds = {kind: None for _, measured in found for s in measured["subjects"] for kind, kb in s.get("private", {}).items()
             if kb >= measured["connections"] * LEAST_PRIVATE}
    grid, told = Grid("", by_release=False), []
    for source, measured in found:
        count = f"{measured['connections']:,}"
        for s in measured["subjects"]:
            put_crowd(grid, f"{spelled(s['name'])}, {count} ({source.column})", s, measured, kinds)
        cores = f"{source.machine['cores']} processor{'s' if source.machine['cores'] > 1 else ''}" + (" of a guest" if source.guest else "")
        ours = only("ours", measured["subjects"])
        if ours and "each" in ours:
            kb = ours["each"]["shared"] + ours["each"]["private"]
            told.append(f"Each of {count} connections takes {kb:.1f} KB of SER's memory; after a restart {ours['answered']:,} of them "
                        f"were back after {ours['back']:,.0f} s, on {cores}.")
    page.section("What do very many connections take?", " ".join(told), grid.text(),
                 "At the restart, without a keeper, each client asks once more, and comes back over a new connection; 500 at "
                 "most open at a time." + (SLOW_LOOK if any(source.guest for source, _ in found) else "") + (CLOSED if closed else ""))


def put_crowd(grid, column, s, measured, kinds):
    """What is known of one subject; of the kinds of processes these."""
    if "each" not in s:
        grid.put(("server",), column, fate_or(s, "-"))
        return
    asked = (("tls.stats", "tls.stats, s"), ("tls.count", "tls.count, s"), ("tls.list", "all pages of tls.list, s"),
             ("tls.reload", "tls.reload, s"))
    for row, text in (
            ("came in, connections/s", cell(s["opened"])), ("SER's shared memory, KB each", cell(s["each"]["shared"], 1)),
            ("private memory of its processes, KB each", cell(s["each"]["private"], 1)),
            ("the kernel's memory for both ends, KB each", cell(s["each"]["kernel"], 1)),
            ("kept: each is asked every, s", cell(measured["every"])), ("CPU then, % of a processor", cell(100 * s["cpu"])),
            ("answers then, p99 ms", cell(s["p99"], 1)), ("without an answer then", cell(s["errors"])),
            *((row, cell(s["asked"].get(key), 2)) for key, row in asked),
            ("SER ended after, s", cell(s["end"], 1)), ("all answered again after, s", cell(s["back"], 1)),
            ("of them", cell(s["answered"]))):
        grid.put((row,), column, text)
    for kind in kinds:
        grid.put((f"private memory of {kind}, MB",), column, cell(s["private"].get(kind) and s["private"][kind] / 1024, 1))


def nodes(page):
    found = page.measured(data.nodes)
    if not found:
        return
    grid, told = Grid("", ""), []
    for source, measured in found:
        for name, costs in measured["registrations"].items():
            for place, node in enumerate(("the node that gets it", "each node that learns of it")):
                grid.put((f"a registration, {name}", f"{node}: CPU, µs"), source.column, cell(costs["cpu_us"][place]))
                grid.put((f"a registration, {name}", f"{node}: shared memory, KB"), source.column, cell(costs["kb"][place], 2))
        for row, text in (("its CPU for a connection and one request, µs", cell(measured["cpu_us"])),
                          ("its CPU for a message and the answer, µs", cell(measured["message_us"], 1)),
                          ("its private memory for a connection, KB", cell(measured["kb"], 1)),
                          ("the kernel's memory that it adds to a connection, KB", cell(measured["kernel_kb"], 1))):
            grid.put(("HAProxy in TCP mode, PROXY v2", row), source.column, text)
        told.append(measured)
    kb = span([m["registrations"]["new"]["kb"][1] for m in told], 1, " KB")
    page.section("What do several machines add?",
                 f"Each node keeps {kb} for each registration that another one got.", grid.text(),
                 f"{told[0]['count']:,} registrations over UDP with a Path, told to a second node by dmq_usrloc.")
