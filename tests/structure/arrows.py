# SPDX-License-Identifier: GPL-2.0-or-later
"""Who uses whom: an arrow for each include, and for each symbol that one file takes from another."""
import collections
import posixpath

Arrow = collections.namedtuple("Arrow", "source line target what")


def unit(path):
    """x.h and x.c are one: both are x."""
    return posixpath.splitext(path)[0]


def is_private(path):
    """A header for the other files of its folder only."""
    name = posixpath.basename(path)
    return name == "private.h" or name.endswith("_private.h")


class Graph:
    def __init__(self, sources, objects, rooms):
        self.rooms = rooms
        self.arrows, self.core = [], []  # core: (source, line, symbol) of what no object and no library defines
        for source in sources.files.values():
            for line, name in source.includes():
                target = sources.included(source, name)
                if target:
                    self.arrows.append(Arrow(source.path, line, target, f"includes {target}"))
            room = rooms.of(source.path)
            for symbol in sorted(objects.needed.get(source.path, ())):
                line = source.line_of(symbol)
                owners = sorted(objects.defined.get(symbol, ()))
                if not owners and symbol not in objects.exported:
                    self.core.append((source.path, line, symbol))
                # Programs may have functions of the same name: the one that may be meant is meant.
                for owner in [path for path in owners if room and room.may_use(rooms.of(path))] or owners:
                    self.arrows.append(Arrow(source.path, line, owner, f"uses {symbol} of {owner}"))

    def between_units(self):
        """{unit: {unit: arrow}} of what the order of rooms allows. A private header is its folder's, so no unit."""
        edges = {}
        for arrow in self.arrows:
            room = self.rooms.of(arrow.source)
            ends = unit(arrow.source), unit(arrow.target)
            if ends[0] != ends[1] and not is_private(arrow.source) and not is_private(arrow.target) \
                    and room and room.may_use(self.rooms.of(arrow.target)):
                edges.setdefault(ends[0], {}).setdefault(ends[1], arrow)
        return edges


def reachable(edges, start):
    """All units that arrows lead to from one."""
    seen, waiting = set(), [start]
    while waiting:
        for following in edges.get(waiting.pop(), ()):
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return seen


def cycles(edges):
    """The sets of units each of which leads to all others of its set."""
    reach = {start: reachable(edges, start) for start in edges}
    return {frozenset(other for other in reach[start] if start in reach.get(other, ()))
            for start in edges if start in reach[start]}


def shortest_loop(edges, members):
    """The arrows of the shortest way from a unit back to itself."""
    loops = [way for start in sorted(members) if (way := way_back(edges, start))]
    return min(loops, key=len)


def way_back(edges, start):
    waiting, seen = collections.deque([(start, [])]), set()
    while waiting:
        at, way = waiting.popleft()
        for following, arrow in sorted(edges.get(at, {}).items()):
            if following == start:
                return way + [arrow]
            if following not in seen:
                seen.add(following)
                waiting.append((following, way + [arrow]))
    return None
