# SPDX-License-Identifier: GPL-2.0-or-later
"""What the core does with TCP connections it accepts is done with TLS connections, which an engine accepts."""
import contextlib
import ctypes
import os
import re
import socket

import pytest

import sip
from homes import ALL, DIRECT, RELAYED

HOMES = [home for home in ALL if home.ktls is None and not home.rsa]
LISTEN = ("tls:127.0.0.1", "tcp:127.0.0.1")
LISTEN_TWO = ("tls:127.0.0.1", "tls:127.0.0.1")
PIDFD_OPEN, PIDFD_GETFD = 434, 438  # system calls, the same on all machines
libc = ctypes.CDLL(None, use_errno=True)

TCP = {"nodelay": socket.TCP_NODELAY, "keepidle": socket.TCP_KEEPIDLE, "keepintvl": socket.TCP_KEEPINTVL,
       "keepcnt": socket.TCP_KEEPCNT, "syncnt": socket.TCP_SYNCNT, "linger2": socket.TCP_LINGER2,
       "defer": socket.TCP_DEFER_ACCEPT, "user_timeout": socket.TCP_USER_TIMEOUT}
SOCKET = {"keepalive": socket.SO_KEEPALIVE, "reuseaddr": socket.SO_REUSEADDR, "reuseport": socket.SO_REUSEPORT,
          "sndbuf": socket.SO_SNDBUF, "rcvbuf": socket.SO_RCVBUF, "priority": socket.SO_PRIORITY,
          "mark": socket.SO_MARK}
CORE = {"defaults": (),
        "keepalive": ("tcp_keepalive=yes", "tcp_keepidle=77", "tcp_keepintvl=11", "tcp_keepcnt=5"),
        "no-keepalive": ("tcp_keepalive=no",),
        "others": ("tcp_linger2=33", "tcp_syncnt=3", "tos=0x10", "tcp_delayed_ack=no"),
        "reuse-port": ("tcp_reuse_port=yes",)}


def inode_of(here, there):
    """Of the server's end of a connection, by the addresses of both."""
    def text(address):
        return f"{int.from_bytes(socket.inet_aton(address[0]), 'little'):08X}:{address[1]:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            fields = line.split()
            if fields[1:3] == [text(here), text(there)]:
                return int(fields[9])
    raise AssertionError(f"no connection {here} {there}")


@contextlib.contextmanager
def socket_of(ser, inode):
    """A copy of a socket that one of the server's processes has open."""
    for process in ser.processes():
        for entry in os.listdir(f"/proc/{process}/fd"):
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(f"/proc/{process}/fd/{entry}") == f"socket:[{inode}]":
                    pidfd = libc.syscall(PIDFD_OPEN, process, 0)
                    assert pidfd >= 0, os.strerror(ctypes.get_errno())
                    copy = libc.syscall(PIDFD_GETFD, pidfd, int(entry), 0)
                    error = ctypes.get_errno()
                    os.close(pidfd)
                    if copy < 0:
                        pytest.skip(f"pidfd_getfd: {os.strerror(error)}")
                    with socket.socket(fileno=copy) as found:
                        yield found
                    return
    raise AssertionError("nobody has it open")


def settings_of(ser, client):
    """Of the server's socket of a connection."""
    inode = inode_of(client.sock.getpeername(), client.sock.getsockname())
    with socket_of(ser, inode) as sock:
        found = {name: sock.getsockopt(socket.IPPROTO_TCP, number) for name, number in TCP.items()}
        found |= {name: sock.getsockopt(socket.SOL_SOCKET, number) for name, number in SOCKET.items()}
        found["tos"] = sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS)
        found["nonblocking"] = not os.get_blocking(sock.fileno())
        return found


@pytest.mark.parametrize("core", CORE)
@pytest.mark.parametrize("home", HOMES, ids=str)
def test_options(share, core, home):
    """All options of a TLS connection's socket are those of a TCP connection's."""
    if os.geteuid():
        pytest.skip("only root may look at other processes' sockets")
    ser = share(f"sockets {core}", core=CORE[core], listen=LISTEN)
    with home.client(ser) as tls, sip.Wire(ser.address(1)) as tcp:
        tls.ask()
        tcp.ask()
        ours, cores = settings_of(ser, tls), settings_of(ser, tcp)
    if home.name == "relayed":  # the engine's, which serves it in its own way
        ours["nonblocking"] = cores["nonblocking"]
    for name in "sndbuf", "rcvbuf":  # they grow with use
        del ours[name], cores[name]
    assert ours == cores
    assert ours["nodelay"] and ours["nonblocking"]
    if core == "keepalive":
        assert (ours["keepalive"], ours["keepidle"], ours["keepintvl"], ours["keepcnt"]) == (1, 77, 11, 5)
    if core == "no-keepalive":
        assert not ours["keepalive"]
    if core == "others":
        assert ours["tos"] == 0x10 and ours["linger2"] == 33
    if core == "reuse-port":
        assert ours["reuseport"]


def test_reuse_port(start, refused):
    """With tcp_reuse_port a second SER may listen beside the first, without it may not."""
    first = start(core=["tcp_reuse_port=yes"], listen=LISTEN_TWO)
    second = refused(core=["tcp_reuse_port=yes"], listen=LISTEN_TWO)
    second.move_to(first, 1)
    second.start()

    def both_have_some():
        with sip.TlsClient(first.address(1)) as client:
            client.ask()
        return all(ser.engines()[0]["established"] > 1 for ser in (first, second))

    second.settle(both_have_some, "one of them has no clients")
    second.stop()
    third = refused(listen=LISTEN_TWO)
    third.move_to(first, 1)
    code, log = third.run_to_end("-DD")
    assert code, log
    with sip.TlsClient(first.address(1)) as client:
        client.ask()


EVENTS = [f'event_route[tcp:{event}] {{ xlog("L_WARN", "EVENT {event} of $proto $si:$sp at $Rp, $conid\\n"); }}'
          for event in ("closed", "timeout", "reset")]
CONID = ['append_to_reply("X-Conid: $conid\\r\\n");']


def end_orderly(client):
    if isinstance(client, sip.TlsClient):
        client.close()
    else:
        client.sock.close()


def end_by_reset(client):
    client.reset()


def end_by_time(client):
    client.end()


def event_of(ser, client, end):
    """What the script hears of the end of a connection, and whether by its id: Kamailio 6.0 tells that, 5.6 does not."""
    with client:
        known = client.ask().headers["X-Conid"]
        host, port = client.sock.getsockname()
        end(client)
    pattern = rf"EVENT (\w+) of (\w+) {host}:{port} at (\d+), (.*)"
    ser.settle(lambda: re.search(pattern, ser.log()), lambda: f"no event\n{ser.log()[-2000:]}")
    (event, protocol, here, conid), = re.findall(pattern, ser.log())
    index = 0 if isinstance(client, sip.TlsClient) else 1
    assert protocol == ("tls", "tcp")[index] and int(here) == ser.ports[index][1]
    return event, conid == known


@pytest.mark.parametrize("end", [end_orderly, end_by_reset], ids=lambda function: function.__name__)
@pytest.mark.parametrize("home", HOMES, ids=str)
def test_closed_event(share, home, end):
    """The script hears of it once, as of that of a TCP connection; $conid, too, is what it is there."""
    ser = share("events", listen=LISTEN, modules=("xlog", "tcpops"), script=CONID, routes=EVENTS)
    ours, cores = event_of(ser, home.client(ser), end), event_of(ser, sip.Wire(ser.address(1)), end)
    assert cores[0] == ("reset" if end is end_by_reset else "closed")
    if home.name == "relayed":  # the core sees the orderly end of a socketpair
        cores = "closed", cores[1]
    assert ours == cores


def moved(ser, index, home, end):
    """By how much the core's counters move in the life of one connection: while it is open, and behind it."""
    before = ser.counters("tcp")
    assert before
    with home.client(ser) if home else sip.Wire(ser.address(index)) as client:
        client.ask()
        ser.settle(lambda: ser.counters("tcp")["established"] > before["established"], "not counted")
        during = ser.counters("tcp")
        end(client)
    ser.settle(lambda: ser.counters("tcp")["current_opened_connections"] ==
               before["current_opened_connections"], "it is still there")
    after = ser.counters("tcp")
    return [{name: now[name] - before[name] for name in before} for now in (during, after)]


@pytest.mark.parametrize("end", [end_orderly, end_by_reset, end_by_time], ids=lambda function: function.__name__)
@pytest.mark.parametrize("home", HOMES, ids=str)
def test_statistics(share, home, end):
    """They move as for a TCP connection."""
    ser = share("statistics", listen=LISTEN, core=["tcp_connection_lifetime=3"], tls={"connection_timeout": 3})
    ser.wait_idle()
    ours, cores = moved(ser, 0, home, end), moved(ser, 1, None, end)
    if home.name == "relayed" and end is end_by_reset:
        ours[1]["con_reset"] = cores[1]["con_reset"]  # the core sees the end of a socketpair
    assert ours == cores
    assert ours[0]["established"] == ours[0]["passive_open"] == ours[0]["current_opened_connections"] == 1


def test_ids_differ(share):
    """Ids of TLS connections are their own, whatever else is open."""
    ser = share("events", listen=LISTEN, modules=("xlog", "tcpops"), script=CONID, routes=EVENTS)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(client) for _ in range(5) for client in
                   (DIRECT[1].client(ser), RELAYED[0].client(ser), sip.Wire(ser.address(1)))]
        ids = [client.ask().headers["X-Conid"] for client in clients]
    assert len(set(ids)) == len(clients) and all(re.fullmatch(r"\d+", one) for one in ids)
