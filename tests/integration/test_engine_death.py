# SPDX-License-Identifier: GPL-2.0-or-later
"""An engine that is killed is replaced, and costs only its own peers."""
import os
import re
import signal

import pytest

import sip
from crowd import Crowd
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


def storm(ser):
    """Handshakes, one message each, from several threads; those that meet a dying engine are lost."""
    def come(_):
        with sip.TlsClient(ser.address()) as client:
            client.ask()
    return Crowd(come, WORKERS, lost=(sip.Ended, OSError))


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
    counts = [0] * len(clients)

    def talk(i):
        clients[i].ask()
        counts[i] += 1

    def all_go_on():
        seen = list(counts)
        ser.settle(lambda: all(now > then for now, then in zip(counts, seen)) or crowd.errors, "nobody talks")

    for client in clients:
        client.ask()
    with Crowd(talk, len(clients)) as crowd:
        for _ in range(3):
            all_go_on()
            kill_engine(ser)
        all_go_on()
    for client in clients:
        client.close()
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
    assert ser.logged(r"connections it relayed \(1\) and handshakes \(1\) are lost", 1)
    ser.wait_idle()
    with RELAYED[0].client(ser) as client:
        client.ask()


def test_in_a_storm(ser):
    """Again and again: nothing SER needs is held by who dies."""
    before = Usage(ser)
    with storm(ser) as crowd:
        for _ in range(KILLS):
            done = crowd.done
            ser.settle(lambda: crowd.done > done + WORKERS, ser.log, within=60)
            kill_engine(ser)
        done = crowd.done
        ser.settle(lambda: crowd.done > done + WORKERS, ser.log, within=60)
    assert ser.logged(DEATH, KILLS)
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
    with storm(ser) as crowd:
        ser.settle(lambda: crowd.done > 200 and all(e["established"] for e in ser.engines()), ser.engines)
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
