# SPDX-License-Identifier: GPL-2.0-or-later
"""bench/flood: its crowd does what it says, and its figures are what was measured."""
import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
import time

import pytest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
sys.path.append(str(BENCH))
import flooders as crowds  # noqa: E402
from sections import flood  # noqa: E402

PATIENCE = 30


@pytest.fixture(name="listener")
def make_listener():
    with socket.create_server(("127.0.0.1", 0), backlog=100) as sock:
        sock.settimeout(PATIENCE)
        yield sock


@pytest.fixture(name="gather")
def make_gather(listener):
    """gather(count, sources, slow) is a crowd at the listener."""
    made = []

    def gather(*how):
        made.append(crowds.Crowd(listener.getsockname()[1], *how))
        return made[-1]
    yield gather
    for one in made:
        one.close()


def until(crowd, condition):
    """Turns until it holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        crowd.turn()


def accept(listener, crowd, count):
    """Its connections, and the addresses that they come from."""
    until(crowd, lambda: len(crowd.open) >= count)
    return zip(*(listener.accept() for _ in range(count)))


def test_sources(listener, gather):
    """They come from as many addresses as were named, none of which is the server's or the honest client's."""
    socks, peers = accept(listener, gather(20, 4, False), 20)
    hosts = [peer[0] for peer in peers]
    assert {hosts.count(host) for host in hosts} == {5}
    assert not {"127.0.0.1", flood.HONEST} & set(crowds.addresses(250))
    for sock in socks:
        sock.close()


def test_silent_and_back(listener, gather):
    """Who is sent away comes again, from the same address; nobody says a word."""
    crowd = gather(3, 3, False)
    socks, peers = accept(listener, crowd, 3)
    socks[0].close()
    until(crowd, lambda: crowd.opened == 4)
    again, peer = listener.accept()
    assert peer[0] == peers[0][0]
    for sock in (*socks[1:], again):
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(1)
        sock.close()


def test_slow(listener, gather, monkeypatch):
    """A ClientHello, byte by byte, from all of them."""
    monkeypatch.setattr(crowds, "BYTE_SECONDS", 0.01)
    crowd = gather(3, 1, True)
    socks, _ = accept(listener, crowd, 3)
    until(crowd, lambda: len(crowd.said) == 3 and min(crowd.said.values()) >= 10)
    for sock in socks:
        assert sock.recv(10, socket.MSG_WAITALL) == crowd.hello[:10]
        sock.close()
    assert crowd.hello.startswith(b"\x16\x03\x01")


def test_handshake_that_fails(listener):
    """Who is cut off has no time."""
    context = flood.ssl.create_default_context()
    listener.close()
    assert flood.handshake(context, 1) is None


def run_of(times, failed=0, death=None, errors=0):
    """What was measured of one subject."""
    traffic = {"latency_us": {"p99": 1500}, "sent_late_us": {"p99": 200}, "errors": errors}
    return {"quiet": traffic, "beside": traffic, "times_ms": times, "failed": failed, "untried": 0, "death": death,
            "crowd": {"open": 1, "opened": 2}}


def result_of(**runs):
    """Of one crowd."""
    return {"load": 3.14, "rate": 200, "handshakes": 3, "cases": [{"connections": 2500, "sources": 50, "slow": True, "runs": runs}]}


def test_summary():
    found = flood.summary(run_of([5, 1, 900], failed=2))
    assert found == {"median": 5, "worst": 900, "missed": 2, "quiet": 1.5, "beside": 1.5, "late": 0.2}
    assert set(flood.summary({"death": {"signal": 11}}).values()) == {None}


@pytest.mark.parametrize("run, told", [
    (run_of([1, 2, 3]), []),
    (run_of([1, 2, 1000]), ["2500 of 50: a handshake of somebody else took 1000 ms"]),
    (run_of([1, 2], failed=1), ["2500 of 50: 1 handshakes of others failed"]),
    (run_of([1], death={"signal": 11}), ["2500 of 50: the server died"]),
    (run_of([1], errors=1), ["2500 of 50: established traffic had 1 errors"] * 2),
])
def test_failures(run, told):
    """Ours has to do well, whatever the stock module does."""
    assert list(flood.failures(result_of(ours=run, stock=run_of([], failed=3)))) == told


def test_table(capsys):
    """A row for each subject, a dash where there is no figure."""
    death = {"signal": 11, "of": "a child process", "after_seconds": 0.3}
    flood.show(result_of(ours=run_of([5, 1, 900]), stock={"death": death}))
    title, _, ours, stock, *_ = capsys.readouterr().out.split("\n")
    assert title.endswith("load average at the start 3.1")
    assert ours.split() == "2500 50 slow ours 5.0 900 0 1.5 -> 1.5 0.2 1, 2 - survived".split()
    assert stock.split()[:11] == "2500 50 slow stock - - - - -> - -".split() and "SIGSEGV" in stock


def test_cases():
    """Silent ones of each size and spread, slow ones of each size."""
    found = flood.cases(flood.FloodScale())
    assert [case[:2] for case in found if not case.slow] == [(2500, 1), (2500, 50), (10000, 1), (10000, 50)]
    assert [case[:2] for case in found if case.slow] == [(2500, 50), (10000, 50)]


def test_too_few_files():
    """A sentence that says what to do, instead of a crowd that never comes."""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        os.setuid(65534)  # root could raise it
    if os.geteuid():
        pytest.skip("only root can become somebody who may not raise the limit")
    done = subprocess.run([sys.executable, "-c", "import sys; sys.path.append(sys.argv[1]); from sections import flood\n"
                           "try: flood.need_files(2500)\nexcept flood.Missing as missing: print(missing)", BENCH],
                          capture_output=True, text=True, timeout=60, preexec_fn=limit, check=True)
    assert done.stdout == ("A crowd of 2500 needs 3500 open files and only 256 are allowed: raise the limit (ulimit -Hn), "
                           "or choose smaller ones with --crowds.\n")


def page_of(folder, **runs):
    """What the report says of such runs."""
    content = {"command": "bench/flood", "date": "2026-01-01", "sections": {"flood": result_of(**runs)},
               "machine": {"cores": 2, "cpu": "a processor", "kernel": "Linux 6.1.1 x86_64", "ktls": False,
                           "openssl": "OpenSSL 3.0.1 1 Jan", "kamailio": "kamailio 5.6.3 (x86_64/linux)"},
               "settings": dict(flood.FloodScale()._asdict()), "troubles": {"flood": ["too slow"]}}
    path = folder / "flood.json"
    path.write_text(json.dumps(content))
    subprocess.run([BENCH / "report", "--out", folder, path], check=True, timeout=120)
    return (folder / "benchmarks.md").read_text()


def test_report_of_failures(tmp_path):
    """That ours failed stands among what went wrong, whatever others did."""
    page = page_of(tmp_path, ours=run_of([5], failed=2), stock=run_of([], failed=3))
    assert "Went wrong:\n\n" in page
    assert "| handshakes of others beside 2,500 slow connections from 50 addresses | 2 failed |" in page


def test_report(tmp_path):
    """The page has the table, and says what speaks against us."""
    page = page_of(tmp_path, **{"ours": run_of([5, 7, 1100]), "stock": run_of([], failed=3), "stock, with room": run_of([1, 1, 2])})
    assert "| 2,500 slow connections from 50 addresses | ours | 7.0 (1,100); 1.5 |" in page
    words = " ".join(page.split())
    assert "Beside crowds that say nothing ours let in all 50 other clients, the slowest after 1,100 ms (5.6.3);" in words
    assert "; the stock module let nobody else in beside 1 of 1 (5.6.3);" in words
    assert "| 2,500 slow connections from 50 addresses | stock module | none came in; 1.5 |" in page
    assert ("| slowest handshake of others beside a crowd, and that of the stock module with limits above the crowd | 1,100 ms, 2.0 ms "
            "beside 2,500 slow connections from 50 addresses |") in page
    assert "| flood: figures refused or runs that went wrong | 1: too slow |" in page and "Load average at the start: 3.1 (5.6.3)." in words


def test_whole(tmp_path):
    """The program, as small as it goes."""
    report = tmp_path / "flood.json"
    command = [str(BENCH / "flood"), "--subjects", "ours", "--crowds", "20", "--sources", "2", "--handshakes", "2",
               "--seconds", "5", "--connections", "10", "--rate", "100", "--json", str(report)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(report.read_text())["sections"]["flood"]
