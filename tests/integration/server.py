# SPDX-License-Identifier: GPL-2.0-or-later
"""Kamailio with the module under test: configuration, start, stop, log and what it says about itself."""
import contextlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sysconfig
import tempfile
import time
import warnings

import settings
import sip
from kernel import TALLY, counters
from patience import settle
from ports import free_port

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
BINARY = shutil.which("kamailio", path=PATH) or "kamailio"
KAMCMD = shutil.which("kamcmd", path=PATH) or "kamcmd"
MODULES = settings.CORES_MODULES or f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}/kamailio/modules/"
STOP_WITHIN = settings.PATIENCE // 2  # a busy guest may take longer than SER does


def core_knows(parameter):
    """Whether the core's release has a parameter of that name."""
    with open(BINARY, "rb") as binary:
        return parameter.encode() in binary.read()


# From 5.8 on the core closes what has said nothing, or half a message, for 20 s: less than a busy machine may take. 5.7.4 and
# 5.8.1 count to 2147 s only.
OWN_TIMEOUTS = ("tcp_msg_data_timeout=1800", "tcp_msg_read_timeout=1800") if core_knows("tcp_msg_data_timeout") else ()
SELECTS = ("tls", "tls.desc", "tls.version", "tls.cipher", "tls.cipher.bits", "tls.peer", "tls.peer.subject",
           "tls.peer.issuer", "tls.peer.verified", "tls.me", "tls.offload")
# OPTIONS is told everything; what is sent in numbers only what every answer is checked for.
CHEAP = ("tls.offload",)
LEVEL = re.compile(r"^ *\d+\(\d+\) (ALERT|BUG|CRITICAL|EMERG):")
CRASH = re.compile(r"exited by a signal|core was (not )?generated")
# The core's words about a coarse clock (a guest's ticks are 10 ms), whatever the module.
NOISE = r"local_timer_run\(\): backwards or still time"
SANITIZER = re.compile(r"ERROR: AddressSanitizer|runtime error:")


class NotStarted(Exception):
    """Kamailio did not get ready; the text is its log."""


def value_lines(label, value, test=None):
    """Script that puts a value into a header of the answer; test is how the script asks whether there is one."""
    yield (f'if ({test or "defined " + value}) {{ $var(v) = {value}; '
           f'append_to_reply("X-{label}: H$(var(v){{s.encode.hexa}})\\r\\n"); }} '
           f'else append_to_reply("X-{label}: N\\r\\n");')


def select_lines(names):
    """The same for several selects, with their names."""
    for name in names:
        yield from value_lines(name, "@" + name)


def variable_lines(names):
    """The same for several variables."""
    for name in names:
        yield from value_lines(name, "$" + name)


def behind(pki, *lines, words=""):
    """What Server takes as binary: a shell script of these lines that ends as Kamailio, itself run by those words."""
    handle, path = tempfile.mkstemp(prefix="kamailio-", dir=pki.folder)
    with open(handle, "w", encoding="utf-8") as script:
        script.write("\n".join(["#!/bin/sh", *lines, f'exec {words} {BINARY} "$@"', ""]))
    os.chmod(path, stat.S_IRWXU)
    return path


class Server:
    """
    One Kamailio in a folder of its own. tls = parameters of the module: None takes a default away, a function
    is given the server and makes a value, a list has one for each line. script = lines that run for each
    request, routes = lines behind the request route, modules = further ones, modparams = triples for them;
    memory in MB.
    """

    def __init__(self, pki, tls=None, listen=("tls:127.0.0.1",), core=(), binary=BINARY, load=None,
                 environment=None, script=(), routes=(), modules=(), modparams=(), memory=64, preamble=b""):
        # Short, because the path of a socket is; on a tmpfs in a guest, because hostfs has no sockets.
        self.folder = tempfile.mkdtemp(prefix="ser-")
        self.pki, self.binary, self.environment = pki, binary, environment or {}
        self.script, self.routes, self.modules, self.memory = script, routes, modules, memory
        self.modparams = modparams
        self.preamble = preamble  # what its first client says in front of its handshake
        self.ports = [(where, free_port()) for where in listen]
        self.tls = {"certificate": pki.server.cert, "private_key": pki.server.key, "ca_list": pki.ca.cert,
                    "verify_certificate": 1, "tls_log": 2, **(tls or {})}
        os.mkdir(os.path.join(self.folder, "etc"))
        os.mkdir(os.path.join(self.folder, "run"))
        self.config = os.path.join(self.folder, "etc", "ser.cfg")
        self.log_file = os.path.join(self.folder, "log")
        self.control = os.path.join(self.folder, "ctl.sock")
        with open(self.config, "w", encoding="utf-8") as config:
            config.write("\n".join(self.lines(core, load)) + "\n")
        self.process = None
        self.ended = False  # by stop()
        self.checked = 0
        self.accepted_lines = [re.compile(NOISE)]

    def lines(self, core, load):
        """The configuration file. The module under test is loaded first."""
        yield from ("debug=2", "fork=yes", "children=1", "tcp_children=2")
        yield from ("enable_tls=yes", "auto_aliases=no")
        yield from OWN_TIMEOUTS
        yield from core
        for where, port in self.ports:
            yield f"listen={where}:{port}"
        yield f'mpath="{MODULES}"'
        yield f'loadmodule "{settings.MODULE}"'
        for module in load if load is not None else ("sl", "pv", "textops", "kex", "ctl", *self.modules):
            yield f'loadmodule "{module}.so"'
        if load is None:
            yield f'modparam("ctl", "binrpc", "unix:{self.control}")'
        for module, name, value in self.modparams:
            yield f'modparam("{module}", "{name}", {value})' if isinstance(value, int) else \
                f'modparam("{module}", "{name}", "{value}")'
        yield from self.parameters()
        if load is not None:
            yield "request_route { exit; }"
            return
        yield "request_route {"
        yield 'if (is_present_hf("X-To")) { $du = $hdr(X-To); forward(); exit; }'
        yield 'if (is_present_hf("X-Close")) set_reply_close();'
        yield 'if (is_present_hf("X-Conn")) append_to_reply("X-Conn: $hdr(X-Conn)\\r\\n");'
        yield from self.script
        yield 'if ($rm == "OPTIONS") {'
        yield from select_lines(SELECTS)
        yield "} else {"
        yield from select_lines(CHEAP)
        yield "}"
        yield 'sl_send_reply("200", "OK");'
        yield "exit; }"
        yield from self.routes

    def parameters(self):
        """The module's."""
        for name, values in self.tls.items():
            for value in values if isinstance(values, list) else [values]:
                if callable(value):
                    value = value(self)
                if value is not None:
                    yield f'modparam("tls", "{name}", {value})' if isinstance(value, int) else \
                        f'modparam("tls", "{name}", "{value}")'

    def address(self, index=0):
        """Of a listener, for a client."""
        where, port = self.ports[index]
        return where.split(":", 1)[1].strip("[]"), port

    def spawn(self, *options):
        """Starts the process; its output goes to the log."""
        environment = dict(self.environment)
        if settings.PRELOAD:
            preload = " ".join(filter(None, (settings.PRELOAD, environment.get("LD_PRELOAD"))))
            environment.update(LD_PRELOAD=preload, ASAN_OPTIONS="detect_leaks=0")
        # SIGTERM comes to it when this process is gone, should nobody have stopped it. What is preloaded is for it alone.
        words = ["setpriv", "--pdeathsig", "TERM", "env", *(f"{name}={value}" for name, value in environment.items())]
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [*words, self.binary, "-f", self.config, "-E", "-w", self.folder,
                 "-Y", os.path.join(self.folder, "run"), "-P", os.path.join(self.folder, "pid"),
                 "-m", str(self.memory), "-M", "32" if self.script else "8", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)

    def wait_for_ports(self):
        """Until somebody listens at each."""
        end = time.monotonic() + settings.PATIENCE
        for index in range(len(self.ports)):
            while True:
                if self.process.poll() is not None:
                    raise NotStarted(self.log())
                try:
                    socket.create_connection(self.address(index), timeout=1).close()
                    break
                except OSError:
                    assert time.monotonic() < end, f"{self.ports[index]} does not listen:\n{self.log()}"
                    time.sleep(0.02)

    def start(self):
        """Until a request was answered over TLS."""
        before = counters()
        self.spawn("-DD")
        self.wait_for_ports()
        first = [where.startswith("tls:") for where, _ in self.ports].index(True)
        made, answered = TALLY.made, TALLY.answered
        try:
            # Without TLS 1.3 where that may have another home than the rest.
            version = "1.2" if self.tls.get("ktls_rekey_required") else None
            offload = "user" if self.tls.get("ktls") == 0 else settings.EXPECT
            with sip.TlsClient(self.address(first), sip.context(self.pki.bob, version),
                               offload=offload, preamble=self.preamble) as client:
                client.ask()
        except (OSError, sip.Ended) as failure:
            raise NotStarted(f"the first request failed, {failure!r}:\n{self.log()}") from failure
        # From here on the counters move with the tests' connections only.
        TALLY.made, TALLY.answered = made, answered
        TALLY.started(before)
        return self

    def run_to_end(self, *options):
        """For a configuration that must be refused: the exit status and the log."""
        before = counters()
        self.spawn(*options)
        try:
            self.process.wait(settings.PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it runs:\n{self.log()}") from None
        TALLY.started(before)
        return self.process.returncode, self.log()

    def log(self):
        """All of it."""
        with open(self.log_file, encoding="utf-8", errors="replace") as log:
            return log.read()

    def log_count(self, pattern):
        """Lines of the log that match."""
        return sum(bool(re.search(pattern, line)) for line in self.log().split("\n"))

    def logged(self, pattern, count=None):
        """
        Whether the log has that many lines that match, by default any. An engine's supervisor writes its lines, so
        they may come a moment after what they tell of.
        """
        self.settle(lambda: self.log_count(pattern) >= (count or 1), lambda: f"no {pattern} in: {self.log()}")
        return count in (None, self.log_count(pattern))

    def accept(self, pattern):
        """Log lines that match are no failure, although their level says so."""
        self.accepted_lines.append(re.compile(pattern))

    def check_log(self):
        """No crash, nothing critical since the last check."""
        text = self.log()
        new, self.checked = text[self.checked:], len(text)
        bad = [line for line in new.split("\n") if SANITIZER.search(line) or CRASH.search(line)
               or LEVEL.search(line) and not any(accepted.search(line) for accepted in self.accepted_lines)]
        assert not bad, "in the log:\n" + ("\n".join(bad) if not SANITIZER.search(new) else new)

    def check_log_for_crashes(self):
        """Of a server whose log is to have critical lines."""
        bad = [line for line in self.log().split("\n") if SANITIZER.search(line) or CRASH.search(line)]
        assert not bad, self.log()
        assert self.process.returncode >= 0, f"ended by signal {-self.process.returncode}:\n{self.log()}"

    def move_to(self, other, only=None):
        """Before the start: the listeners another server had, or the one of that number."""
        chosen = slice(None) if only is None else slice(only, only + 1)
        for (_, mine), (_, others) in zip(self.ports[chosen], other.ports[chosen], strict=True):
            with open(self.config, encoding="utf-8") as config:
                text = config.read()
            with open(self.config, "w", encoding="utf-8") as config:
                config.write(text.replace(f":{mine}\n", f":{others}\n"))
        self.ports[chosen] = other.ports[chosen]

    def running(self):
        """The main process lives."""
        return self.process is not None and self.process.poll() is None

    def processes(self):
        """Ids of all its processes: its session, and children of those wherever they went."""
        parents, found = {}, set()
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                        state, parent, _, session = stat.read().rpartition(")")[2].split()[:4]
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if state != "Z":
                    parents[int(entry)] = int(parent)
                    if int(session) == self.process.pid:
                        found.add(int(entry))
        while True:
            more = {child for child, parent in parents.items() if parent in found} - found
            if not more:
                return found
            found |= more

    def stop(self):
        """SIGTERM: exit status 0 and no process left, in time."""
        if not self.running():
            raise AssertionError(f"ended by itself with {self.process.returncode}:\n{self.log()[-3000:]}")
        everything = self.processes()
        self.ended = True
        # The core's processes say that of each other when they end, whatever the module.
        self.accept(r"receive_fd\(\): EOF on")
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            code = self.stop_sleepers(everything)
        assert code == 0, f"ended with {code}:\n{self.log()[-3000:]}"
        self.settle(lambda: not self.left(everything), f"processes left behind of {everything}", STOP_WITHIN)

    def stop_sleepers(self, processes):
        """
        A child of the core that SIGTERM reaches before it first ran takes itself for the main process still, and only
        notes the signal (fork_process() in pt.c, sig_usr() in main.c; so without a TLS module, too). On a busy machine
        that happens to a SER that has just started. They then wait for ever, timers in pause(), sigwaitinfo() or
        select(), TCP workers and tcp_main in epoll_wait(). Ours wait in other calls.
        """
        alive = self.left(processes) - {self.process.pid}
        report = "\n".join(map(self.doing, alive))
        asleep = re.compile("pause|sigtimedwait|poll_schedule_timeout|epoll_wait")
        if not alive or not all(asleep.search(self.doing(process).split(",")[0]) for process in alive):
            self.kill()
            raise AssertionError(f"lives {STOP_WITHIN} s after SIGTERM:\n{report}\n{self.log()[-3000:]}")
        warnings.warn(f"SIGTERM had to be sent again to {report}")
        for process in alive:
            os.kill(process, signal.SIGTERM)
        return self.process.wait(STOP_WITHIN)

    @staticmethod
    def doing(process):
        """What a process that should have ended waits for."""
        facts = []
        for name in ("wchan", "syscall", "stack", "status"):
            try:
                with open(f"/proc/{process}/{name}", encoding="utf-8", errors="replace") as file:
                    facts += [line for line in file.read().split("\n")
                              if name != "status" or line.startswith(("State", "Sig", "Shd"))]
            except OSError as error:
                facts.append(f"{name}: {error}")
        return f"process {process}: " + ", ".join(facts)

    @staticmethod
    def left(processes):
        """Those of the processes that still run."""
        alive = set()
        for process in processes:
            try:
                with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as stat:
                    if stat.read().rpartition(")")[2].split()[0] != "Z":
                        alive.add(process)
            except (FileNotFoundError, ProcessLookupError):
                pass
        return alive

    def kill(self):
        """
        Whatever of it runs, each by its id; the main process first, or it logs how the others end. Again, because one
        that starts may fork while we look.
        """
        end = time.monotonic() + settings.PATIENCE
        while self.process and (running := self.processes()):
            assert time.monotonic() < end, f"survive SIGKILL: {[self.doing(process) for process in running]}"
            for process in sorted(running, key=lambda process: process != self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.01)
        if self.process:
            self.process.wait(settings.PATIENCE)

    def clean_up(self):
        """Nothing stays behind."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def text(self, name, *arguments):
        """What kamcmd answers."""
        done = subprocess.run([KAMCMD, "-s", f"unix:{self.control}", "--", *name.split(), *arguments],
                              capture_output=True, text=True, timeout=settings.PATIENCE, check=False)
        assert done.returncode == 0, f"kamcmd {name}: {done.stdout}{done.stderr}"
        return done.stdout

    def info(self, name="tls.info"):
        """What kamcmd answers, texts by name."""
        return dict(re.findall(r"([\w-]+): (.*)", self.text(name)))

    def command(self, name):
        """The numbers in what kamcmd answers, by name."""
        return {key: int(value) for key, value in self.info(name).items() if re.fullmatch(r"-?\d+", value)}

    def engines(self):
        """What SER says about its engines: a list of numbers by name."""
        structs = re.findall(r"\{(.*?)\}", self.text("tls.engines"), re.DOTALL)
        return [{key: int(value) for key, value in re.findall(r"(\w+): (-?\d+)", text)} for text in structs]

    def counters(self, group="tls"):
        """Of the module or of a part of the core, by name."""
        return {key: int(value) for key, value
                in re.findall(rf"{group}[.](\w+): (\d+)", self.text(f"stats.fetch {group}:"))}

    def shared_memory(self):
        """Bytes in use."""
        return self.command("core.shmmem")["used"]

    def counter(self, name):
        """A statistic of the core's."""
        return int(re.search(r"= (\d+)", self.text("stats.get_statistics", name))[1])

    def queued(self):
        """Bytes that wait to be sent, the module's and the core's."""
        return self.command("tls.info")["clear_text_write_queued_bytes"] + \
            self.command("core.tcp_info")["write_queued_bytes"]

    def tls_connections(self):
        """Connections over TLS in the core's table."""
        return self.command("core.tcp_info")["opened_tls_connections"]

    def asked(self):
        """Connections of kamcmd that SER has not closed yet: a busy machine lets it do that late."""
        with open("/proc/net/unix", encoding="utf-8", errors="replace") as sockets:
            return sum(line.rstrip("\n").endswith(" " + self.control) for line in sockets) - 1  # one listens

    def descriptors(self):
        """Numbers of open ones by process, engines by number; None where only root may look."""
        def count(process):
            try:
                return len(os.listdir(f"/proc/{process}/fd"))
            except PermissionError:
                assert os.geteuid()
                return None  # the engine: it holds private keys, so the kernel was told to keep others out
        names = {engine["pid"]: f"engine {engine['engine']}" for engine in self.engines()}
        self.settle(lambda: not self.asked(), "SER closes the connection of kamcmd")
        return {names.get(process, process): count(process) for process in self.processes()}

    def busiest(self, pause=1):
        """The share of a processor its busiest process takes while nothing happens."""
        def ticks():
            found = {}
            for process in self.processes():
                with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as stat:
                    user, system = stat.read().rpartition(")")[2].split()[11:13]
                found[process] = int(user) + int(system)
            return found
        before, start = ticks(), time.monotonic()
        time.sleep(pause)
        after, passed = ticks(), time.monotonic() - start
        most = max(after[process] - before.get(process, 0) for process in after)
        return most / os.sysconf("SC_CLK_TCK") / passed

    settle = staticmethod(settle)

    def wait_idle(self, within=settings.PATIENCE):
        """Until it has no TLS connection."""
        self.settle(lambda: self.tls_connections() == 0, "no TLS connection left", within)


class Usage:
    """Memory and descriptors of an idle server, to compare with later."""

    SLACK = 64 * 1024

    def __init__(self, server):
        self.server = server
        server.wait_idle()
        # The core's count is down a little before its processes have closed everything.
        last, now = None, self.at_rest()
        end = time.monotonic() + settings.PATIENCE
        while last != now:
            assert time.monotonic() < end, f"it does not come to rest: {last}, {now}"
            last, now = now, self.at_rest()
        self.memory, self.descriptors = now

    def at_rest(self):
        """Memory and descriptors, these without the one that asking for the other takes for a moment."""
        memory = self.server.shared_memory()
        time.sleep(0.2)
        return memory, self.server.descriptors()

    def check(self):
        """All that was taken since was given back."""
        server = self.server
        server.wait_idle()
        server.settle(lambda: server.shared_memory() <= self.memory + self.SLACK,
                      lambda: f"shared memory in use is {server.shared_memory()} bytes, was {self.memory}")
        server.settle(lambda: server.descriptors() == self.descriptors,
                      lambda: f"descriptors by process are {server.descriptors()}, were {self.descriptors}")
