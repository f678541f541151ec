# SPDX-License-Identifier: GPL-2.0-or-later
"""Kamailio with one subject: its configuration, certificates, start, death and stop."""

import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import time

from processes import Process, family

START_LIMIT = 60.0  # in a slow guest

CONFIG = """\
debug=0
log_stderror=yes
disable_core_dump=yes
auto_aliases=no
children=1
tcp_children=2
tcp_async={tcp_async}
{more}
{transport}
mpath="{modules}/"
loadmodule "sl.so"
loadmodule "textops.so"
loadmodule "ctl.so"
modparam("ctl", "binrpc", "unix:{control}")
{tls}
request_route {{
	{body}
	sl_send_reply("200", "OK");
}}
"""

# The default, q_malloc, searches lists whose length depends on what modules freed at the start: up to half of a message's
# CPU, more or less of it by chance, and none of it a module's doing.
PRIVATE_MEMORY = ("-X", "fm")

# What a MESSAGE is answered with: peers that do not read are full soon.
LONG = "x" * 6000

# The words of our module's log.
HOMES = {"kernel": "the kernel", "user": "user space", "relayed": "user space, relayed by the engine"}

# Idle connections are many and live long.
CROWD = """\
tcp_max_connections={room}
tcp_connection_lifetime=3600
"""
# They come from one address, of which some releases take 1,024.
ONE_ADDRESS = b"tcp_accept_iplimit"

TLS_CONFIG = """\
loadmodule "{module}"
modparam("tls", "certificate", "{certificate}")
modparam("tls", "private_key", "{key}")
modparam("tls", "tls_method", "TLSv1.2+")
"""

OPENSSL_CONFIG = """\
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = URI:sip:bob@example.org
"""


class Failed(Exception):
    """Something went wrong on the way."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def make_certificates(openssl, folder, days=2):
    """A demo CA of ECDSA P-256, and certificates for 127.0.0.1: server of the same kind, and two of RSA."""
    (folder / "openssl.cnf").write_text(OPENSSL_CONFIG)
    authority = ["-subj", "/CN=bench demo CA", "-extensions", "ca"]
    server = ["-subj", "/CN=127.0.0.1", "-extensions", "server"] + signed(folder)
    for name, words in (("ca", P256 + authority), ("server", P256 + server), ("server-rsa", ["-newkey", "rsa:2048"] + server),
                        ("server-rsa-4096", ["-newkey", "rsa:4096"] + server)):
        make_certificate(openssl, folder, name, words, days)


def make_client_certificate(openssl, folder):
    """Bob's, of the CA that make_certificates() has made."""
    make_certificate(openssl, folder, "client", P256 + ["-subj", "/O=Example/CN=Bob", "-extensions", "client"] + signed(folder))


P256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


def signed(folder):
    return ["-CA", folder / "ca.pem", "-CAkey", folder / "ca.key"]


def make_certificate(openssl, folder, name, words, days=2):
    command = [openssl, "req", "-x509", "-config", folder / "openssl.cnf", "-nodes", "-days", str(days), *words,
               "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"]
    made = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if made.returncode:
        raise Failed(f"openssl could not make the {name} certificate: {made.stderr.strip()}")


GIVEN = set()


def free_port():
    """A port nobody uses, nor was given, below those the kernel gives to clients."""
    while True:
        port = random.randrange(10000, 30000)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind(("127.0.0.1", port))
        except OSError:
            continue
        if port not in GIVEN:
            GIVEN.add(port)
            return port


class Server:
    """One Kamailio with one subject. Use as a context manager."""

    def __init__(self, bench, subject, tcp_async=True, crowd=0, shared_mb=256):
        self.bench = bench
        self.subject = subject
        self.tcp_async = tcp_async
        self.crowd = crowd  # so many connections have to find room
        self.shared_mb = shared_mb
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="server-", dir=bench.folder))
        self.control = self.folder / "ctl"
        self.log = self.folder / "kamailio.log"
        self.log_read = 0
        self.crash = None
        self.process = self.keeper = None

    def more(self):
        """Core settings beyond the common ones."""
        lines = [CROWD.format(room=self.crowd + 500)] if self.crowd else []
        if self.crowd and self.subject.module:
            lines.append(f"tls_max_connections={self.crowd + 500}")
        if self.crowd and ONE_ADDRESS in pathlib.Path(self.bench.tools["kamailio"]).read_bytes():
            lines.append(f"{ONE_ADDRESS.decode()}=0")
        if self.bench.scale.body > 8192:
            lines.append("tcp_rd_buf_size=65536")
        return "\n".join(lines)

    def tls(self):
        if not self.subject.module:
            return ""
        folder = self.bench.folder
        text = TLS_CONFIG.format(
            module=self.bench.tools[self.subject.module],
            certificate=folder / f"{self.subject.certificate}.pem", key=folder / f"{self.subject.certificate}.key",
        )
        if self.subject.ktls is not None:
            text += f'modparam("tls", "ktls", {self.subject.ktls})\n'
        if self.subject.nice:
            text += f'modparam("tls", "engine_nice", {self.subject.nice})\n'
        if self.subject.engines > 1:
            text += f'modparam("tls", "engines", {self.subject.engines})\n'
        if self.subject.keeper:
            text += f'modparam("tls", "keeper", "{self.folder / "keeper"}")\n'
        if self.crowd:  # whose last one may come more than the default of 10 minutes after the first
            text += 'modparam("tls", "connection_timeout", 3600)\n'
        if self.crowd and self.subject.module == "ours":
            text += 'modparam("tls", "max_connections_per_source", 0)\n'
        if self.subject.home:
            text += 'modparam("tls", "tls_log", -1)\n'  # a line for each connection that names its home
        return text

    def transport(self):
        if not self.subject.module:
            return f"listen=tcp:127.0.0.1:{self.port}"
        return f"enable_tls=yes\nlisten=tls:127.0.0.1:{self.port}"

    def body(self):
        """What gives an answer its body."""
        return f'if (method == "MESSAGE") set_reply_body("{LONG}", "text/plain");'

    def config(self):
        return CONFIG.format(
            tcp_async="yes" if self.tcp_async else "no",
            more=self.more(),
            transport=self.transport(),
            modules=self.bench.tools["modules"],
            control=self.control,
            tls=self.tls(),
            body=self.body(),
        )

    def __enter__(self):
        if self.subject.keeper:
            with (self.folder / "keeper.log").open("wb") as log:
                self.keeper = Process([self.bench.tools["keeper"], self.folder / "keeper"], log)
        try:
            self.start()
        except BaseException:
            self.stop_keeper()
            raise
        return self

    def start(self):
        config = self.folder / "kamailio.cfg"
        config.write_text(self.config())
        command = [self.bench.tools["kamailio"], "-f", config, "-DD", "-E", "-w", self.folder, "-Y", self.folder]
        command += ["-P", self.folder / "pid", "-m", self.shared_mb, "-M", 8 + self.crowd // 1000, *PRIVATE_MEMORY]
        if self.subject.aead:
            command = ["env", f"LD_PRELOAD={self.bench.tools['aead']}", *command]
        with self.log.open("ab") as log:
            self.process = Process(command, log)
        try:
            self.wait_ready()
        except BaseException:
            self.process.stop()
            raise

    def stop_in_order(self, limit):
        """Ends it, whose crowd may be large: after how many seconds it had ended, and whether it had to be killed."""
        begin = time.monotonic()
        self.process.stop(limit)
        return {"end_seconds": time.monotonic() - begin, "killed": self.process.killed}

    def stop_keeper(self):
        if self.keeper:
            self.keeper.stop()

    def __exit__(self, *_):
        self.process.stop()
        self.stop_keeper()
        if self.process.killed:
            say(f"compare: Kamailio with {self.subject.name} did not stop on SIGTERM and was killed.")

    def wait_ready(self):
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end:
            if self.process.status() is not None:
                raise Failed(f"Kamailio with {self.subject.name} did not start:\n{self.log_tail()}")
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise Failed(f"Kamailio with {self.subject.name} did not listen in {START_LIMIT:.0f} s:\n{self.log_tail()}")

    def log_tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def rpc(self, *words):
        """What kamcmd answers, numbers by name."""
        return {name: int(value) for name, value in re.findall(r"(\w+): (\d+)$", self.rpc_text(*words), re.M)}

    def of_engines(self, name):
        """A number of each engine."""
        return [int(value) for value in re.findall(rf"\b{name}: (\d+)$", self.rpc_text("tls.engines"), re.M)]

    def rpc_text(self, *words):
        words = [str(word) for word in words]
        command = [self.bench.tools["kamcmd"], "-s", f"unix:{self.control}", *words]
        # What looks at each connection finds the core's memory for the first time: a page fault each, slow in a guest.
        done = subprocess.run(command, capture_output=True, text=True, timeout=30 + self.crowd // 200)
        if done.returncode:
            raise Failed(f"kamcmd {' '.join(words)}: {done.stdout.strip()} {done.stderr.strip()}")
        return done.stdout

    def homes(self):
        """How many connections our module's log says to have each home; it is silent after 200 in 10 s."""
        found = re.findall(r"records in (.+)$", self.log.read_text(errors="replace"), re.M)
        return {home: found.count(text) for home, text in HOMES.items()}

    def family(self):
        return family(self.process.popen.pid)

    def death(self):
        """Says how it died: a signal number or an exit code; None while it is well.

        A crashed child is seen in the log, as the main process can hang on the locks it left."""
        # Asked before the log is read: once the main process is gone the log is complete.
        status = self.process.status()
        with self.log.open("rb") as log:
            log.seek(self.log_read)
            text = log.read()
        last_line = text.rfind(b"\n") + 1
        self.log_read += last_line
        found = re.search(rb"child process \d+ exited by a signal (\d+)", text[:last_line])
        if found and not self.crash:
            self.crash = {"signal": int(found[1]), "of": "a child process"}
        if status and not self.crash:
            self.crash = {"signal": status[0], "exit_code": status[1], "of": "the main process"}
        return self.crash
