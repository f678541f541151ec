# SPDX-License-Identifier: GPL-2.0-or-later
"""One scenario of SIPp with one subject: the servers, stunnel, the SIPp behind SER and the one that calls."""

import contextlib
import pathlib
import socket
import tempfile
import time

import clients
from processes import Process, cpu_by_process
from runs import growth
from server import START_LIMIT, TLS_CONFIG, Failed, Server, free_port
from tools import tls_counters

WARM_UP_CALLS = 50
# What SIPp and stunnel may take beyond the seconds of a run.
SLACK = 30

CONFIG = """\
debug=0
log_stderror=yes
disable_core_dump=yes
auto_aliases=no
children=1
tcp_children=2
{core}
{transport}
listen=tcp:127.0.0.1:{inside}
listen=udp:127.0.0.1:{inside}
mpath="{modules}/"
{load}
{tls}
request_route {{
	{route}
	sl_send_reply("200", "OK");
}}
"""


class Relay(Server):
    """A Kamailio that answers OPTIONS, registers, and relays calls to where they want to go."""

    def config(self):
        folder, tools = self.bench.folder, self.bench.tools
        tls = bool(self.subject.module)
        listen = f"listen={'tls' if tls else 'tcp'}:127.0.0.1:{self.port}"
        settings = TLS_CONFIG.format(module=tools[self.subject.module], certificate=folder / "server.pem",
                                     key=folder / "server.key") if tls else ""
        return CONFIG.format(
            transport=f"enable_tls=yes\n{listen}" if tls else listen,
            core="\n".join(clients.CORE),
            inside=free_port(),
            modules=tools["modules"],
            load="\n".join(f'loadmodule "{name}.so"' for name in clients.MODULES),
            tls=settings,
            route="\n\t".join(clients.ROUTE),
        )


class Run:
    """One scenario with one subject on a fresh server."""

    def __init__(self, bench, args, scenario, subject):
        self.bench, self.args, self.scenario, self.subject = bench, args, scenario, subject
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=bench.folder))
        self.stunnel_log = self.folder / "stunnel.log"

    def measure(self):
        with Relay(self.bench, self.subject) as server, contextlib.ExitStack() as stack:
            behind = self.start_called(stack) if self.scenario.relayed() else None
            to = self.start_stunnel(stack, server.port) if self.subject.module and not self.own_tls() else server.port
            warm = self.call(server, to, behind, "warm", min(WARM_UP_CALLS, self.args.calls))
            if warm["death"]:
                return warm
            before, counters = server.family(), tls_counters()
            run = self.call(server, to, behind, "measured", self.args.calls)
            spent = sum(cpu_by_process(before, server.family()).values())
            grown = growth(counters, tls_counters())
        run["server_cpu_seconds"] = round(spent, 3)
        run["cpu_us_per_call"] = spent * 1e6 / run["calls"] if run["calls"] and not run["death"] else None
        run["failed"] += warm["failed"]
        run["told"] = warm["told"] + run["told"]
        run["session"] = self.session(grown)
        return run

    def own_tls(self):
        return self.bench.tools["sipp tls"] and not self.args.stunnel

    def session(self, grown):
        if not self.subject.module:
            return "plain"
        log = self.stunnel_log.read_text(errors="replace") if self.stunnel_log.exists() else ""
        session = clients.negotiated(log) or "TLS of SIPp"
        if self.subject.module == "ours":
            session += ", kernel" if min(grown.get(name, 0) for name in ("TlsTxSw", "TlsRxSw")) else ", user"
        return session

    def start(self, stack, words, name):
        folder = self.folder / name
        folder.mkdir()
        with (folder / "output").open("wb") as output:
            command = ["env", "-C", folder, "TERM=dumb", *words]  # SIPp leaves files where it runs
            process = Process(command, output)
        stack.callback(process.stop)
        return process, folder

    def wait_listening(self, process, port, what, log):
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end and process.status() is None:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise Failed(f"{what} does not listen on port {port}: {log.read_text(errors='replace').strip()[-2000:]}")

    def start_stunnel(self, stack, port):
        accept, config = free_port(), self.folder / "stunnel.conf"
        config.write_text(clients.stunnel_config(accept, port, self.bench.folder / "ca.pem", self.stunnel_log))
        process, folder = self.start(stack, [self.bench.tools["stunnel"], config], "stunnel")
        self.wait_listening(process, accept, "stunnel", folder / "output")
        return accept

    def start_called(self, stack):
        port, transport = free_port(), self.args.behind
        words = clients.called(self.bench.tools["sipp"], self.scenario, port, free_port(), transport)
        process, folder = self.start(stack, words, "called")
        if transport == "tcp":
            self.wait_listening(process, port, "The SIPp behind SER", folder / "output")
        else:
            time.sleep(1)  # nothing answers before there is a call
        return port

    def call(self, server, to, behind, name, calls):
        args = self.args
        tls = None
        if self.subject.module and self.own_tls():
            folder = self.bench.folder
            tls = ("-tls_cert", folder / "server.pem", "-tls_key", folder / "server.key", "-tls_ca", folder / "ca.pem")
        words = clients.caller(self.bench.tools["sipp"], self.scenario, to, free_port(), calls, args.parallel,
                               args.seconds, behind, args.behind, tls)
        with contextlib.ExitStack() as stack:
            process, folder = self.start(stack, words, name)
            death = watch(process, server, args.seconds)
        try:
            run = clients.outcome(folder)
        except (OSError, IndexError, KeyError, ValueError):
            if not death:
                output = (folder / "output").read_text(errors="replace").strip()[-2000:]
                raise Failed(f"SIPp left no statistics: {output}") from None
            run = {"calls": 0, "failed": 0, "seconds": 0.0, "calls_per_second": None, "response_ms": {}}
        run["wanted"], run["death"] = calls, death
        errors = folder / "errors.log"
        run["told"] = errors.read_text(errors="replace").splitlines()[:20] if errors.exists() else []
        return run


def watch(process, server, seconds):
    """Waits for SIPp. Returns how the server died, or None."""
    begin = time.monotonic()
    while not process.wait(0.1):
        passed = time.monotonic() - begin
        death = server.death()
        if death:
            return dict(death, after_seconds=round(passed, 1))
        if passed > seconds + SLACK:
            raise Failed("SIPp does not end.")
    death = server.death()
    return dict(death, after_seconds=round(time.monotonic() - begin, 1)) if death else None
