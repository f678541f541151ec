# SPDX-License-Identifier: GPL-2.0-or-later
"""What is installed is enough for a program that is built elsewhere: docs/library.md, as it stands there."""
import os
import re
import shlex
import socket
import subprocess
import time

import pytest

import settings
import sip
import tools
from manual import ROOT, SUDO, block, commands, read
from kernel import TALLY, counters
from patience import settle
from ports import free_port

BUILD = os.path.dirname(os.path.dirname(settings.MODULE or ""))
SANITIZERS = "-fsanitize=address,undefined" if settings.PRELOAD else ""


def run(*command, **options):
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=5 * settings.PATIENCE, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def typed():
    """The page's commands: for packages (test_first_steps.py), to build, to install, and for the loader."""
    packages, build, install_it, loader = commands(block("docs/library.md", "sudo apt install "))
    assert packages.startswith("sudo apt ") and loader == "sudo ldconfig", "which environment() takes the place of"
    return build, install_it


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """A folder with everything installed."""
    if not os.access(BUILD, os.W_OK):
        pytest.skip("cmake --install writes a list into the build folder, which is read-only here")
    folder = tmp_path_factory.mktemp("prefix")
    _, command = typed()
    for theirs, ours in ("build/release", BUILD), ("/usr/local", folder):
        assert f" {theirs}" in command
        command = command.replace(theirs, shlex.quote(str(ours)))
    run("sh", "-c", SUDO + command)
    return folder


@pytest.fixture
def environment(prefix):
    """Where pkg-config and the loader look."""
    return {**os.environ, "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig", "LD_LIBRARY_PATH": f"{prefix}/lib"}


def program(name):
    """The page's C code that is called so, and its other way to wait."""
    if name == "server":
        return block("docs/library.md", "#include <ktls/stream_io.h>")
    ring = block("docs/library.md", "#include <uring/server.h>")
    loop = "\twhile ((!over || peers) && !uring_turn(loop))\n\t\t;\n"
    assert loop in ring
    return ring if name == "ring" else ring.replace(loop, block("docs/library.md", "\tstruct pollfd ring"))


@pytest.mark.parametrize("name", ["server", "ring", "ring in poll"])
@pytest.mark.parametrize("how", ["shared", "static"])
def test_program(name, how, prefix, environment, tmp_path):
    """Compiled, started and asked with the page's own command lines, each version; echoes."""
    compilers = commands(block("docs/library.md", "cc -o server "))
    certify, start = commands(block("docs/library.md", "openssl req "))
    (tmp_path / "server.c").write_text(program(name), encoding="utf-8")
    run("sh", "-c", f"{compilers[how == 'static']} {SANITIZERS} -Wall -Wextra -Werror", cwd=tmp_path,
        env=environment)
    linked = run("ldd", "server", cwd=tmp_path, env=environment)
    assert (f"{prefix}/lib/libserktls.so.0" in linked) == (how == "shared"), linked
    port, before = free_port(), counters()
    run(*certify.split(), cwd=tmp_path)
    with subprocess.Popen(start.replace("4433", str(port)).split(), cwd=tmp_path, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as started:
        try:
            assert wait_for_listener(port), started.stdout.read()
            assert started.stdout.readline()  # of that connection
            TALLY.started(before)
            for version in "1.2", "1.3":
                with echo(port, version):
                    where = {"kernel": "the kernel", "user": "user space"}[settings.EXPECT]
                    assert started.stdout.readline().endswith(f", records in {where}\n")
            if name != "server":
                check_end(started, port)
        finally:
            started.kill()


def echo(port, version):
    """A client that is understood."""
    command, = commands(block("docs/library.md", "openssl s_client "))
    client = tools.Command([*command.replace("4433", str(port)).split(), "-tls" + version.replace(".", "_")])
    for text in b"spring\n", b"x" * 3000 + b"\n":
        client.type(text)
        client.wait_for(text)
    TALLY.add(answered=1)
    return client


def check_end(started, port):
    """After SIGTERM nobody is let in; whoever is there may stay."""
    with echo(port, "1.3") as client:
        started.terminate()
        settle(lambda: is_refused(port), "nobody listens any more")
        client.type(b"winter\n")
        client.wait_for(b"winter\n")
    assert started.wait(settings.PATIENCE) == 0, started.stdout.read()


def wait_for_listener(port):
    """A handshake with it, and nothing more."""
    for _ in range(10 * settings.PATIENCE):
        try:
            with sip.TlsClient(("127.0.0.1", port), sip.context(), offload=None) as client:
                client.close()
            return True
        except ConnectionRefusedError:
            time.sleep(0.1)
    return False


def is_refused(port):
    """Nobody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_bare_system(tmp_path):
    """The page's first command needs nothing that tests need."""
    build, _ = typed()
    configure, compile_it = build.split(" && ")
    assert compile_it == "cmake --build --preset release", "as in what was installed here"
    finder = tmp_path / "pkg-config"
    finder.write_text('#!/bin/sh\ncase "$*" in *cmocka*) exit 1 ;; esac\nexec pkg-config "$@"\n', encoding="ascii")
    finder.chmod(0o755)
    run(*configure.split(), "-B", str(tmp_path / "build"), cwd=ROOT,
        env={**os.environ, "PKG_CONFIG": str(finder)})


def declared(prefix):
    """Names of functions and data in the installed headers."""
    names = set()
    for folder, _, files in os.walk(prefix / "include" / "serktls"):
        for name in files:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text = re.sub(r"/\*.*?\*/|^\s*#.*?$", "", file.read(), flags=re.DOTALL | re.M)
            names |= set(re.findall(r"^(?!static)\w[\w *]*?\b(\w+)\(", text, re.M))
            names |= set(re.findall(r"^extern [\w *]*?\b(\w+)\[\];", text, re.M))
    return names


def test_symbols(prefix):
    """Both libraries show what the installed headers declare, and nothing else."""
    library = prefix / "lib"
    shared = run("nm", "-D", "--defined-only", "--format=posix", str(library / "libserktls.so"))
    static = run("nm", "-g", "--defined-only", "--format=posix", str(library / "libserktls.a"))
    found = [{line.split()[0] for line in text.splitlines() if len(line.split()) > 2} for text in (shared, static)]
    if SANITIZERS:
        found = [{name for name in names if "asan" not in name} for names in found]
    assert found[0] == found[1] == declared(prefix)
    soname = run("readelf", "-d", str(library / "libserktls.so"))
    assert "[libserktls.so.0]" in soname
    assert os.readlink(library / "libserktls.so.0") == os.path.basename(os.path.realpath(library / "libserktls.so"))


@pytest.mark.parametrize("compiler", [["cc", "-std=c11", "-pedantic"], ["c++", "-std=c++17", "-x", "c++"]],
                         ids=["C11", "C++17"])
def test_headers(compiler, prefix, environment, tmp_path):
    """Each can be included alone, without a warning."""
    flags = run("pkg-config", "--cflags", "serktls", env=environment).split()
    root = prefix / "include" / "serktls"
    for header in sorted(root.glob("*/*.h")):
        name = header.relative_to(root)
        (tmp_path / "one.c").write_text(f"#include <{name}>\n", encoding="ascii")
        run(*compiler, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *flags, "one.c", cwd=tmp_path)


def test_cxx(prefix, environment, tmp_path):
    """A C++ program finds the functions."""
    (tmp_path / "one.cc").write_text("#include <ktls/stream_io.h>\n#include <uring/loop.h>\n"
                                     "int main() { return ktls_alert_level(0) - KTLS_ALERT_WARNING; }\n",
                                     encoding="ascii")
    flags = run("pkg-config", "--cflags", "--libs", "serktls", env=environment).split()
    run("c++", "-std=c++17", "one.cc", *flags, *SANITIZERS.split(), "-o", "one", cwd=tmp_path)
    run("./one", cwd=tmp_path, env=environment)


def test_module(prefix):
    """SER's module lies where the page says."""
    assert "`lib/ser-ktls/tls.so`" in read("docs/library.md")
    module = prefix / "lib" / "ser-ktls" / "tls.so"
    assert os.path.getsize(module) == os.path.getsize(settings.MODULE)
    assert "serktls" not in run("ldd", str(module)), "it needs no library of ours"


def test_manuals(prefix):
    """Those that are there."""
    source = os.path.join(ROOT, "docs", "man")
    names = sorted(name for name in os.listdir(source) if name.endswith(".7")) if os.path.isdir(source) else []
    installed = prefix / "share" / "man" / "man7"
    assert sorted(os.listdir(installed) if installed.exists() else []) == names
