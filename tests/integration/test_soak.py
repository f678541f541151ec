# SPDX-License-Identifier: GPL-2.0-or-later
"""
Everything at once, for SOAK seconds (20 unless the environment says more): talkers in every home, storms, clients that
stop in the middle, peers that do not read, garbage, resets, engines that die. At the end SER has what it had.
"""
import contextlib
import os
import random
import signal
import threading
import time

import pytest

import settings
import sip
from homes import DIRECT, RELAYED
from server import Usage

SECONDS = int(os.environ.get("SOAK", "20"))
KILL_EVERY = 6  # seconds; of two in turn, each lives for 10, else it would be a test of the back-off
DEATH = r"CRITICAL: tls: the TLS engine \(process \d+\) died \(signal 9\)"
# A process may keep some of what it grew by: the core's and the library's caches.
PRIVATE_SLACK = 2 * 1024 * 1024
LOST = (sip.Ended, OSError, AssertionError)


class Crowd:
    """Threads that do something again and again until time is over."""

    def __init__(self, ser):
        self.ser, self.until, self.threads, self.failures = ser, time.monotonic() + SECONDS, [], []
        self.counts = {}

    def add(self, action, times=1):
        """A round of an action ends by itself; what it raises is a failure."""
        for number in range(times):
            thread = threading.Thread(target=self.run, args=(action, number), daemon=True)
            self.threads.append(thread)
            thread.start()

    def run(self, action, number):
        generator = random.Random(f"{action.__name__} {number}")
        while time.monotonic() < self.until:
            try:
                action(self.ser, generator)
                self.counts[action.__name__] = self.counts.get(action.__name__, 0) + 1
            except Exception as failure:  # pylint: disable=broad-except
                self.failures.append(f"{action.__name__}: {failure!r}")
                return

    def join(self):
        for thread in self.threads:
            thread.join(SECONDS + 3 * settings.PATIENCE)
        assert not self.failures, self.failures
        assert not any(thread.is_alive() for thread in self.threads)


def talk(ser, generator):
    """A direct connection: whatever happens to engines, it loses nothing once it is up."""
    home = generator.choice(DIRECT)
    client = home.client(ser)
    try:
        client.handshake()
        client.ask()
    except LOST:  # the engine died under its handshake
        client.sock.close()
        return
    for _ in range(generator.randrange(200)):
        client.ask()
    client.close()


def talk_relayed(ser, generator):
    with contextlib.suppress(*LOST), RELAYED[0].client(ser) as client:
        for _ in range(generator.randrange(100)):
            client.ask("MESSAGE", size=generator.randrange(500, 9000))


def shake_and_reset(ser, generator):
    client = sip.TlsClient(ser.address(), sip.context(version=generator.choice(("1.2", "1.3"))))
    with contextlib.suppress(*LOST):
        client.handshake()
    client.reset()


def stop_in_the_middle(ser, generator):
    with contextlib.suppress(*LOST), sip.Wire(ser.address()) as client:
        client.put(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".ljust(300, b"\x01")[:generator.randrange(1, 300)])
        time.sleep(generator.random() * 3)


def send_garbage(ser, generator):
    with contextlib.suppress(*LOST), sip.Wire(ser.address()) as client:
        client.put(generator.randbytes(generator.randrange(1, 2000)))
        client.end()


def break_a_record(ser, generator):
    with contextlib.suppress(*LOST, sip.ssl.SSLError), generator.choice(DIRECT).client(ser) as client:
        client.ask()
        record = bytearray(client.seal(sip.request()))
        record[-1] ^= 1
        client.put(bytes(record))
        client.end()


def never_read(ser, generator):
    with contextlib.suppress(*LOST), generator.choice((*DIRECT, RELAYED[0])).client(ser) as client:
        client.ask()
        client.sock.settimeout(1)
        data = b"".join(sip.request("MESSAGE", headers=["X-Conn: " + "p" * 900]) for _ in range(8))
        for _ in range(500):
            client.send(data)


def private(ser):
    """Bytes that each process has for itself, engines by number."""
    names = {engine["pid"]: f"engine {engine['engine']}" for engine in ser.engines()}
    found = {}
    for process in ser.processes():
        with contextlib.suppress(OSError), open(f"/proc/{process}/smaps_rollup", encoding="utf-8") as file:
            found[names.get(process, process)] = sum(
                int(line.split()[1]) * 1024 for line in file if line.startswith(("Private_Clean", "Private_Dirty")))
    return found


@pytest.mark.parametrize("tcp_async", ["yes", "no"])
def test_everything_at_once(start, tcp_async):
    ser = start(tls={"engines": 2, "handshake_timeout": 2, "send_timeout": 2, "tls_log": 3},
                core=[f"tcp_async={tcp_async}", "tcp_no_connect=yes", "tcp_send_timeout=2"])
    ser.accept(DEATH)
    for home in (*DIRECT, RELAYED[0]):  # what a process takes once is not of interest
        for _ in range(20):
            with home.client(ser) as client:
                client.ask()
    before, memory = Usage(ser), private(ser)
    crowd = Crowd(ser)
    for action, times in ((talk, 4), (talk_relayed, 2), (shake_and_reset, 4), (stop_in_the_middle, 2),
                          (send_garbage, 1), (break_a_record, 1), (never_read, 2)):
        crowd.add(action, times)
    kills = 0
    while time.monotonic() < crowd.until - KILL_EVERY:
        time.sleep(KILL_EVERY)
        victim = ser.engines()[kills % 2]
        os.kill(victim["pid"], signal.SIGKILL)
        kills += 1
        ser.settle(lambda: ser.engines()[victim["engine"]]["starts"] > victim["starts"], ser.log)
    crowd.join()
    print(f"rounds: {crowd.counts}, engines killed: {kills}, counters: {ser.command('tls.stats')}")
    assert set(crowd.counts) == {action.__name__ for action in (
        talk, talk_relayed, shake_and_reset, stop_in_the_middle, send_garbage, break_a_record, never_read)}
    assert ser.logged(DEATH, kills)
    with DIRECT[0].client(ser) as client:
        client.ask()
    before.check()
    if settings.PRELOAD:
        return  # a sanitizer keeps what was freed for a while
    ser.settle(lambda: all(private(ser).get(process, 0) <= then + PRIVATE_SLACK for process, then in memory.items()),
               lambda: f"private memory by process is {private(ser)}, was {memory}")
