# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules. Each yields (path, line, sentence) for whatever breaks it; a sentence says what to do."""
import posixpath

from arrows import cycles, is_private, shortest_loop


def every_file_has_a_room(sources, rooms):
    for path in sources.files:
        if not rooms.of(path):
            yield path, 1, f"lies in no room; move it into one, or name its folder in {rooms.path}."


def every_room_is_a_folder(root, rooms):
    for room in rooms.order:
        if not (root / room.name).is_dir():
            yield str(rooms.path), room.line, f"names {room.name}, which is no folder (any more); remove the line."


def every_source_is_built(root, sources, objects):
    """Without its object nobody knows what a file uses."""
    for path in sources.files:
        if not path.endswith(".c"):
            continue
        if path not in objects.built:
            yield path, 1, "has no object in build/release; build first, or name it in CMakeLists.txt, or remove it."
        elif objects.built[path] < (root / path).stat().st_mtime:
            yield path, 1, "is newer than its object in build/release; build first."


def arrows_point_up(graph, rooms):
    for arrow in graph.arrows:
        room, other = rooms.of(arrow.source), rooms.of(arrow.target)
        if room and other and not room.may_use(other):
            yield (arrow.source, arrow.line, f"{arrow.what}, but {room.name} may not use {other.name}; "
                   f"move what it needs into a room that it may use, or let {other.name} pass it in.")


def few_know_the_core(graph, rooms):
    for path, line, symbol in graph.core:
        room = rooms.of(path)
        if room and not room.core:
            yield (path, line, f"names {symbol}, which neither ours nor a library defines: a symbol of the core, "
                   f"which {room.name} must not know; let a room that may (core in {rooms.path}) pass it in.")


def private_headers_stay_at_home(graph):
    for arrow in graph.arrows:
        if is_private(arrow.target) and posixpath.dirname(arrow.source) != posixpath.dirname(arrow.target):
            yield (arrow.source, arrow.line, f"{arrow.what}, which is private to its folder; "
                   "move what is needed into a header for others.")


def cycles_are_named(graph, exceptions):
    edges = graph.between_units()
    found = cycles(edges)
    for members in found - exceptions.cycles.keys():
        loop = shortest_loop(edges, members)
        way = ", ".join(f"{arrow.source}:{arrow.line} {arrow.what}" for arrow in loop)
        yield (loop[0].source, loop[0].line, f"is in a cycle of {len(members)} files, {' '.join(sorted(members))} "
               f"(shortest way round: {way}); cut it, or name it with a reason in {exceptions.path}.")
    for members in exceptions.cycles.keys() - found:
        yield (str(exceptions.path), exceptions.cycles[members],
               f"names the cycle {' '.join(sorted(members))}, which is not there (any more); remove the line.")


def a_tag_means_one_thing(sources, exceptions):
    places = {}
    for source in sources.files.values():
        for line, tag in source.tags():
            places.setdefault(tag, {}).setdefault(source.path, line)
    found = {(tag, frozenset(where)) for tag, where in places.items() if len(where) > 1}
    for tag, paths in found - exceptions.tags.keys():
        first, *others = sorted(paths)
        yield (others[0], places[tag][others[0]], f"defines {tag}, as do {' and '.join([first, *others[1:]])}; "
               f"give each meaning its own name, or name the files with a reason in {exceptions.path}.")
    for tag, paths in exceptions.tags.keys() - found:
        yield (str(exceptions.path), exceptions.tags[tag, paths],
               f"names the tag {tag} of {' '.join(sorted(paths))}, which is not so (any more); remove the line.")


def first_lines_say_what_a_file_is(sources):
    for source in sources.files.values():
        header = source.path[:-2] + ".h"
        if not source.says_what_it_is() and (source.path == header or header not in sources.files):
            yield source.path, 2, "does not say what it is; begin it, behind the licence, with a comment that does."
