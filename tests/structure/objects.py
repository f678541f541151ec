# SPDX-License-Identifier: GPL-2.0-or-later
"""What is read from a build: the symbols that objects define and need, and those of the libraries they are linked to."""
import pathlib
import re
import subprocess

OBJECT = re.compile(r"(.*/)?CMakeFiles/[^/]+\.dir/(.+)\.o")  # FOLDER/CMakeFiles/TARGET.dir/FILE.c.o
LINKER_MAKES = {"_GLOBAL_OFFSET_TABLE_", "__dso_handle", "atexit"}
EXECUTABLE, SHARED = 2, 3  # e_type, elf(5)


def nm(*arguments):
    """(file, symbol, type) of each."""
    done = subprocess.run(["nm", "-A", "-P", *map(str, arguments)], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        file, _, rest = line.partition(": ")
        symbol, kind = rest.split()[:2]
        yield file, symbol.partition("@")[0], kind


def is_linked(path):
    """Whether a file is a program or a shared object."""
    with path.open("rb") as file:
        head = file.read(18)
    return head[:4] == b"\x7fELF" and head[16] in (EXECUTABLE, SHARED)


class Objects:
    def __init__(self, build, root):
        self.defined, self.needed = {}, {}  # symbol: sources that define it; source: symbols of others
        self.built = {}  # source: when its oldest object was made
        sources = {}  # object: its source
        linked = []
        for path in sorted(build.rglob("*")) if build.is_dir() else ():
            below = path.relative_to(build)
            if below.parts[0] == "tests" or not path.is_file() or path.is_symlink():
                continue
            match = OBJECT.fullmatch(below.as_posix())
            if match:
                source = (match.group(1) or "") + match.group(2)
                if (root / source).exists():  # an old object outlives a source that moved
                    sources[str(path)] = source
                    made = path.stat().st_mtime
                    self.built[source] = min(made, self.built.get(source, made))
            elif path.suffix != ".o" and is_linked(path):
                linked.append(path)
        for file, symbol, kind in nm("-g", *sources) if sources else ():
            if kind in "Uvw":
                self.needed.setdefault(sources[file], set()).add(symbol)
            else:
                self.defined.setdefault(symbol, set()).add(sources[file])
        self.exported = LINKER_MAKES | exports(build, linked)


def exports(build, linked):
    """The symbols of the system's libraries that programs and shared objects are linked to."""
    libraries = set()
    for path in linked:
        done = subprocess.run(["ldd", path], capture_output=True, text=True, check=True)
        libraries.update(map(pathlib.Path, re.findall(r"(/\S+) \(0x", done.stdout)))
    foreign = [library for library in libraries if build.resolve() not in library.parents]
    return {symbol for _, symbol, _ in nm("-D", "--defined-only", *foreign)} if foreign else set()
