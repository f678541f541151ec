# SPDX-License-Identifier: GPL-2.0-or-later
"""Peers that stop reading: they wait, or lose their connection; nobody else notices."""
import contextlib
import re
import time

import pytest

import settings
import sip
from homes import DIRECT, RELAYED, USER
from server import Usage

# Without kernel TLS "direct" is user space already.
STALLED = DIRECT + (USER[1:] if settings.EXPECT == "kernel" else ()) + RELAYED[:1]
HOMES = pytest.mark.parametrize("home", STALLED, ids=str)
ASYNC = pytest.mark.parametrize("tcp_async", ["no", "yes"])
LISTEN = ("tls:127.0.0.1", "tcp:127.0.0.1")
STALLED_CLIENTS = 8
# Who is blocked waits for tcp_send_timeout or send_timeout, ten seconds.
PROMPT = 5
# send_timeout. The relay counts from when the client's socket is full; filling all behind it takes its time, too.
SHORT = 8 if settings.EXPECT == "kernel" or settings.PRELOAD else 4
PADDING = "X-Conn: " + "p" * 6000  # comes back in the answer
ROUNDS = 2000  # of a few messages: far more than two socket buffers hold
LOOKS = 5 if settings.EXPECT == "kernel" or settings.PRELOAD else 2  # at bytes that wait
BATCH = 48  # messages; of such that wait, tcp_conn_wq_max holds some more
PLENTY = "tcp_conn_wq_max=1048576"  # the most it may be
NOT_THE_KERNEL = "tcp_send_timeout=600"  # from 5.8 on that is its TCP_USER_TIMEOUT


@pytest.fixture
def begin(start, pki, home, tcp_async):
    """begin(...) starts a server whose connections have the test's home and way to send."""
    def get(*core, **tls):
        # Nobody listens where these clients come from; the core would call them to answer what it has still read.
        return start(**home.options(pki, tls, core=[f"tcp_async={tcp_async}", "tcp_no_connect=yes", *core],
                                    listen=LISTEN))
    return get


def deaf(ser, home):
    """A client for whom bytes have to wait soon; SER knows its connection."""
    client = sip.TlsClient(ser.address(), home.context(), offload=home.offload, small=True).handshake()
    client.ask()
    return client


def questions(count):
    """Requests with large answers."""
    return [sip.request("MESSAGE", headers=[PADDING]) for _ in range(count)]


def must_be_prompt(clients):
    """Those who read are answered."""
    for client in clients:
        client.sock.settimeout(PROMPT)
        client.ask("MESSAGE")


def stuck(ser, enough=100000):
    """
    More bytes than that wait, also when the kernel has enlarged the sockets' buffers as far as it does, and not because
    whoever writes them had no turn yet.
    """
    last, same = ser.queued(), 0
    while last > enough:
        time.sleep(0.2)
        now = ser.queued()
        same = same + 1 if now == last else 0
        if same == LOOKS:
            return True
        last = now
    return False


def stall(ser, client, enough=100000):
    """Asks until bytes of answers wait; what was asked."""
    asked = []
    start = ser.counter("rcv_requests")
    for _ in range(ROUNDS):
        asked += questions(BATCH)
        client.send(b"".join(asked[-BATCH:]))
        ser.settle(lambda: ser.counter("rcv_requests") >= start + len(asked),
                   lambda: f"SER does not read:\n{ser.log()[-3000:]}")
        if stuck(ser, enough):
            return asked
    raise AssertionError("nothing had to wait")


def check_answers(client, asked):
    """All of them come, in order."""
    client.sock.settimeout(settings.PATIENCE)
    assert [answer.call_id for answer in client.answers(len(asked))] == [sip.call_id(one) for one in asked]


@HOMES
@ASYNC
def test_more_than_may_wait(begin, home, tcp_async):
    """Workers have more connections that stall than there are workers; each is closed at the limit."""
    ser = begin(send_timeout=60)  # the relay's own limit is not meant
    before = Usage(ser)
    with contextlib.ExitStack() as stack:
        healthy = [stack.enter_context(home.client(ser)), stack.enter_context(sip.Wire(ser.address(1)))]
        stalled = [stack.enter_context(deaf(ser, home)) for _ in range(STALLED_CLIENTS)]
        for _ in range(ROUNDS):
            for client in stalled:
                client.sock.settimeout(PROMPT)
                with contextlib.suppress(ConnectionError):
                    client.send(b"".join(questions(4)))
            must_be_prompt(healthy)
            if ser.tls_connections() == 1:
                break
        assert ser.tls_connections() == 1, "not all were closed"
        must_be_prompt(healthy)
        ser.settle(lambda: ser.queued() == 0, "nothing queued")
    if tcp_async == "no":
        line = r"closed: it does not read, and more than tcp_conn_wq_max \(32768 bytes\) would wait for it"
        assert ser.logged(line, STALLED_CLIENTS)
        assert ser.log_count("connect failed") == 0
    assert ser.counter("sendq_full") >= STALLED_CLIENTS
    before.check()


@HOMES
def test_more_than_may_wait_for_all(start, pki, home):
    """The limit that connections share."""
    ser = start(**home.options(pki, core=["tcp_async=no", PLENTY, "tcp_wq_max=200000"]))
    with deaf(ser, home) as client:
        for _ in range(ROUNDS):
            with contextlib.suppress(ConnectionError):
                client.send(b"".join(questions(8)))
            if not ser.tls_connections():
                break
    ser.settle(lambda: ser.log_count(r"more than tcp_wq_max \(200000 bytes\) would wait for all connections") == 1,
               lambda: f"a line in the log:\n{ser.log()[-3000:]}")
    ser.wait_idle()
    assert ser.queued() == 0


@HOMES
@ASYNC
def test_longer_than_it_may_wait(begin, home):
    """A peer that takes nothing for send_timeout is closed; others of the same workers are not."""
    ser = begin(PLENTY, f"tcp_send_timeout={SHORT}", send_timeout=SHORT)
    before = Usage(ser)
    with home.client(ser) as other, deaf(ser, home) as client:
        stall(ser, client)
        lines = ser.log_count(rf"send_timeout \({SHORT} s\)")
        end = time.monotonic() + settings.PATIENCE
        while ser.tls_connections() != 1:
            must_be_prompt([other])
            assert time.monotonic() < end, "the stalled connection is open"
        must_be_prompt([other])
        assert lines == 0
    ser.settle(lambda: ser.queued() == 0, "nothing queued")
    before.check()


@HOMES
def test_who_is_closed_is_named(start, pki, home):
    """One line, with the limit. A relayed connection meets the relay's own limit first."""
    ser = start(**home.options(pki, {"send_timeout": SHORT}, core=["tcp_async=no", PLENTY, NOT_THE_KERNEL]))
    with deaf(ser, home) as client:
        peer = "%s:%d" % client.sock.getsockname()
        stall(ser, client)

        def is_closed():
            """The sockets may find room yet for what waits; then there is more."""
            if ser.queued() < 100000:
                with contextlib.suppress(OSError):
                    client.send(b"".join(questions(BATCH)))
            return not ser.tls_connections()
        ser.settle(is_closed, ser.log)
        ser.wait_idle()
        ser.settle(lambda: ser.queued() == 0, "nothing queued")
    assert ser.logged(re.escape(peer) + " closed: .*send_timeout", 1)
    assert home.name == "relayed" or ser.log_count(re.escape(peer) + " (closed|ended)") == 1
    assert ser.counter("send_timeout") == (home.name != "relayed")


@HOMES
@ASYNC
def test_pause(begin, home):
    """A peer that pauses and then reads gets everything; so again."""
    ser = begin(PLENTY)
    before = Usage(ser)
    with deaf(ser, home) as client:
        for _ in range(2):
            check_answers(client, stall(ser, client))
            client.ask()
            assert ser.queued() == 0
    before.check()


@HOMES
def test_slow_reader(start, pki, home):
    """Whoever takes a little within send_timeout each time keeps his connection for longer than that."""
    ser = start(**home.options(pki, {"send_timeout": SHORT}, core=["tcp_async=no", PLENTY, NOT_THE_KERNEL]))
    with deaf(ser, home) as client:
        asked = stall(ser, client)
        end = time.monotonic() + 2 * SHORT
        taken = 0
        while time.monotonic() < end:
            check_answers(client, asked[taken:taken + 20])
            taken += 20
            if not ser.queued():  # sockets take more in large steps only: what waits may not grow meanwhile
                asked += stall(ser, client, 0)
            time.sleep(0.5)
        check_answers(client, asked[taken:])
        client.ask()


class Writer:
    """Makes SER send numbered requests to a TLS client, from the process that reads this TCP connection."""

    def __init__(self, ser, name, client):
        self.wire, self.name, self.count = sip.Wire(ser.address(1)), name, 0
        self.to = "X-To: sip:%s:%d;transport=tls" % client.sock.getsockname()

    def write(self, count):
        """They are written or queued when it returns."""
        for _ in range(count):
            self.wire.put(sip.request("MESSAGE", headers=[self.to, f"X-Number: {self.name} {self.count}", PADDING]))
            self.count += 1
        self.wire.ask("MESSAGE")


def take_numbers(client, count, found):
    """Reads that many requests."""
    for _ in range(count):
        while b"\r\n\r\n" not in client.buffer:
            client.buffer += client.receive()
        head, _, client.buffer = client.buffer.partition(b"\r\n\r\n")
        assert head.startswith(b"MESSAGE ") and b"\r\nContent-Length: 0" in head, head[:200]
        name, number = re.search(rb"\r\nX-Number: (\w+) (\d+)\r\n", head).groups()
        found.setdefault(name.decode(), []).append(int(number))


def left(writers, found):
    """Messages that were written and not yet read."""
    return sum(writer.count for writer in writers) - sum(map(len, found.values()))


@HOMES
@ASYNC
@pytest.mark.parametrize("cache", ["no", "yes"])
def test_several_writers(begin, home, cache):
    """Processes that do not read the connection write to it at once; each one's messages come in order."""
    ser = begin(PLENTY, "tcp_children=4", f"tcp_fd_cache={cache}")
    before = Usage(ser)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(deaf(ser, home))
        writers = [Writer(ser, name, client) for name in "abcd"]
        for writer in writers:
            stack.enter_context(writer.wire)
        for _ in range(ROUNDS):
            for writer in writers:
                writer.write(4)
            if stuck(ser):
                break
        assert ser.queued(), "nothing had to wait"
        found = {}
        client.sock.settimeout(settings.PATIENCE)
        for _ in range(40):
            for writer in writers:
                writer.write(1)
            take_numbers(client, min(8, left(writers, found)), found)
        take_numbers(client, left(writers, found), found)
        written = {writer.name: list(range(writer.count)) for writer in writers}
        assert found == written
        client.ask()
        assert ser.queued() == 0
    if cache == "no":
        before.check()


@HOMES
@ASYNC
def test_stalled_by_others(begin, home):
    """Processes that do not read a connection are not held up by it either."""
    ser = begin("tcp_children=4")
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(deaf(ser, home))
        other = stack.enter_context(home.client(ser))
        writers = [Writer(ser, name, client) for name in "abcd"]
        for writer in writers:
            stack.enter_context(writer.wire)
            writer.wire.sock.settimeout(PROMPT)
        for _ in range(ROUNDS):
            for writer in writers:
                writer.write(2)
            must_be_prompt([other])
            if ser.tls_connections() == 1:
                break
        assert ser.tls_connections() == 1, "nobody was closed"
    ser.wait_idle()
    assert ser.queued() == 0


@HOMES
@ASYNC
def test_reset_while_bytes_wait(begin, home):
    """The client disappears."""
    ser = begin(PLENTY)
    before = Usage(ser)
    for _ in range(3):
        client = deaf(ser, home)
        stall(ser, client)
        client.reset()
        ser.wait_idle()
        ser.settle(lambda: ser.queued() == 0, "nothing queued")
    before.check()


@HOMES
@ASYNC
def test_sigterm_while_bytes_wait(begin, home):
    """SER ends as fast as ever; what the client still gets are whole records."""
    ser = begin(PLENTY)
    with deaf(ser, home) as client:
        stall(ser, client)
        ser.stop()
        with contextlib.suppress(sip.Ended, ConnectionError):
            while True:
                client.receive()


@HOMES
@ASYNC
def test_close_behind_an_answer(begin, home):
    """The script's set_reply_close(): the answer, then an orderly end."""
    ser = begin()
    with home.client(ser) as client:
        client.ask()
        client.ask("MESSAGE", headers=["X-Close: 1"])
        assert client.end() == "close_notify"
    ser.wait_idle()


@HOMES
@pytest.mark.parametrize("cache", ["no", "yes"])
def test_close_while_bytes_wait(start, pki, home, cache):
    """What waited is delivered before the end, up to send_timeout."""
    ser = start(**home.options(pki, core=["tcp_async=no", PLENTY, f"tcp_fd_cache={cache}"]))
    before = Usage(ser)
    with deaf(ser, home) as client:
        asked = stall(ser, client)
        asked.append(sip.request("MESSAGE", headers=[PADDING, "X-Close: 1"]))
        client.send(asked[-1])
        ser.wait_idle()  # the core has closed it
        assert ser.queued() > 0
        check_answers(client, asked)
        assert client.end() == "close_notify"
    ser.settle(lambda: ser.queued() == 0, "nothing queued")
    before.check()


@HOMES
def test_close_of_a_stalled_connection(start, pki, home):
    """What is not taken within send_timeout after the core has closed the connection is dropped."""
    ser = start(**home.options(pki, {"send_timeout": SHORT}, core=["tcp_async=no", PLENTY, NOT_THE_KERNEL]))
    before = Usage(ser)
    with deaf(ser, home) as client:
        stall(ser, client)
        client.send(sip.request("MESSAGE", headers=["X-Close: 1"]))
        ser.wait_idle()
        ser.settle(lambda: ser.queued() == 0, "nothing queued")
    before.check()
