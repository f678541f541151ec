# SPDX-License-Identifier: GPL-2.0-or-later
"""The keeper: what it is given it gives back, what nobody takes it ends, and no visitor harms it."""
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

import pytest

import keeping
import settings
from keeping import KEEP, NO_MORE, TAKE, Keeper, Visit, header, record, tcp_pair, tls_pair

pytestmark = pytest.mark.skipif(not keeping.program(), reason="ser-ktls-keeper is not built")


@pytest.fixture
def path(tmp_path):
    return os.fspath(tmp_path / "socket")


@pytest.fixture
def keeper(path):
    with Keeper(path) as running:
        yield running


@pytest.fixture
def open_folder():
    """Everybody may enter it, unlike pytest's."""
    folder = tempfile.mkdtemp(prefix="keep-")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


def leave(keeper, count, **how):
    """Connections with records that differ. Returns {record: client}."""
    clients = {}
    with Visit(keeper) as visit:
        for i in range(count):
            client, server = tcp_pair()
            what = record(b"stream %d" % i, **how)
            visit.keep(what, server)
            clients[what] = client
    keeper.says(f"connections that process {os.getpid()} left here: {count}$")
    return clients


def take(keeper):
    with Visit(keeper) as visit:
        visit.ask()
        return visit.take_all()


def check_connected(taken, clients):
    """The sockets that came back are the right ones."""
    for what, server in taken:
        with server, clients[what] as client:
            client.sendall(what)
            server.setblocking(True)
            assert server.recv(len(what), socket.MSG_WAITALL) == what


def end_of(client):
    """Waits for it: True if the peer said so, False if the connection just ended."""
    try:
        return client.recv(1) == b""
    except (ssl.SSLEOFError, ConnectionResetError):
        return False


def test_kept_and_taken(keeper):
    clients = leave(keeper, 20, unread=b"INVITE sip:bob@example.org SIP/2.0\r\n")
    taken = take(keeper)
    assert [what for what, _ in taken] == list(clients)
    check_connected(taken, clients)
    keeper.says(f"connections that process {os.getpid()} took back: 20$")
    assert take(keeper) == []


def test_bytes_that_come_meanwhile(keeper):
    """They wait in the socket, and so does the end."""
    [(what, client)] = leave(keeper, 1).items()
    client.sendall(b"late")
    client.close()
    [(back, server)] = take(keeper)
    with server:
        server.setblocking(True)
        assert back == what and server.recv(4, socket.MSG_WAITALL) == b"late" and server.recv(1) == b""


def test_longest_message(keeper):
    client, server = tcp_pair()
    what = record(b"stream", unread=b"x" * (keeping.MESSAGE_MAX - 8 - len(record(b"stream"))))
    with Visit(keeper) as visit:
        visit.keep(what, server)
        visit.ask()
        [(back, server)] = visit.take_all()
    assert back == what
    server.close()
    client.close()


def test_nobody_takes_it(path, pki, tmp_path):
    """After its time the peer gets close_notify, under the right key and number."""
    with Keeper(path, "--seconds", "1") as keeper:
        client, server, what = tls_pair(pki, tmp_path / "keys")
        with Visit(keeper) as visit:
            visit.keep(what, server)
        assert end_of(client)
        keeper.says("connections that were ended, because no SER took them back within 1 seconds: 1$")
        assert take(keeper) == []
        client.close()


def test_told_to_end(path, pki, tmp_path):
    """All peers are told; who left something that is no record is closed."""
    with Keeper(path) as keeper:
        connections = [tls_pair(pki, tmp_path / "keys") for _ in range(3)]
        with Visit(keeper) as visit:
            for _, server, what in connections:
                visit.keep(what, server)
        keeper.says("left here: 3$")
        [client] = leave(keeper, 1).values()
        assert keeper.stop() == 0
        assert all(end_of(client) for client, *_ in connections)
        assert client.recv(1) == b""
        keeper.says("the keeper ends, and connections that were here: 4$")
    assert not os.path.exists(path)


def test_peer_still_talks(path, pki, tmp_path):
    """Bytes that nobody reads do not keep close_notify from the peer."""
    with Keeper(path) as keeper:
        client, server, what = tls_pair(pki, tmp_path / "keys")
        with Visit(keeper) as visit:
            visit.keep(what, server)
        keeper.says("left here: 1$")
        client.sendall(b"x" * 5000)
        assert keeper.stop() == 0
        assert end_of(client)


def test_too_many(path, pki, tmp_path):
    with Keeper(path, "--max", "2") as keeper:
        client, server, what = tls_pair(pki, tmp_path / "keys")
        clients = leave(keeper, 2)
        with Visit(keeper) as visit:
            visit.keep(what, server)
            assert end_of(client)
        keeper.says("a connection is ended, because 2 are here already")
        keeper.says("wanted to leave here, and that were ended: 1$")
        check_connected(take(keeper), clients)


def test_few_descriptors(path):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 42))

    with Keeper(path, "--max", "100", preexec_fn=limit) as keeper:
        keeper.says("--max is 100, but there are descriptors for 10 connections only")
        keeper.says("up to 10 connections, each for up to 120 seconds")
        clients = leave(keeper, 10)
        client, server = tcp_pair()
        with Visit(keeper) as visit:
            visit.keep(record(b"stream"), server)
            assert end_of(client)
        check_connected(take(keeper), clients)


def test_stale_socket(path):
    """Who was killed left it behind."""
    with Keeper(path) as keeper:
        keeper.process.send_signal(signal.SIGKILL)
        keeper.says("end")
    assert os.path.exists(path)
    with Keeper(path) as keeper:
        assert take(keeper) == []
        assert os.stat(path).st_mode & 0o777 == 0o600


def run_to_end(*arguments):
    done = subprocess.run([keeping.program(), *arguments], stderr=subprocess.PIPE, text=True, check=False,
                          timeout=settings.PATIENCE, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    return done.returncode, done.stderr


def test_another_answers(keeper):
    code, said = run_to_end(keeper.path)
    assert code == 1 and "is taken: another keeper answers there" in said
    clients = leave(keeper, 1)
    check_connected(take(keeper), clients)


def test_no_socket(path):
    """A file that somebody may need stays."""
    with open(path, "w", encoding="ascii") as file:
        file.write("precious")
    code, said = run_to_end(path)
    assert code == 1 and "or it is no socket" in said
    with open(path, encoding="ascii") as file:
        assert file.read() == "precious"
    code, said = run_to_end(path + "/socket")
    assert code == 1 and "no socket can be made at" in said
    code, said = run_to_end(os.path.dirname(path) + "/nowhere/socket")
    assert code == 1 and "its folder is not there" in said
    code, said = run_to_end("x" * 200)
    assert code == 1 and "this has 200" in said


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--max", "0", "a"], ["--max", "-1", "a"], ["--seconds", "1s", "a"],
                                       ["--seconds", "99999999999999999999", "a"], ["--what", "a"]], ids=" ".join)
def test_wrong_options(arguments):
    assert run_to_end(*arguments)[0] == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_strangers(open_folder):
    """Those of other users are sent away, even if the socket lets them in."""
    with Keeper(os.path.join(open_folder, "socket")) as keeper:
        os.chmod(keeper.path, 0o666)
        check_strangers(keeper)


def check_strangers(keeper):
    program = f"""
import os, socket
os.setgid(65534)
os.setuid(65534)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout({settings.PATIENCE})
s.connect({keeper.path!r})
try:
    s.send({header(TAKE)!r})
    print(s.recv(100))
except (BrokenPipeError, ConnectionResetError):
    print(b"")
"""
    clients = leave(keeper, 1)
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True,
                          timeout=settings.PATIENCE)
    assert done.stdout == "b''\n"
    keeper.says("of user 65534 is sent away: only root and the keeper's own user")
    check_connected(take(keeper), clients)


def nothing():
    return ()


def one_tcp():
    return tcp_pair()[1:]


def two_tcp():
    return tcp_pair()


def listener():
    return (socket.create_server(("127.0.0.1", 0)),)


def datagrams():
    return (socket.socket(socket.AF_INET, socket.SOCK_DGRAM),)


def unix_stream():
    return socket.socketpair()[:1]


GARBAGE = {
    "byte": (b"x", nothing), "words": (b"garbage garbage", nothing), "magic": (header(KEEP, magic=1) + b"record", one_tcp),
    "newer": (header(KEEP, version=2) + b"record", one_tcp), "older": (header(TAKE, version=0), nothing),
    "take-and-more": (header(TAKE) + b"x", nothing), "take-with-socket": (header(TAKE), one_tcp),
    "no-more": (header(NO_MORE), nothing), "kind-0": (header(0), nothing), "kind-99": (header(99) + b"x", one_tcp),
    "no-record": (header(KEEP), one_tcp), "no-socket": (header(KEEP) + b"record", nothing),
    "two-sockets": (header(KEEP) + b"record", two_tcp), "listener": (header(KEEP) + b"record", listener),
    "datagrams": (header(KEEP) + b"record", datagrams), "unix": (header(KEEP) + b"record", unix_stream),
    "too-long": (header(KEEP) + b"x" * keeping.MESSAGE_MAX, one_tcp), "half-a-header": (header(KEEP)[:7], one_tcp)}


@pytest.mark.parametrize("case", GARBAGE)
def test_garbage(keeper, case):
    """Who says it is sent away, nothing of it is kept, and all others are served."""
    message, sockets = GARBAGE[case]
    clients = leave(keeper, 2)
    given = sockets()
    with Visit(keeper) as visit:
        visit.say(message, *given)
        assert visit.is_sent_away()
    keeper.says(f"process {os.getpid()} is sent away: ")
    for one in given:
        one.close()
    check_connected(take(keeper), clients)


def test_noise_is_bounded(keeper):
    for _ in range(30):
        with Visit(keeper) as visit:
            visit.say(b"garbage")
            assert visit.is_sent_away()
    assert sum("is sent away" in line for line in keeper.lines) < 30


def test_record_of_nonsense(path):
    """What is behind the header matters only where it is used."""
    with Keeper(path) as keeper:
        client, server = tcp_pair()
        with Visit(keeper) as visit:
            visit.keep(b"\xff" * 3000, server)
        keeper.says("left here: 1$")
        assert keeper.stop() == 0
        assert client.recv(1) == b""


LARGE = {"unread": b"x" * 100000}


def test_taker_that_does_not_read(keeper):
    """It blocks nobody. What it did not get another one gets; what it got ends with it."""
    clients = leave(keeper, 40, **LARGE)
    with Visit(keeper) as stuck:
        stuck.ask()
        stuck.recv(1, socket.MSG_PEEK)
        taken = take(keeper)
        assert 0 < len(taken) < 40
        check_connected(taken, clients)
    for what in clients.keys() - {what for what, _ in taken}:
        assert not clients[what].recv(1)


def test_taker_that_goes_away(keeper):
    clients = leave(keeper, 40, **LARGE)
    with Visit(keeper) as visit:
        visit.ask()
        back, server = visit.take_one()
        check_connected([(back, server)], clients)
    keeper.says("went away before it had taken all connections back")
    taken = take(keeper)
    assert 0 < len(taken) < 40
    check_connected(taken, clients)


def test_two_takers(keeper):
    """Each connection goes to one of them."""
    clients = leave(keeper, 40, **LARGE)
    with Visit(keeper) as one, Visit(keeper) as two:
        one.ask()
        two.ask()
        taken = []
        for _ in range(3):
            taken += [one.take_one(), two.take_one()]
        taken += one.take_all() + two.take_all()
    assert sorted(what for what, _ in taken) == sorted(clients)
    check_connected(taken, clients)


def test_left_while_another_takes(keeper):
    """Also the newest one gets to the taker, or stays for the next."""
    clients = leave(keeper, 20, **LARGE)
    with Visit(keeper) as taker:
        taker.ask()
        taken = [taker.take_one()]
        clients.update(leave(keeper, 1))
        taken += taker.take_all()
    assert sorted(what for what, _ in taken) == sorted(clients)
    check_connected(taken, clients)


def test_crowd_of_visitors(keeper):
    """The one that is silent for the longest time makes way."""
    clients = leave(keeper, 1)
    visits = [Visit(keeper) for _ in range(9)]
    assert visits[0].is_sent_away()
    keeper.says("8 processes are connected at once")
    visits[-1].ask()
    check_connected(visits[-1].take_all(), clients)
    for visit in visits:
        visit.close()


def test_thousands(path):
    """As many as a busy proxy has, in and out."""
    count = 2000
    with Keeper(path) as keeper:
        with Visit(keeper) as visit:
            client, server = tcp_pair()
            for i in range(count):
                visit.say(header(KEEP) + record(b"stream %d" % i), server)
            server.close()
        keeper.says(f"left here: {count}$")
        with Visit(keeper) as visit:
            visit.ask()
            for i in range(count):
                what, server = visit.take_one()
                assert what == record(b"stream %d" % i)
                server.close()
            assert visit.take_one() is None
        assert client.recv(1) == b""
        client.close()
