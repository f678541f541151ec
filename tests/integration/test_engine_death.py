# SPDX-License-Identifier: GPL-2.0-or-later
"""An engine that is killed is replaced, and costs only its own peers."""
import os
import re
import signal
import threading
import time

import pytest

import settings
import sip
from homes import DIRECT, RELAYED
from server import Usage

DEATH = r"CRITICAL: tls: the TLS engine \(process \d+\) died \(signal 9\)"
WORKERS = 4
KILLS = 5


@pytest.fixture
def ser(start):
    server = start()
    server.accept(DEATH)
    return server


def kill_engine(ser, number=0):
    """Returns when another one runs."""
    before = ser.engines()[number]
    os.kill(before["pid"], signal.SIGKILL)
    ser.settle(lambda: ser.engines()[number]["starts"] > before["starts"], ser.log)


class Storm:
    """Handshakes, one message each, from several threads, until it ends."""

    def __init__(self, ser):
        self.ser, self.done, self.lost, self.errors = ser, 0, 0, []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(WORKERS)]

    def run(self):
        while not self.over.is_set():
            try:
                with sip.TlsClient(self.ser.address()) as client:
                    client.ask()
                self.done += 1
            except (sip.Ended, OSError):  # it met a dying engine
                self.lost += 1
            except Exception as error:  # pylint: disable=broad-except
                self.errors.append(error)
                return

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(settings.PATIENCE)
        assert not self.errors, self.errors


@pytest.mark.parametrize("home", DIRECT, ids=str)
def test_direct_connections_go_on(ser, home):
    with home.client(ser) as client:
        client.ask()
        kill_engine(ser)
        for _ in range(50):
            client.ask()
    with home.client(ser) as client:
        client.ask()


def test_no_byte_is_lost(ser):
    """The engine dies while connections talk."""
    clients = [home.client(ser).handshake() for home in DIRECT for _ in range(3)]
    stop, counts, errors = threading.Event(), [0] * len(clients), []

    def talk(i):
        try:
            while not stop.is_set():
                clients[i].ask()
                counts[i] += 1
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)

    threads = [threading.Thread(target=talk, args=(i,)) for i in range(len(clients))]
    for client in clients:
        client.ask()
    for thread in threads:
        thread.start()
    for _ in range(3):
        time.sleep(0.2)
        kill_engine(ser)
    seen = list(counts)
    ser.settle(lambda: all(now > then for now, then in zip(counts, seen)) or errors, "nobody talks")
    stop.set()
    for thread in threads:
        thread.join(settings.PATIENCE)
    for client in clients:
        client.close()
    assert not errors, errors
    assert ser.command("tls.stats")["engine_deaths"] == 3


def test_relayed_connections_and_handshakes_end(ser):
    relayed = RELAYED[0].client(ser).handshake()
    relayed.ask()
    with sip.Wire(ser.address()) as half:
        half.put(b"\x16\x03\x01\x02\x00\x01")
        ser.settle(lambda: ser.engines()[0]["handshakes"] == 1, ser.engines)
        assert ser.engines()[0]["relayed"] == 1
        kill_engine(ser)
        half.end()
    with pytest.raises((sip.Ended, OSError)):
        relayed.ask()
    relayed.sock.close()
    assert ser.log_count(r"connections it relayed \(1\) and handshakes \(1\) are lost") == 1
    ser.wait_idle()
    with RELAYED[0].client(ser) as client:
        client.ask()


def test_in_a_storm(ser):
    """Again and again: nothing SER needs is held by who dies."""
    before = Usage(ser)
    with Storm(ser) as storm:
        for _ in range(KILLS):
            done = storm.done
            ser.settle(lambda: storm.done > done + WORKERS, ser.log, within=60)
            kill_engine(ser)
        done = storm.done
        ser.settle(lambda: storm.done > done + WORKERS, ser.log, within=60)
    assert ser.log_count(DEATH) == KILLS
    ser.settle(lambda: ser.engines()[0]["pid"], ser.log)
    before.check()


def test_repeated_deaths_back_off(ser):
    """The first ones are mended at once, the next ones after ever longer times."""
    for _ in range(6):
        kill_engine(ser)
    delays = [int(text) for text in re.findall(r"another starts in (\d+) ms", ser.log())]
    assert delays == [0, 0, 0, 500, 1000, 2000]


def test_several_engines(start):
    """They share the listeners, and the death of one is not felt by others' relayed connections."""
    ser = start(tls={"engines": 3})
    ser.accept(DEATH)
    with Storm(ser) as storm:
        ser.settle(lambda: storm.done > 200 and all(e["established"] for e in ser.engines()), ser.engines)
    assert len({e["pid"] for e in ser.engines()}) == 3
    clients = []
    while not all(e["relayed"] for e in ser.engines()):
        assert len(clients) < 200, ser.engines()
        clients.append(RELAYED[0].client(ser).handshake())
        clients[-1].ask()
    lost = ser.engines()[1]["relayed"]
    kill_engine(ser, 1)
    ended = 0
    for client in clients:
        try:
            client.ask()
            client.close()
        except (sip.Ended, OSError):
            ended += 1
            client.sock.close()
    assert ended == lost
