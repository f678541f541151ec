# SPDX-License-Identifier: GPL-2.0-or-later
"""What several machines add: a registration that two nodes tell each other, and a TCP balancer in front of one.

Both are other people's programs: the figures are for whoever plans with them."""

import itertools
import re
import socket
import time

from processes import cpu_by_process, family, private_memory
from proxy import HAPROXY, Proxy
from runs import wait_ready
from sections.memory import SETTLE_SECONDS, SHARED_KB_PER_CONNECTION, WARM_UP
from server import Failed, Server, say
from subjects import OURS, TCP
from tables import print_rows, title
from tools import kernel_memory

REGISTRATIONS = 10000
CONNECTIONS = 2000
# Registrations that are not answered yet.
WINDOW = 20
# Seconds that RFC 3261 17.1.1.1 takes for a round trip.
T1 = 0.5
PARALLEL = 16
# Until the nodes know each other, and until one has learned what the other one knows.
LIMIT = 120.0
# CPU seconds of one that only has its timers, in one second.
AT_REST = 0.03
# The module tm keeps a transaction for 5 s after its end.
TRANSACTION_SECONDS = 6

NODE = """\
debug=0
log_stderror=yes
disable_core_dump=yes
auto_aliases=no
alias="example.org"
children=2
tcp_children=1
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
mpath="{modules}/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "dmq.so"
loadmodule "dmq_usrloc.so"
loadmodule "ctl.so"
modparam("ctl", "binrpc", "unix:{control}")
modparam("registrar", "use_path", 1)
modparam("registrar", "path_mode", 0)
modparam("dmq", "server_address", "sip:127.0.0.1:{port}")
modparam("dmq", "notification_address", "sip:127.0.0.1:{peer}")
modparam("dmq_usrloc", "enable", 1)
request_route {{
	if (method == "KDMQ") {{ dmq_handle_message(); exit; }}
	if (!save("location")) sl_reply_error();
}}
"""

REGISTER = """\
REGISTER sip:example.org SIP/2.0\r
Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{number}-{cseq}\r
Path: <sip:10.0.0.1:5060;lr;received=sip:192.0.2.1:40000%3Btransport%3Dtls>\r
From: <sip:u{number}@example.org>;tag=t\r
To: <sip:u{number}@example.org>\r
Call-ID: {number}@192.0.2.1\r
CSeq: {cseq} REGISTER\r
Contact: <sip:u{number}@192.0.2.1:40000;transport=tls>\r
Expires: 3600\r
Max-Forwards: 70\r
Content-Length: 0\r
\r
"""

class Node(Server):
    """A registrar; peer is the other one."""

    peer = None

    def config(self):
        return NODE.format(port=self.port, peer=self.peer.port, modules=self.bench.tools["modules"], control=self.control)


class Behind(Server):
    """Ours, behind a balancer."""

    def more(self):
        return super().more() + "\ntcp_accept_haproxy=yes"


class Balancer(Proxy):
    """HAProxy that passes bytes on, and tells by PROXY v2 whose they are."""

    def __init__(self, bench, server):
        super().__init__(bench, server.subject)
        self.server = server

    def command(self):
        config = self.folder / "config"
        config.write_text(HAPROXY.format(connections=2 * CONNECTIONS, port=self.port, tls="", backend=self.server.port,
                                         more=" send-proxy-v2"))
        return [self.bench.tools["haproxy"], "-db", "-f", config]

    def own(self):
        """Its processes alone."""
        return family(self.process.popen.pid)


def measure(bench):
    say(f"nodes: {REGISTRATIONS} registrations")
    result = {"registrations": registrations(bench)}
    for name in ("direct", "balanced"):
        say(f"nodes: {CONNECTIONS} connections, {name}")
        result[name] = connections(bench, name == "balanced")
    return result


def registrations(bench):
    first, second = nodes = Node(bench, TCP), Node(bench, TCP)
    first.peer, second.peer = second, first
    with first, second:
        for node in nodes:
            wait(lambda node=node: node.rpc_text("dmq.list_nodes").count("active") >= 2, "know each other")
        return {"count": REGISTRATIONS, "new": told(nodes, 1), "refreshed": told(nodes, 2)}


def told(nodes, cseq):
    """What each registration costs the node that gets it, and the one that learns of it."""
    before, shared = [node.family() for node in nodes], [used(node) for node in nodes]
    register(nodes[0].port, cseq)
    for node in nodes:
        wait(lambda node=node: at_rest(node), "come to rest")
    spent = [sum(cpu_by_process(then, node.family()).values()) for then, node in zip(before, nodes)]
    time.sleep(TRANSACTION_SECONDS)
    return {"cpu_us": [seconds * 1e6 / REGISTRATIONS for seconds in spent],
            "shared": [(used(node) - then) / REGISTRATIONS for then, node in zip(shared, nodes)]}


def used(node):
    return node.rpc("core.shmmem")["real_used"]


def at_rest(node):
    before = node.family()
    time.sleep(1)
    return sum(cpu_by_process(before, node.family()).values()) <= AT_REST


def wait(condition, what):
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"The nodes did not {what} within {LIMIT:.0f} s.")
        time.sleep(0.1)


def register(port, cseq):
    """All of them, some at a time; again what is not answered (RFC 3261 17.1.2.2), for a busy node loses datagrams."""
    to_come, unanswered, again, silent_since = iter(range(REGISTRATIONS)), set(), 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phones:
        phones.bind(("127.0.0.1", 0))
        phones.connect(("127.0.0.1", port))
        phones.settimeout(T1)

        def send(number):
            phones.send(REGISTER.format(port=phones.getsockname()[1], number=number, cseq=cseq).encode())
        while True:
            for number in itertools.islice(to_come, WINDOW - len(unanswered)):
                unanswered.add(number)
                send(number)
            if not unanswered:
                break
            try:
                unanswered.discard(answered(phones.recv(65536)))
                silent_since = time.monotonic()
            except TimeoutError:
                if time.monotonic() - silent_since > 64 * T1:
                    raise Failed(f"{len(unanswered)} registrations were not answered within {64 * T1:.0f} s.") from None
                for number in unanswered:
                    send(number)
                again += len(unanswered)
    if again:
        say(f"nodes: {again} registrations were sent again")


def answered(answer):
    """Whose registration it is about."""
    if not answer.startswith(b"SIP/2.0 200 "):
        raise Failed(f"A registration was refused: {answer.splitlines()[0].decode(errors='replace')}")
    return int(re.search(rb"\r\nCall-ID: (\d+)@", answer)[1])


def connections(bench, balanced):
    """The kernel's memory for each idle one, and what the balancer needs for it and for its messages."""
    shared_mb = 128 + CONNECTIONS * SHARED_KB_PER_CONNECTION // 1024
    server = (Behind if balanced else Server)(bench, OURS, crowd=CONNECTIONS, shared_mb=shared_mb)
    target = Balancer(bench, server) if balanced else server
    own = target.own if balanced else dict
    with target:
        bench.load(target, "idle", 1, "--connections", WARM_UP, "--parallel", 1)
        time.sleep(SETTLE_SECONDS)
        kernel, private, before = kernel_memory(), private_memory(own()), own()
        process, result, _ = bench.start(target, "idle", 600, "--connections", CONNECTIONS, "--parallel", PARALLEL)
        try:
            death = wait_ready(process, target, result, CONNECTIONS)
            if death:
                return {"death": death}
            spent = sum(cpu_by_process(before, own()).values())
            time.sleep(SETTLE_SECONDS)
            found = {"kernel": (kernel_memory() - kernel) / CONNECTIONS, "cpu_us": spent * 1e6 / CONNECTIONS,
                     "private": (private_memory(own()) - private) / CONNECTIONS}
        finally:
            process.stop()
        before = own()
        run = bench.exchange(target, bench.scale.seconds)
        spent = sum(cpu_by_process(before, own()).values())
    return {**found, "message_us": spent * 1e6 / run["messages"], "errors": run["errors"], "death": run["death"]}


def show(result):
    registered = result["registrations"]
    title(f"nodes: {registered['count']} registrations over UDP, told to a second node (dmq_usrloc)")
    rows = [("registration", "CPU us", "CPU us, the other", "shared KB", "shared KB, the other")]
    for name in ("new", "refreshed"):
        one = registered[name]
        rows.append((name, *(f"{value:.0f}" for value in one["cpu_us"]),
                     *(f"{value / 1024:.2f}" for value in one["shared"])))
    print_rows(rows)
    title("nodes: connections through HAProxy in TCP mode with PROXY v2; its own CPU and private memory")
    rows = [("connections", "CPU us", "private KB", "kernel KB, all ends", "CPU us per message", "errors")]
    for name in ("direct", "balanced"):
        one = result[name]
        if one["death"]:
            rows.append((name, "died", *("-",) * 4))
            continue
        rows.append((name, f"{one['cpu_us']:.0f}", f"{one['private'] / 1024:.1f}", f"{one['kernel'] / 1024:.1f}",
                     f"{one['message_us']:.1f}", str(one["errors"])))
    print_rows(rows)


def failures(result):
    for name in ("direct", "balanced"):
        if result[name]["death"] or result[name]["errors"]:
            yield f"nodes, {name}: the server died, or answers were missing"
