# SPDX-License-Identifier: GPL-2.0-or-later
"""New certificates without a command: certificate_watch."""
import os
import re
import subprocess
import time

import pytest

import sip
from domains import AWAY, section, write
from test_reload import copy

TAKEN, KEPT = "has changed: the TLS configuration was reloaded", "has changed, but everything stays as it was"


def name(ser):
    """Common name of the certificate that a new client is shown."""
    with sip.TlsClient(ser.address()) as client:
        return client.ask().select("tls.me")


def looks(ser):
    """How often the process that watches has gone to sleep."""
    process = re.search(r"(\d+)\s+tls certificate watch", ser.text("core.ps"))[1]
    with open(f"/proc/{process}/status", encoding="utf-8") as status:
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)$", status.read(), re.M)[1])


def wait_for_looks(ser, count=3):
    """The last of them began and ended meanwhile: what a look finds at rest is taken by the next."""
    before = looks(ser)
    ser.settle(lambda: looks(ser) > before + count, "it does not look any more")


@pytest.fixture
def files(tmp_path, pki):
    """Paths of a certificate and its key that may be replaced."""
    paths = {kind: str(tmp_path / f"{kind}.pem") for kind in ("cert", "key")}
    put(pki.server, paths)
    return paths


def put(pair, paths):
    """Both, each in one step."""
    for kind, path in paths.items():
        copy(getattr(pair, kind), path)


def watching(paths, **tls):
    """Parameters of a server that looks every second."""
    return {"certificate": paths["cert"], "private_key": paths["key"], "certificate_watch": 1, **tls}


@pytest.mark.parametrize("engines", [1, 2])
def test_replaced(start, pki, files, engines):
    """The new certificate appears; nothing happens while nothing changes."""
    ser = start(tls=watching(files, engines=engines))
    with sip.TlsClient(ser.address()) as client:
        client.ask()
        for number, pair in enumerate((pki.server_rsa, pki.server)):
            put(pair, files)
            ser.settle(lambda number=number: ser.log_count(TAKEN) == number + 1, ser.log)
            assert name(ser) == pair.name
            wait_for_looks(ser)
            assert ser.logged(TAKEN, number + 1)
        client.ask()
    assert not ser.log_count(KEPT)
    ser.wait_idle()


def test_clock_behind(start, pki, files, tmp_path):
    """Files whose times lie in the future are loaded once more at most, and later changes are seen."""
    library = str(tmp_path / "behind.so")
    subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-o", library,
                    os.path.join(os.path.dirname(os.path.abspath(__file__)), "behind.c")], check=True, timeout=120)
    ser = start(tls=watching(files), environment={"LD_PRELOAD": library})
    ser.settle(lambda: ser.log_count(TAKEN), ser.log)
    wait_for_looks(ser, 6)
    assert ser.logged(TAKEN, 1), ser.log()
    put(pki.server_rsa, files)
    ser.settle(lambda: ser.log_count(TAKEN) == 2, ser.log)
    assert name(ser) == pki.server_rsa.name
    wait_for_looks(ser, 6)
    assert ser.logged(TAKEN, 2), ser.log()


def test_broken(start, pki, files):
    """A bad file is tried once, said once, by name; a good one is taken afterwards."""
    ser = start(tls=watching(files))
    engines = ser.engines()
    with open(files["key"], "w", encoding="utf-8") as key:
        key.write("garbage")
    ser.settle(lambda: ser.log_count(KEPT), ser.log)
    wait_for_looks(ser)
    assert ser.logged(KEPT, 1) and ser.logged(rf"ERROR.*{files['key']}.*private_key: ", 1), ser.log()
    assert name(ser) == pki.server.name and ser.engines()[0]["pid"] == engines[0]["pid"]
    os.unlink(files["key"])
    ser.settle(lambda: ser.log_count(KEPT) == 2, ser.log)
    assert name(ser) == pki.server.name
    put(pki.server_rsa, files)
    ser.settle(lambda: ser.log_count(TAKEN), ser.log)
    assert name(ser) == pki.server_rsa.name


def test_symbolic_links(start, pki, tmp_path):
    """As certbot does it: live/cert.pem leads to archive/certN.pem; and with a folder that is switched."""
    archive, live = tmp_path / "archive", tmp_path / "live"
    archive.mkdir()
    live.mkdir()
    pairs = pki.server, pki.server_rsa
    for number, pair in enumerate(pairs):
        for kind in "cert", "key":
            copy(getattr(pair, kind), str(archive / f"{kind}{number}.pem"))
    os.symlink(live, tmp_path / "current")
    paths = {kind: str(tmp_path / "current" / f"{kind}.pem") for kind in ("cert", "key")}

    def link(folder, number):
        for kind in paths:
            os.symlink(archive / f"{kind}{number}.pem", folder / "new")
            os.rename(folder / "new", folder / f"{kind}.pem")
    link(live, 0)
    time.sleep(1.1)
    ser = start(tls=watching(paths))
    link(live, 1)
    ser.settle(lambda: name(ser) == pki.server_rsa.name, ser.log)
    other = tmp_path / "other"
    other.mkdir()
    link(other, 0)
    os.symlink(other, tmp_path / "next")
    os.rename(tmp_path / "next", tmp_path / "current")
    ser.settle(lambda: name(ser) == pki.server.name, ser.log)
    assert ser.logged(TAKEN, 2) and not ser.log_count(KEPT), ser.log()


def test_while_it_changes(start, pki, files):
    """A file that is still being written is left alone until it is at rest."""
    ser = start(tls=watching(files))
    before = looks(ser)
    while looks(ser) <= before + 3:
        with open(files["cert"], "a", encoding="utf-8") as file:
            file.write("#\n")
        time.sleep(0.1)
    assert not ser.log_count(TAKEN) and not ser.log_count(KEPT)
    ser.settle(lambda: ser.log_count(TAKEN), ser.log)


def test_other_reloads(start, pki, files):
    """tls.reload names other files: these are watched from then on, the others no longer; it is no change by itself."""
    def config(server):
        return write(server, section("server:default", pki.server, ca_list=pki.ca.cert))
    ser = start(tls={**AWAY, "certificate_watch": 1, "config": config})
    with open(ser.info("tls.options")["config"], "w", encoding="utf-8") as file:
        file.write(section("server:default", pki.server._replace(cert=files["cert"], key=files["key"])))
    wait_for_looks(ser)
    assert not ser.log_count(TAKEN), "tls.cfg itself is not watched"
    ser.text("tls.reload")
    wait_for_looks(ser)
    assert not ser.log_count(TAKEN)
    put(pki.server_rsa, files)
    ser.settle(lambda: ser.log_count(TAKEN), ser.log)
    assert name(ser) == pki.server_rsa.name
    ser.wait_idle()


def test_off(start, pki, files):
    """Without the parameter there is no such process, and nothing is taken."""
    ser = start(tls=watching(files, certificate_watch=0))
    assert "certificate watch" not in ser.text("core.psx")
    put(pki.server_rsa, files)
    assert name(ser) == pki.server.name


def test_process(start, files):
    """It is one of SER's own, and ends with the others (the fixture looks)."""
    ser = start(tls=watching(files))
    assert ser.text("core.psx").count("tls certificate watch") == 1
