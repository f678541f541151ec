# SPDX-License-Identifier: GPL-2.0-or-later
"""A new configuration while SER works: all or nothing, and nobody notices."""
import contextlib
import itertools
import os
import re
import signal
import subprocess
import time

import pytest

import domains
import memory
import settings
import sip
from crowd import Crowd
from faults import REACHABLE, Call
from homes import DIRECT, RELAYED
from server import KAMCMD, Usage

RELOADS = 100
# Over which they are spread evenly; 0: one behind the other. RELOAD_SECONDS=10 pytest -s shows figures of such a run.
SECONDS = float(os.environ.get("RELOAD_SECONDS", "0"))
WORKERS = 4
MANY = 320  # domains: more than an answer has room for


def begun(ser):
    """A tls.reload that runs."""
    return subprocess.Popen([KAMCMD, "-s", f"unix:{ser.control}", "tls.reload"], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def reload(ser):
    """What tls.reload answers, and whether it did."""
    with begun(ser) as running:
        text, _ = running.communicate(timeout=2 * settings.PATIENCE)
    return text, running.returncode == 0 and "error: 500" not in text


@pytest.fixture
def files(tmp_path, pki):
    """A certificate and its key that a test may replace: copies."""
    paths = {}
    for kind in "cert", "key":
        paths[kind] = str(tmp_path / f"{kind}.pem")
        copy(getattr(pki.server, kind), paths[kind])
    return paths


def copy(source, target):
    """As certificate tools do: in one step."""
    with open(source, "rb") as old, open(target + ".new", "wb") as new:
        new.write(old.read())
    os.rename(target + ".new", target)


def serial(ser, home=DIRECT[0]):
    """Number of the certificate that a new client is shown."""
    with home.client(ser) as client:
        client.ask()
        return client.tls.getpeercert(binary_form=True)


def test_new_certificate(start, pki, files):
    ser = start(tls={"certificate": files["cert"], "private_key": files["key"]})
    with DIRECT[0].client(ser) as direct, RELAYED[0].client(ser) as relayed:
        direct.ask()
        relayed.ask()
        before = serial(ser)
        copy(pki.server_rsa.cert, files["cert"])
        copy(pki.server_rsa.key, files["key"])
        text, done = reload(ser)
        assert done and "[server:default]" in text, text
        with sip.TlsClient(ser.address()) as client:
            client.ask()
            assert client.tls.getpeercert(binary_form=True) != before
        for _ in range(20):
            direct.ask()
            relayed.ask()
    ser.wait_idle()


def test_mistake(start, files):
    """Everything stays, and the answer says why; it works again when the mistake is mended."""
    ser = start(tls={"certificate": files["cert"], "private_key": files["key"]})
    before, engines = serial(ser), ser.engines()
    good = files["key"] + ".good"
    copy(files["key"], good)
    for content in ("", "garbage", None):
        if content is None:
            os.unlink(files["key"])
        else:
            with open(files["key"], "w", encoding="utf-8") as key:
                key.write(content)
        text, done = reload(ser)
        assert not done and "private_key" in text and files["key"] in text, text
        assert serial(ser) == before
    assert [engine["pid"] for engine in ser.engines()] == [engine["pid"] for engine in engines]
    copy(good, files["key"])
    text, done = reload(ser)
    assert done, text
    assert serial(ser) == before
    assert ser.engines()[0]["pid"] != engines[0]["pid"]


def test_mistake_comes_first(start, pki):
    """Not a warning in front of it, which may have nothing to do with it; the log says of each what it is."""
    def config(server):
        return domains.write(server, domains.section("server:default", pki.server))
    ser = start(tls={**domains.AWAY, "config": config})
    domains.write(ser, domains.section("client:default", verify_certificate="yes")
                  + domains.section("server:default", pki.server, ca_list=pki.folder + "/missing"))
    text, done = reload(ser)
    assert not done
    assert re.match(r"error: 500 - \S+tls.cfg:\d+: \[server:default\]: ca_list: cannot read ", text), text
    assert ser.log_count(r"ERROR: tls: .*tls.reload changes nothing: .*: ca_list: cannot read") == 1
    assert ser.log_count(r"WARNING: tls: .*tls.reload changes nothing: warning: .* ca_list: not set although") == 1


def test_warnings_of_a_good_one(start, pki):
    """They are in the answer and in the log; what the answer has no room for it counts."""
    def config(server):
        return domains.write(server, domains.section("server:default", pki.server))

    def sections(number):
        return "".join(domains.section("server:any", pki.server, server_name=f"n{index}.example.org",
                                       **({} if index % 10 else {"ca_list": '""'})) for index in range(number))
    ser = start(tls={**domains.AWAY, "config": config})
    for number in 20, MANY:
        before = ser.log_count("WARNING: tls: .*ca_list: the value is empty")
        domains.write(ser, sections(number) + domains.section("server:default", pki.server))
        text, done = reload(ser)
        assert done, text
        warned, named = text.count("\nwarning: ") - text.count("\nwarning: and "), text.count("\n[server:any] ")
        more = [int(count or 0) for count in re.search(
            r"(?:and (\d+) more domains\n)?(?:warning: .*\n)*?(?:warning: and (\d+) more, which are in the log\n)?$", text).groups()]
        assert ser.log_count("WARNING: tls: .*ca_list: the value is empty") - before == number // 10 == warned + more[1], text
        assert named + more[0] + text.count("[server:default]") + text.count("[client:default]") == number + 2, text
        assert bool(more[0]) == bool(more[1]) == (number == MANY), text


def load(ser):
    """Clients that shake hands, ask and leave; none may fail."""
    homes = itertools.cycle((*DIRECT, RELAYED[0]))

    def come(_):
        with next(homes).client(ser) as client:
            for _ in range(3):
                client.ask()
    return Crowd(come, WORKERS)


def resident(ser):
    """KB of all processes, pages that several share counted in parts."""
    total = 0
    for process in ser.processes():
        try:
            with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
                total += int(next(line for line in file if line.startswith("Pss:")).split()[1])
        except OSError:  # not ours to look at, or just ended
            pass
    return total


@pytest.mark.parametrize("engines", [1, 2])
def test_under_load(start, engines):
    """No handshake fails, no connection is lost, no memory stays behind."""
    ser = start(tls={"engines": engines})
    assert reload(ser)[1]
    with DIRECT[0].client(ser) as client:
        client.ask()
    before, private, all_before, late = Usage(ser), memory.private(ser), resident(ser), 0
    reloads = RELOADS if settings.EXPECT == "user" and not settings.PRELOAD else RELOADS // 10
    with DIRECT[1].client(ser) as direct, RELAYED[0].client(ser) as relayed, load(ser) as crowd:
        began = time.monotonic()
        for number in range(reloads):
            left = began + number * SECONDS / reloads - time.monotonic()
            time.sleep(max(0, left))
            late += left < 0
            text, done = reload(ser)
            assert done, text
            direct.ask()
            relayed.ask()
        time.sleep(max(0, began + SECONDS - time.monotonic()))
        seconds, handshakes = time.monotonic() - began, crowd.done
        assert handshakes > WORKERS
    before.check()
    assert ser.command("tls.stats")["engine_deaths"] == 0
    print(f"{engines} engines: {reloads} reloads in {seconds:.1f} s ({late} later than evenly spread), {handshakes} "
          f"handshakes with 3 requests each, errors {crowd.errors}; shared memory {before.memory} to "
          f"{ser.shared_memory()} bytes, resident {all_before} to {resident(ser)} KB")
    if not settings.PRELOAD:  # a sanitizer keeps what was freed for a while
        ser.settle(lambda: not memory.kept(ser, private), lambda: f"private memory, before and now: {memory.kept(ser, private)}")


def test_sessions_survive(start):
    ser = start()
    for version in "1.2", "1.3":
        context = sip.context(version=version)
        with sip.TlsClient(ser.address(), context) as client:
            client.ask()
            session = client.tls.session
        assert reload(ser)[1]
        for _ in range(24):
            with sip.TlsClient(ser.address(), context, session) as client:
                assert client.tls.session_reused
                client.ask()
                session = client.tls.session


def test_many_with_relayed_connections(start):
    """Engines of old configurations that still relay are kept, but not any number of them."""
    ser = start()
    processes, clients = len(ser.processes()), []
    for _ in range(12):
        clients.append(RELAYED[0].client(ser).handshake())
        clients[-1].ask()
        assert reload(ser)[1]
    ser.settle(lambda: len(ser.processes()) == processes + 8, ser.processes)
    alive = 0
    for client in clients:
        try:
            client.ask()
            alive += 1
            client.close()
        except (sip.Ended, OSError):
            client.sock.close()
    assert alive == 8
    ser.wait_idle()
    ser.settle(lambda: len(ser.processes()) == processes, ser.processes)


def test_old_engines_that_do_not_end(start):
    """They hold up one reload at most, whose answer says why."""
    ser = start(tls={"engine_patience": 0})  # nobody else ends them
    ser.accept("cannot be started: too many engines of earlier|engine of an earlier configuration .* died")
    before, engines = ser.processes(), []
    with contextlib.ExitStack() as stack:
        for number in range(20):
            stack.enter_context(RELAYED[0].client(ser)).ask()
            engines.append(ser.engines()[0]["pid"])
            text, done = reload(ser)
            if not done:
                break
            os.kill(engines[-1], signal.SIGSTOP)
        assert number > 8 and "too many engines of earlier configurations were told to end" in text
        ser.settle(lambda: reload(ser)[1], ser.log)
        for pid in engines[:-1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        for home in DIRECT:
            with home.client(ser) as client:
                client.ask()
    ser.settle(lambda: len(ser.processes()) == len(before), ser.processes)


def test_next_client(start):
    """Of two engines that wait for a connection the kernel wakes one, which may just have stopped."""
    ser = start()
    for _ in range(40 if settings.EXPECT == "user" else 10):
        assert reload(ser)[1]
        for home in DIRECT:
            with home.client(ser) as client:
                client.ask()


def kill_new_engine(ser, control, before):
    """That which a reload has started, and which was not among the processes before; its report was not read yet."""
    ser.settle(lambda: control.failed and ser.processes() - before, ser.log)
    new, = ser.processes() - before
    os.kill(new, 9)
    ser.settle(lambda: not os.path.exists(f"/proc/{new}"), "it is not reaped")


def test_dies_after_its_report(start, control):
    """
    A new engine that said that it was ready, and died before that was read: tls.reload changes nothing, and the old one
    goes on.
    """
    ser = start(environment=control.environment, tls=REACHABLE)
    control.find_engine(ser)
    before, engine = ser.processes(), control.engine
    with control.armed(Call.REPORT, supervisor=True):
        with begun(ser) as running:
            kill_new_engine(ser, control, before)
            with open(control.report, "wb") as report:
                report.write(bytes(768))
            text, _ = running.communicate(timeout=2 * settings.PATIENCE)
    assert "the new engine 0 does not start: it died" in text
    assert ser.engines()[0]["pid"] == engine
    with sip.TlsClient(ser.address()) as client:
        client.ask()
    ser.text("tls.reload")
    assert ser.engines()[0]["pid"] not in (0, engine)
    with sip.TlsClient(ser.address()) as client:
        client.ask()
    ser.wait_idle()


def test_old_engine_dies_meanwhile(start, control, pki, files):
    """As long as nobody knows whether an engine starts with the new configuration, others start with the old one."""
    ser = start(environment=control.environment, tls={"certificate": files["cert"], "private_key": files["key"], **REACHABLE})
    ser.accept(r"CRITICAL: tls: the TLS engine \(process \d+\) died")
    control.find_engine(ser)
    shown, before, engine = serial(ser), ser.processes(), control.engine
    copy(pki.server_rsa.cert, files["cert"])
    copy(pki.server_rsa.key, files["key"])
    with control.armed(Call.REPORT, supervisor=True):
        with begun(ser) as running:
            kill_new_engine(ser, control, before)
            os.kill(engine, 9)
            ser.settle(lambda: ser.processes() - before, ser.log)  # RPC waits for tls.reload
            assert serial(ser) == shown
            with open(control.report, "wb") as report:
                report.write(bytes(768))
            text, _ = running.communicate(timeout=2 * settings.PATIENCE)
    assert "the new engine 0 does not start: it died" in text
    assert serial(ser) == shown
    assert reload(ser)[1]
    assert serial(ser) != shown
    ser.wait_idle()
