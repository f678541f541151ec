# SPDX-License-Identifier: GPL-2.0-or-later
"""
Everything at once, for SOAK seconds (30 unless the environment says more), half of them for each of the core's ways to
send: clients, peers and crowds, good and bad (soak_clients.py), and what happens to SER meanwhile (soak_steps.py). At
the end SER has what it had at the beginning (soak_state.py).
"""
import itertools
import os
import random
import threading
import time
import traceback

import pytest

import memory
import outbound
import settings
from homes import DIRECT
from kernel import TALLY
from soak_clients import EVERYBODY, LISTEN, WITHOUT_KERNEL, client
from soak_state import AtRest, check_counters
from soak_steps import Steps, certificate_file

SECONDS = int(os.environ.get("SOAK", "30")) / 2
PAUSE = 1 if SECONDS < 60 else 4  # seconds between steps
PLACES = 64  # for handshakes, in each engine
FOR_ONE = 64  # connections of one address
FOR_ALL = 120
WEB_SOCKETS = ("event_route[xhttp:request] {", "ws_handle_handshake();", "}")


class Crowd:
    """Threads that do something again and again until the block ends."""

    def __init__(self, ser, everybody):
        self.ser, self.over, self.failures = ser, threading.Event(), []
        self.counts = dict.fromkeys((action.__name__ for action in everybody), 0)
        self.threads = [threading.Thread(target=self.run, args=(action, number), daemon=True)
                        for action, times in everybody.items() for number in range(times)]

    def run(self, action, number):
        """What a round raises is a failure."""
        generator = random.Random(f"{action.__name__} {number}")
        while not self.over.is_set():
            try:
                action(self.ser, generator)
                self.counts[action.__name__] += 1
            except Exception:  # pylint: disable=broad-except
                self.failures.append(f"{action.__name__}: {traceback.format_exc()}")
                return

    def check(self):
        assert not self.failures, "\n".join(self.failures)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(3 * settings.PATIENCE)
        self.check()
        assert not any(thread.is_alive() for thread in self.threads)


@pytest.fixture
def ser(start, pki, tmp_path, tcp_async):
    """With limits that can be reached."""
    file = certificate_file(tmp_path, pki.server)
    return start(
        listen=LISTEN, routes=(*outbound.ROUTES, *WEB_SOCKETS), modules=("tm", "cfg_rpc", "xhttp", "websocket"),
        # Nobody listens where clients come from; the core would call them to answer what it has still read.
        script=('if ($proto != "tcp") set_reply_no_connect();', *outbound.SCRIPT),
        core=(f"tcp_async={tcp_async}", f"tls_max_connections={FOR_ALL}", "tcp_accept_no_cl=yes", "tcp_send_timeout=2",
              "tcp_connect_timeout=4"),
        modparams=(("tm", "fr_timer", outbound.TIMER * 1000), ("tm", "wt_timer", 500), ("websocket", "rm_delay_interval", 1)),
        tls={"certificate": file, "private_key": file, "engines": 2, "handshake_timeout": 2, "send_timeout": 2,
             "tls_log": 3, "max_handshakes": PLACES, "max_connections_per_source": FOR_ONE, "xavp_cfg": "tls",
             "ktls": lambda server: f"127.0.0.1:{server.ports[WITHOUT_KERNEL][1]}=0"})


def go_on(steps, crowd, end):
    """Each step at least once."""
    for step in itertools.cycle(steps.every()):
        steps.take(step)
        crowd.check()
        if step == steps.every()[-1]:
            print(f"{end - time.monotonic():.0f} s to go: {crowd.counts}, shared memory {steps.ser.shared_memory()}, "
                  f"private memory {memory.private(steps.ser)}")
            if time.monotonic() > end:
                return
        time.sleep(PAUSE)


@pytest.mark.timeout(SECONDS + 20 * settings.PATIENCE)
@pytest.mark.parametrize("tcp_async", ["yes", "no"])
def test_everything_at_once(ser, pki, tmp_path):
    answered = TALLY.answered
    steps = Steps(ser, tmp_path, (pki.server_rsa, pki.server))
    with Crowd(ser, EVERYBODY):  # what a process takes once is not of interest
        steps.warm_up()
    before = AtRest(ser)
    with Crowd(ser, EVERYBODY) as crowd:
        go_on(steps, crowd, time.monotonic() + SECONDS)
    for home in DIRECT:
        with client(ser, home) as one:
            one.ask()
    print(f"rounds: {crowd.counts}, steps: {dict(steps.done)}, counters: {ser.command('tls.stats')}")
    assert all(crowd.counts.values()), crowd.counts
    before.check()
    check_counters(ser, steps.done, TALLY.answered - answered)
