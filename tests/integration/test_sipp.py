# SPDX-License-Identifier: GPL-2.0-or-later
"""SIPp's phones: keep-alive, registration, and calls that SER relays, through stunnel where SIPp has no TLS itself."""
import contextlib
import pathlib
import shutil
import subprocess
import sys

import pytest

import settings
from kernel import TALLY
from patience import settle
from ports import connects, free_port

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "sipp"))
import clients  # noqa: E402

CALLS, PARALLEL = 20, 5
# stunnel's first one, of the look whether it listens.
LOOKS = 1


def spawn(stack, words, folder):
    """A program in a folder of its own; it ends with the test."""
    folder.mkdir()
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(list(map(str, words)), cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=output)

    def end():
        process.kill()
        process.wait(settings.PATIENCE)
    stack.callback(end)
    return process


def wait_listening(process, port, log):
    """Until connections are taken there."""
    settle(lambda: process.poll() is not None or connects(port), lambda: log.read_text(errors="replace"))
    assert process.poll() is None, log.read_text(errors="replace")


def start_stunnel(stack, ser, pki, folder):
    """The port that leads to SER's TLS one."""
    port, config = free_port(), folder / "stunnel.conf"
    config.write_text(clients.stunnel_config(port, ser.address()[1], pki.ca.cert, folder / "stunnel.log",
                                             "checkHost = sip.example.org"))
    process = spawn(stack, [shutil.which("stunnel4") or shutil.which("stunnel"), config], folder / "stunnel")
    wait_listening(process, port, folder / "stunnel" / "output")
    return port


def start_called(stack, scenario, folder):
    """The port of the SIPp behind SER."""
    port = free_port()
    process = spawn(stack, clients.called("sipp", scenario, port, free_port()), folder / "called")
    wait_listening(process, port, folder / "called" / "output")
    return port


def told(folder):
    """What SIPp and stunnel said, for who reads a failure."""
    files = [folder / "caller" / "errors.log", folder / "caller" / "output", folder / "stunnel.log"]
    return "\n".join(file.read_text(errors="replace")[-2000:] for file in files if file.exists())


@pytest.fixture
def proxy(start):
    """A SER that registers and relays."""
    return start(listen=("tls:127.0.0.1", "tcp:127.0.0.1"), core=clients.CORE, script=clients.ROUTE,
                 modules=[name for name in clients.MODULES if name not in ("sl", "pv")])


@pytest.mark.parametrize("scenario", clients.SCENARIOS, ids=lambda scenario: scenario.name)
def test_calls(proxy, pki, tmp_path, scenario):
    """Every call succeeds, and every request of it is answered."""
    with contextlib.ExitStack() as stack:
        behind = start_called(stack, scenario, tmp_path) if scenario.relayed() else None
        to = start_stunnel(stack, proxy, pki, tmp_path)
        connections = CALLS if scenario.each else 1
        TALLY.add(made=connections + LOOKS, answered=connections)
        words = clients.caller("sipp", scenario, to, free_port(), CALLS, PARALLEL, settings.PATIENCE, behind)
        process = spawn(stack, words, tmp_path / "caller")
        process.wait(2 * settings.PATIENCE)
        assert process.returncode == 0, told(tmp_path)
        seen = clients.outcome(tmp_path / "caller")
        assert (seen["calls"], seen["failed"]) == (CALLS, 0), told(tmp_path)
        assert seen["responses"] == CALLS * scenario.requests
        assert clients.negotiated((tmp_path / "stunnel.log").read_text()).startswith("TLSv1.3 ")
    proxy.wait_idle()
