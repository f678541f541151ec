# SPDX-License-Identifier: GPL-2.0-or-later
"""What the module may do: load the kernel's module at the start, nothing afterwards."""

import server
import sip


def status(process):
    """Fields of /proc/PID/status."""
    with open(f"/proc/{process}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def key_holders(ser):
    """An engine and its supervisor: none of the core's is without capabilities when SER runs as root."""
    found = [process for process in ser.processes() if status(process)["NoNewPrivs"] == "1"]
    assert len(found) == 2, found
    assert ser.engines()[0]["pid"] in found
    return found


def test_engine_has_no_capability(ser):
    with sip.TlsClient(ser.address()) as client:
        client.ask()
        for process in key_holders(ser):
            for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                assert int(status(process)[kind], 16) == 0, kind


def test_without_the_right_to_load_modules(start, pki):
    """SER runs; where the kernel's module is not there yet, its log says what to do."""
    ser = start(binary=server.behind(pki, words="setpriv --bounding-set=-net_admin"))
    with sip.TlsClient(ser.address()) as client:
        client.ask()
    log = ser.log()
    assert "records go to the kernel" in log or "modprobe tls" in log
