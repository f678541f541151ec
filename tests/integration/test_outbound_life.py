# SPDX-License-Identifier: GPL-2.0-or-later
"""
A connection that SER made from its first state to its last: what lists say, resumption, nothing left behind. Servers
end with this module: the core's cache of descriptors may keep sockets, which others count in the kernel.
"""
import contextlib
import os
import re
import signal

import pytest

import outbound
import peers
import settings
import sip
from outbound import ASYNC, BOTH, Client, entries
from ports import free_port
from server import Usage

TIMES = 200
WRITERS = 6  # so that both workers write
CORES_PLACES = 8  # of its cache of descriptors (TCP_FD_CACHE_SIZE in tcp_main.c)
PEERS = 10  # of each bad kind: nobody waits for the timers of others


@BOTH
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_listed(share_here, pki, version, how):
    """From its first message on, in both lists under the id that it keeps."""
    ser = share_here(f"outbound {how}", **outbound.options(core=ASYNC[how]))
    with peers.Slow(peers.context(pki.server, version)) as peer, Client(ser) as client:
        client.send(outbound.message(peer))
        ser.settle(lambda: entries(ser, "core.tcp_list", peer), lambda: ser.text("core.tcp_list"))
        number = entries(ser, "core.tcp_list", peer)[0]["id"]
        early, = entries(ser, "tls.list", peer)
        assert early["id"] == number and early["state"] != "established" and int(early["ct_wq_size"]) > 0
        client.answers(1)
        entry, = entries(ser, "tls.list", peer)
        assert (entry["id"], entry["state"]) == (number, "established")
        assert entry["ct_wq_size"] == "0" and version in entry["cipher"]
        assert entry["dom"] == "[client:default]"
        assert entry["offload_tx"] == entry["offload_rx"] == settings.EXPECT
        assert [one["id"] for one in entries(ser, "core.tcp_list", peer)] == [number]
    ser.wait_idle()


@BOTH
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_resumed(share_here, pki, version, how):
    """The peer says so."""
    ser = share_here(f"outbound {how}", **outbound.options(core=ASYNC[how]))
    before = ser.command("tls.stats")
    with peers.Closes(peers.context(pki.server, version)) as peer, Client(ser) as client:
        for _ in range(4):
            assert client.forward(peer).status == 200
            assert peer.connections[-1].ended.wait(settings.PATIENCE)
            ser.wait_idle()
        assert [one.reused for one in peer.connections] == [False, True, True, True]
    after = ser.command("tls.stats")
    assert {name: after[name] - before[name] for name in ("connects_ok", "connects_resumed", "connects_failed")} == \
        {"connects_ok": 4, "connects_resumed": 3, "connects_failed": 0}


def test_not_resumed_with_another_identity(share_here, pki):
    """A session belongs to the name it was made for."""
    ser = share_here("outbound async", **outbound.options(core=ASYNC["async"]))
    with peers.Closes(peers.context(pki.server)) as peer, Client(ser) as client:
        for name in "sip.example.org", None, "sip.example.org", None:
            assert client.forward(peer, **({"name": name} if name else {})).status == 200
            assert peer.connections[-1].ended.wait(settings.PATIENCE)
            ser.wait_idle()
        assert [one.reused for one in peer.connections] == [False, False, True, True]


@BOTH
def test_lifetime(start, pki, how):
    """SER closes it in order when it was idle for long; the next message opens another."""
    ser = start(**outbound.options(core=(*ASYNC[how], "tcp_connection_lifetime=2"), tls={"connection_timeout": 2}))
    with peers.Peer(peers.context(pki.server)) as peer, Client(ser) as client:
        assert client.forward(peer).status == 200
        assert peer.connections[0].ended.wait(settings.PATIENCE)
        assert peer.connections[0].end == "close_notify"
    with peers.Peer(peers.context(pki.server)) as peer, Client(ser) as client:
        assert client.forward(peer).status == 200


@BOTH
def test_kill(share_here, pki, how):
    """While it shakes hands, its senders are told; later it ends in order."""
    ser = share_here(f"outbound {how}", **outbound.options(core=ASYNC[how]))
    with peers.Mute(peers.context(pki.server)) as mute, peers.Peer(peers.context(pki.server)) as good, \
            Client(ser) as client:
        data = outbound.message(mute)
        client.send(data)
        ser.settle(lambda: entries(ser, "tls.list", mute), ser.log)
        assert "Ok." in ser.text("tls.kill", entries(ser, "tls.list", mute)[0]["id"])
        answer, = client.answers(1)
        assert answer.call_id == sip.call_id(data) and answer.status in (408, 477)
        assert client.forward(good).status == 200
        assert "Ok." in ser.text("tls.kill", entries(ser, "tls.list", good)[0]["id"])
        assert good.connections[0].ended.wait(settings.PATIENCE)
        assert good.connections[0].end == "close_notify"
    ser.wait_idle()


@BOTH
def test_stop(start, pki, how):
    """With handshakes under way, messages that wait, and a connection that is up."""
    ser = start(**outbound.options(core=ASYNC[how]))
    with peers.Mute(peers.context(pki.server)) as mute, peers.Peer(peers.context(pki.server)) as good, \
            Client(ser) as client:
        assert client.forward(good).status == 200
        for _ in range(5):
            client.send(outbound.message(mute))
        ser.settle(lambda: mute.connections, "nobody connects")
        ser.stop()
        assert good.connections[0].ended.wait(settings.PATIENCE) and mute.connections[0].ended.wait(settings.PATIENCE)


@contextlib.contextmanager
def stopped(ser, process):
    """A child of the core's does nothing. The main process misses a signal while it has another (sig_usr() in main.c)."""
    seen = ser.log_count("SIGCHLD received")
    os.kill(process, signal.SIGSTOP)
    try:
        ser.settle(lambda: ser.log_count("SIGCHLD received") > seen, ser.log)
        yield
    finally:
        seen = ser.log_count("SIGCHLD received")
        os.kill(process, signal.SIGCONT)
        ser.settle(lambda: ser.log_count("SIGCHLD received") > seen, ser.log)


@BOTH
def test_kill_before_it_is_taken_over(start, pki, how):
    """Its socket waits for a reader, whoever else has a copy of what it waits in: the peer sees an end."""
    port = free_port()
    ser = start(**outbound.options(core=(*ASYNC[how], f"listen=udp:127.0.0.1:{port}"), workers=1))
    reader = int(re.search(r"(\d+)\s+tcp receiver", ser.text("core.ps"))[1])
    with peers.Peer(peers.context(pki.server)) as peer, outbound.UdpClient(("127.0.0.1", port)) as client:
        with stopped(ser, reader):
            client.sock.send(outbound.message(peer, transport="UDP"))
            assert ser.logged(f"connected to {peer.pattern}")
            assert "Ok." in ser.text("tls.kill", entries(ser, "tls.list", peer)[0]["id"])
        assert peer.connections[0].ended.wait(settings.PATIENCE)


def test_given_up_before_tcp_main_knows_it(start, pki):
    """The core keeps the placeholder of such a connection for ever; the peer sees an end all the same."""
    port = free_port()
    ser = start(**outbound.options(core=(*ASYNC["async"], f"listen=udp:127.0.0.1:{port}"), workers=1,
                                   tls={"con_ct_wq_max": 4000}))
    main = int(re.search(r"(\d+)\s+tcp main", ser.text("core.ps"))[1])
    with peers.Peer(peers.context(pki.server)) as peer, outbound.UdpClient(("127.0.0.1", port)) as client:
        with stopped(ser, main):
            client.sock.send(outbound.message(peer, transport="UDP"))
            assert ser.logged(f"connected to {peer.pattern}")
            for _ in range(20):
                client.sock.send(outbound.message(peer, transport="UDP"))
            assert ser.logged("given up while it is opened")
        assert peer.connections[0].ended.wait(settings.PATIENCE)


@BOTH
def test_descriptors_of_closed_ones(start, pki, how):
    """Processes that wrote to a connection which another one reads let go of it; the core's own cache keeps a few."""
    ser = start(**outbound.options(core=ASYNC[how]))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(ser)) for _ in range(WRITERS)]
        peer = stack.enter_context(peers.Peer(peers.context(pki.server)))
        assert {client.forward(peer).status for client in clients} == {200}
        before = ser.descriptors()
        for _ in range(3 * CORES_PLACES):
            peer = stack.enter_context(peers.Peer(peers.context(pki.server)))
            assert {client.forward(peer).status for client in clients} == {200}
            ser.text("tls.kill", entries(ser, "tls.list", peer)[0]["id"])
            assert peer.connections[0].ended.wait(settings.PATIENCE)
        more = {process: count - before[process] for process, count in ser.descriptors().items() if count is not None}
    assert max(more.values()) < 2 * CORES_PLACES, more


@BOTH
def test_nothing_is_left(start, pki, how):
    """Of connections that were, of such that failed, and of such that were refused."""
    ser = start(**outbound.options(core=ASYNC[how], timer=1))
    made = peers.context(pki.server)
    with peers.Closes(made) as good, contextlib.ExitStack() as stack:
        bad = [stack.enter_context(peers.ResetsAtHello(made)) for _ in range(PEERS)]
        bad += [outbound.closed_port() for _ in range(PEERS)]

        def make(times):
            outbound.send_all(ser, [[outbound.message(good) for _ in range(times)],
                                    *([outbound.message(peer) for _ in range(times // 10 // PEERS)] for peer in bad)],
                              window=1, within=10 * settings.PATIENCE)
            # A transaction lives on for a while after its end.
            ser.settle(lambda: ser.command("tm.stats")["current"] == 0, lambda: ser.text("tm.stats"))
        make(TIMES)  # each worker keeps some descriptors, as the core's own cache does
        before = Usage(ser)
        make(TIMES)
        after = Usage(ser)
        assert len(good.connections) > TIMES
    assert after.memory <= before.memory + Usage.SLACK
    assert sum(filter(None, after.descriptors.values())) < sum(filter(None, before.descriptors.values())) + TIMES / 2, \
        (before.descriptors, after.descriptors)
