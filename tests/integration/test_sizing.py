# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/sizing.md: the settings for a large machine are ones with which SER starts."""
import re
import shlex

import pytest

import sip
from manual import block
from server import behind

SERVICE = "/lib/systemd/system/kamailio.service"


@pytest.fixture
def variables():
    """What the page puts into the environment of the service."""
    return dict(line.split("=") for line in block("docs/sizing.md", "SHM_MEMORY=").splitlines())


@pytest.fixture
def options():
    """What the page adds to the command of Debian's service."""
    command, = re.findall(r"^ExecStart=(/.*)$", block("docs/sizing.md", "[Service]\n"), re.M)
    with open(SERVICE, encoding="utf-8") as service:
        theirs, = re.findall(r"^ExecStart=(/.*)$", service.read(), re.M)
    assert command.startswith(theirs + " ")
    return command[len(theirs):]


def test_large_machine(start, pki, variables, options):
    """All of it together."""
    core = block("docs/sizing.md", "tcp_max_connections=").splitlines()
    name, value = re.fullmatch(r'modparam\("tls", "(\w+)", (\d+)\)\n', block("docs/sizing.md", 'modparam("tls"')).groups()
    ser = start(core=core, memory=int(variables["SHM_MEMORY"]), tls={name: int(value)},
                binary=behind(pki, f'set -- "$@" -M {shlex.quote(variables["PKG_MEMORY"])} {options}'))
    ser.accept(r"a process may open \d+ descriptors")  # where a test may not open so many
    with sip.TlsClient(ser.address()) as client:
        client.ask()
    assert ser.command("tls.options")[name] == int(value)
    info = ser.text("core.tcp_options")
    for line in core:
        name, value = line.split("=")
        shown = {"tcp_max_connections": r"max_connections\(soft\)", "tls_max_connections": r"max_tls_connections\(soft\)"}[name]
        assert re.search(rf"^\s*{shown}: {value}$", info, re.M), info
    with open(f"/proc/{ser.process.pid}/cmdline", encoding="ascii") as arguments:
        words = arguments.read().split("\0")
    for name, value in ("-m", variables["SHM_MEMORY"]), ("-M", variables["PKG_MEMORY"]), ("-X", "fm"):
        last = len(words) - words[::-1].index(name)  # it counts
        assert words[last] == value, words
