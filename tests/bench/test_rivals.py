# SPDX-License-Identifier: GPL-2.0-or-later
"""The section of bench/compare about proxies: what it prints, and the configurations it writes."""
import pathlib
import sys
from types import SimpleNamespace

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from proxy import Proxy  # noqa: E402
from sections import rivals  # noqa: E402
from subjects import Subject  # noqa: E402
from tools import Missing, find_rivals  # noqa: E402

DEATH = {"signal": 11, "exit_code": None, "of": "a child process", "after_seconds": 1.0}


def handshake(cpu, **more):
    return {"death": None, "cpu_us": cpu, "rate": 1000.0, "errors": 0, **more}


def connection(cpu, **more):
    return {"death": None, "cpu_us": cpu, "shared": 2048.0, "private": 512.0, **more}


@pytest.fixture
def bench(tmp_path):
    for kind in ("pem", "key"):
        (tmp_path / f"server.{kind}").write_text(f"the {kind}\n")
    tools = {"nginx": "nginx", "nginx-stream": "/modules/stream.so", "haproxy": "haproxy"}
    return SimpleNamespace(folder=tmp_path, tools=tools, scale=SimpleNamespace(body=0))


def test_tables(capsys):
    """Medians, and ratios inside of rounds."""
    handshakes = [{"ours": handshake(400), "nginx alone": handshake(500)},
                  {"ours": handshake(600), "nginx alone": handshake(500)},
                  {"ours": handshake(450), "nginx alone": handshake(500, death=DEATH)}]
    connections = [{"ours": connection(300), "tcp": connection(100)}]
    result = {"handshakes": [{"kind": "ECDSA 1.3", "rounds": handshakes}],
              "connections": [{"kind": "ECDSA 1.3", "rounds": connections}]}
    rivals.show(result)
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    cells = [[cell.strip() for cell in line if cell] for line in lines]
    assert ["ECDSA 1.3", "ours", "450 (400..600)", "1000", "1.00", "0"] in cells
    assert ["ECDSA 1.3", "nginx alone", "500", "1000", "1.00 (0.80..1.20)", "0",
            "1 of 3 died after 1.0 s: SIGSEGV of a child process"] in cells
    assert ["ECDSA 1.3", "tcp", "100", "3.00", "2.0", "0.5"] in cells
    assert not list(rivals.failures(result))


def test_failures():
    """A proxy may fall, we may not."""
    rounds = [{"ours": handshake(1, death=DEATH), "haproxy": handshake(1)}, {"haproxy": handshake(1, death=DEATH)}]
    result = {"handshakes": [{"kind": "RSA 1.2", "rounds": rounds}], "connections": []}
    assert list(rivals.failures(result)) == ["handshakes, RSA 1.2, round 1: ours died"]


@pytest.mark.parametrize("alone", [False, True])
def test_nginx(bench, alone):
    """Alone it closes when hands are shaken."""
    proxy = Proxy(bench, Subject("nginx", "nginx"), alone=alone)
    command = proxy.command()
    text = command[-1].read_text()
    assert f"listen 127.0.0.1:{proxy.port} ssl" in text and f"{bench.folder}/server.pem;" in text
    assert ('return "";' if alone else f"proxy_pass 127.0.0.1:{proxy.server.port};") in text


def test_haproxy(bench):
    """It gets certificate and key in one file."""
    proxy = Proxy(bench, Subject("haproxy", "haproxy"))
    text = proxy.command()[-1].read_text()
    assert f"server ser 127.0.0.1:{proxy.server.port}" in text and f"bind 127.0.0.1:{proxy.port} " in text
    assert (proxy.folder / "both.pem").read_text() == "the pem\nthe key\n"


def test_tools(monkeypatch):
    """Only who is compared has to be there."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("tools.shutil.which", lambda name, path=None: None)
    assert not find_rivals(SimpleNamespace(subjects=["ours", "nginx"], only=["storm"]))
    assert not find_rivals(SimpleNamespace(subjects=["ours"], only=["rivals"]))
    with pytest.raises(Missing, match="haproxy is missing; install the package haproxy"):
        find_rivals(SimpleNamespace(subjects=["haproxy"], only=["rivals"]))
