# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits of connections that SER opens: who exceeds one is told, with a line in the log, and the others stay."""
import contextlib
import os
import re
import resource
import socket

import outbound
import peers
import sip
import test_stalled
from homes import DIRECT
from outbound import ASYNC, BOTH, FAILED, Client, entries, lines_about
from ports import free_port


@BOTH
def test_queue_is_full(start, pki, how):
    """con_ct_wq_max: who sends more than may wait for a handshake is told; nothing arrives twice."""
    ser = start(**outbound.options(core=ASYNC[how], tls={"con_ct_wq_max": 4000}))
    with peers.Slow(peers.context(pki.server)) as peer:
        statuses = outbound.send_all(ser, [[outbound.message(peer) for _ in range(20)] for _ in range(4)])
        told = outbound.check_arrived([peer], statuses, all_good=False)
        assert set(told) <= {200, *FAILED} and told[200] < 80, told
        ser.settle(lambda: ser.log_count(rf" (WARNING|ERROR): tls:? .*{peer.pattern}.*ct_wq_max"), ser.log)
    ser.wait_idle()


def test_peers_that_do_not_read(start, pki):
    """What waits for them counts for tcp_wq_max, and not for ct_wq_max: they keep no connection from being opened."""
    ser = start(**outbound.options(core=ASYNC["sync"], tls={"ct_wq_max": 60000, "send_timeout": 60}))
    with test_stalled.deaf(ser, DIRECT[0]) as client, peers.Slow(peers.context(pki.server)) as peer, Client(ser) as other:
        test_stalled.stall(ser, client)
        assert ser.queued() > 60000
        assert other.forward(peer).status == 200


class MuteTwice(peers.Mute):
    """Answers from its third connection on."""

    def greet(self, connection):
        if self.connections.index(connection) < 2:
            super().greet(connection)
        connection.handshake()


@BOTH
def test_queue_of_another_is_full(start, pki, how):
    """
    con_ct_wq_max, where the core finds the connection of another identity: the one whose limit is exceeded is given up
    with one line, and the message that exceeds it goes over a new one.
    """
    ser = start(**outbound.options(core=ASYNC[how], tls={"con_ct_wq_max": 8000}))
    with MuteTwice(peers.context(pki.server)) as peer, Client(ser) as client:
        def send(who, length):
            data = outbound.message(peer, id=who, headers=["X-Long: " + "l" * length])
            client.send(data)
            return sip.call_id(data)

        lost = send("one", 4000)
        ser.settle(lambda: len(entries(ser, "core.tcp_list", peer)) == 1, ser.log)
        mute = send("two", 10)
        ser.settle(lambda: len(entries(ser, "core.tcp_list", peer)) == len(peer.connections) == 2, ser.log)
        moved = send("one", 4000)
        answer, = client.answers(1)
        assert (answer.call_id, answer.status) == (moved, 200)
        assert {answer.call_id: answer.status in FAILED for answer in client.answers(2)} == {lost: True, mute: True}
        assert [len(connection.requests) for connection in peer.connections] == [0, 0, 1] and peer.seen() == [moved]
        # Until handshake_timeout ends both, of which only the second has something to say.
        ser.settle(lambda: all(connection.ended.is_set() for connection in peer.connections[:2]), ser.log)
        ser.settle(lambda: len(lines_about(ser, peer)) > 1, ser.log)
        first, second = lines_about(ser, peer)
        assert "given up while it is opened: more than con_ct_wq_max would wait for it" in first
        assert "no connection to" in second
    ser.wait_idle()


@BOTH
def test_too_many(start, pki, how):
    """tls_max_connections is for those that SER makes, too; who fits stays."""
    ser = start(**outbound.options(core=(*ASYNC[how], "tls_max_connections=2")))
    ser.wait_idle()
    with contextlib.ExitStack() as stack:
        some = [stack.enter_context(peers.Peer(peers.context(pki.server))) for _ in range(4)]
        client = stack.enter_context(Client(ser))
        assert [client.forward(peer).status == 200 for peer in some] == [True, True, False, False]
        assert [len(peer.seen()) for peer in some] == [1, 1, 0, 0]
        assert [client.forward(peer).status == 200 for peer in some[:2]] == [True, True]
        some[0].stop()
        ser.settle(lambda: ser.tls_connections() == 1, ser.log)
        assert client.forward(some[2]).status == 200


def test_no_descriptor_left(start):
    """For the placeholders of some connections. The next ones are opened as ever, whatever has become of their memory."""
    port, many = free_port(), 40
    ser = start(**outbound.options(core=(*ASYNC["sync"], f"listen=udp:127.0.0.1:{port}", "children=1"), workers=1))
    opener = int(re.search(r"(\d+)\s+udp receiver", ser.text("core.ps"))[1])
    own = {int(name) for name in os.listdir(f"/proc/{opener}/fd")}
    with socket.create_server(("0.0.0.0", 0), backlog=1000) as listener, socket.socket(type=socket.SOCK_DGRAM) as silent, \
            outbound.UdpClient(("127.0.0.1", port)) as client:
        silent.bind(("127.0.0.1", 0))

        def open_to_all(first):
            """Statuses; 500: not forwarded."""
            return [client.forward(f"sip:127.0.0.{first + i}:{listener.getsockname()[1]};transport=tls", stateless="1").status
                    for i in range(many)]
        limits = resource.prlimit(opener, resource.RLIMIT_NOFILE)
        resource.prlimit(opener, resource.RLIMIT_NOFILE, (next(n for n in range(1000) if n not in own) + 1, limits[1]))
        assert set(open_to_all(2)) == {500}
        resource.prlimit(opener, resource.RLIMIT_NOFILE, limits)
        for _ in range(300):  # takes the memory that was given back
            client.sock.send(outbound.message(f"sip:127.0.0.1:{silent.getsockname()[1]};transport=udp", transport="UDP",
                                              headers=["X-Fill: " + "B" * 3000]))
        ser.settle(lambda: ser.command("tm.stats")["total"] >= 50, lambda: ser.text("tm.stats"))
        for i in range(many):
            client.sock.send(outbound.message(f"sip:127.0.0.{2 + i}:{listener.getsockname()[1]};transport=tls", transport="UDP",
                                              stateless="1"))
        ser.settle(lambda: ser.text("tls.list").count("state: connecting") == many, lambda: ser.text("tls.list"))


def test_those_that_ended(start, pki):
    """SER has opened more connections than tls_max_connections, one after the other: clients get in all the same."""
    ser = start(**outbound.options(core=("tls_max_connections=4",)))
    with Client(ser) as client:
        for _ in range(6):
            with peers.Peer(peers.context(pki.server)) as peer:
                assert client.forward(peer).status == 200
            ser.settle(lambda: ser.tls_connections() == 0, ser.log)
    with sip.TlsClient(ser.address()) as client:
        client.ask()
