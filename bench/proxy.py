# SPDX-License-Identifier: GPL-2.0-or-later
"""A proxy that speaks TLS in front of a Kamailio that speaks plain TCP: nginx or haproxy, with one worker."""

import pathlib
import socket
import tempfile
import time

from processes import Process, family
from server import START_LIMIT, Failed, Server, free_port
from subjects import TCP

# Connections come in and go on, so each takes two.
CONNECTIONS = 4000

NGINX = """\
user root;
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/pid;
error_log {folder}/log;
load_module {stream};
events {{ worker_connections {files}; }}
stream {{
	server {{
		listen 127.0.0.1:{port} ssl backlog=4096;
		ssl_certificate {certificate}.pem;
		ssl_certificate_key {certificate}.key;
		ssl_protocols TLSv1.2 TLSv1.3;
		proxy_timeout 1h;
		{action}
	}}
}}
"""

HAPROXY = """\
global
	nbthread 1
	maxconn {connections}
defaults
	mode tcp
	timeout connect 10s
	timeout client 1h
	timeout server 1h
frontend clients
	bind 127.0.0.1:{port} backlog 4096{tls}
	default_backend ser
backend ser
	server ser 127.0.0.1:{backend}{more}
"""


def nginx(proxy):
    """Its configuration. Without a server behind it, it only shakes hands."""
    action = f"proxy_pass 127.0.0.1:{proxy.server.port};" if proxy.server else 'return "";'
    if proxy.tells:
        action += f" proxy_protocol on; ssl_client_certificate {proxy.bench.folder}/ca.pem; ssl_verify_client on;"
    return NGINX.format(files=2 * CONNECTIONS, folder=proxy.folder, stream=proxy.bench.tools["nginx-stream"],
                        port=proxy.port, certificate=proxy.certificate, action=action)


def haproxy(proxy):
    """Certificate and key have to be in one file."""
    both = proxy.folder / "both.pem"
    both.write_text("".join(pathlib.Path(f"{proxy.certificate}.{kind}").read_text() for kind in ("pem", "key")))
    asks = f" ca-file {proxy.bench.folder}/ca.pem verify required" if proxy.tells else ""
    return HAPROXY.format(connections=CONNECTIONS, port=proxy.port, tls=f" ssl crt {both} ssl-min-ver TLSv1.2{asks}",
                          backend=proxy.server.port, more=" send-proxy-v2-ssl-cn" if proxy.tells else "")


class Proxy:
    """Like a Server. Use as a context manager; alone: there is nobody behind it."""

    def __init__(self, bench, subject, crowd=0, alone=False, server=None, tells=False):
        self.bench, self.subject = bench, subject
        self.server = None if alone else server or Server(bench, TCP, crowd=crowd)
        self.tells = tells  # it asks for the client's certificate, and says in a PROXY header what it can say
        self.certificate = bench.folder / subject.certificate
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="proxy-", dir=bench.folder))
        self.log = self.folder / "output"
        self.process = None

    def command(self):
        """Writes the configuration that it names."""
        config = self.folder / "config"
        config.write_text({"nginx": nginx, "haproxy": haproxy}[self.subject.module](self))
        words = {"nginx": ["-p", self.folder, "-c", config], "haproxy": ["-db", "-f", config]}
        return [self.bench.tools[self.subject.module], *words[self.subject.module]]

    def __enter__(self):
        if self.server:
            self.server.__enter__()
        try:
            with self.log.open("wb") as log:
                self.process = Process(self.command(), log)
            self.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.stop()
        if self.server:
            self.server.__exit__()

    def wait_ready(self):
        end = time.monotonic() + START_LIMIT
        while self.process.status() is None and time.monotonic() < end:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise Failed(f"{self.subject.name} did not start:\n{self.log_tail()}")

    def log_tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def family(self):
        """The processes of both."""
        return {**family(self.process.popen.pid), **(self.server.family() if self.server else {})}

    def rpc(self, *words):
        return self.server.rpc(*words)

    def death(self):
        """Of either."""
        status = self.process.status()
        if status:
            return {"signal": status[0], "exit_code": status[1], "of": self.subject.name}
        return self.server.death() if self.server else None
