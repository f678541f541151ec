# SPDX-License-Identifier: GPL-2.0-or-later
"""Forwarding: clients over plain TCP, SER, and one peer over TLS (or plain TCP) that answers each request."""

from processes import cpu_by_process
from responder import Responder
from runs import WARM_UP_SECONDS, growth, in_rounds, with_cpu
from sections.throughput import failures, show_ratios, show_subjects, summarise
from server import Failed, Server, free_port
from subjects import Subject, chosen
from tables import title
from tools import TLS_STAT, tls_counters

__all__ = ["measure", "show", "failures"]

OURS, STOCK, TCP = Subject("ours", "ours"), Subject("stock", "stock"), Subject("tcp")
USER = Subject("ours user", "ours", (), 0, "user")  # where the other is in the kernel
PAIRS = ("ours", "stock"), ("ours", "tcp"), ("stock", "tcp"), ("ours user", "stock"), ("ours user", "ours")
# Who answers is the same program, on OpenSSL, for all of them.
PEER, TCP_PEER = Subject("peer", "openssl"), Subject("peer epoll")

ROUTE = """\
request_route {{
	$du = "sip:127.0.0.1:{port};transport={transport}";
	if (!forward()) sl_send_reply("500", "Not forwarded");
	exit;
}}
"""


class Forwarder(Server):
    """Kamailio whose clients speak TCP; outbound says what it speaks to its peer."""

    def __init__(self, bench, outbound, peer):
        super().__init__(bench, Subject(outbound.name))
        self.outbound, self.peer = outbound, peer
        self.tls_port = free_port()

    def more(self):
        """A listener, for a connection goes out from one."""
        text = super().more()
        return f"{text}\nenable_tls=yes\nlisten=tls:127.0.0.1:{self.tls_port}" if self.outbound.module else text

    def tls(self):
        clients, self.subject = self.subject, self.outbound
        try:
            return super().tls() + 'loadmodule "pv.so"\n'
        finally:
            self.subject = clients

    def config(self):
        """That of the other sections with another route."""
        text = super().config()
        transport = "tls" if self.outbound.module else "tcp"
        return text[:text.index("request_route")] + ROUTE.format(port=self.peer.port, transport=transport)


def measure(bench):
    responder = bench.tools["load"].parent / "responder-openssl"
    if not responder.exists():
        raise Failed(f"The peer {responder} is missing; build the target responder-openssl.")
    bench.tools["responder-openssl"] = responder
    subjects = chosen((OURS, *((USER,) if TLS_STAT.exists() else ()), STOCK, TCP), bench.subjects)
    rounds = in_rounds(subjects, bench.scale.rounds, "forward", lambda subject: one(bench, subject))
    return dict(summarise(rounds, PAIRS), rounds=rounds)


def one(bench, subject):
    """A run with a fresh server and a fresh peer."""
    with Responder(bench, PEER if subject.module else TCP_PEER) as peer:
        with Forwarder(bench, subject, peer) as server:
            counters = tls_counters()
            warm = bench.exchange(server, WARM_UP_SECONDS)
            if warm["death"]:
                return warm
            grown = growth(counters, tls_counters())
            before = server.family()
            run = bench.exchange(server, bench.scale.seconds)
            with_cpu(run, cpu_by_process(before, server.family()))
    run["errors"] += warm["errors"]
    check(run, warm, subject, grown, peer.counts)
    return run


def check(run, warm, subject, grown, counts):
    """Refuses a figure unless the peer saw what the generator counts, and the kernel's counters fit."""
    answered = warm["messages"] + run["messages"]
    run["peer"] = counts
    if counts["answered"] < answered:
        run["refused"] = f"the peer counts {counts['answered']} answers, the generator {answered}"
    if subject.module != "ours":
        return
    in_kernel = min(grown.get(name, 0) for name in ("TlsTxSw", "TlsRxSw")) > 0
    run["home"] = "kernel" if in_kernel else "user"
    if TLS_STAT.exists() and (subject.home == "user") == in_kernel:
        run["refused"] = f"records are not where {subject.name} has them: {grown}"


def show(result):
    title("forward: closed loop over TCP, forwarded to one peer; CPU is that of SER")
    show_subjects(result)
    show_ratios(result)
