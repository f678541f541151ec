# SPDX-License-Identifier: GPL-2.0-or-later
"""Chromium without a screen, told what to do by the DevTools protocol over a pipe, and a web server for its pages."""
import contextlib
import fcntl
import http.server
import json
import os
import select
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time

import settings
from patience import settle

PATIENCE = 3 * settings.PATIENCE  # it has some ten processes
MISSING = ", ".join(package for program, package in (("chromium", "chromium"), ("certutil", "libnss3-tools"))
                    if not shutil.which(program))


def pipe():
    """Its ends, whose numbers are none that a program gets by convention."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved


class Browser:
    """One page. Names lead to this machine or, where not listed, nowhere; it trusts the CAs given and its own."""

    def __init__(self, names, cas=()):
        self.folder = tempfile.mkdtemp(prefix="chromium-")
        store = os.path.join(self.folder, ".pki", "nssdb")
        os.makedirs(store)
        self.certutil(store, "-N", "--empty-password")
        for ca in cas:
            self.certutil(store, "-A", "-n", ca.name, "-t", "C,,", "-i", ca.cert)
        rules = ", ".join([*(f"MAP {name} 127.0.0.1" for name in names), "MAP * ~NOTFOUND"])
        (orders, self.orders), (self.reports, reports) = pipe(), pipe()
        self.number, self.session, self.buffer, self.complaints, self.loaded = 0, None, b"", [], set()
        with open(os.path.join(self.folder, "log"), "wb") as log:
            # It reads orders from descriptor 3 and reports to 4. Its sandbox refuses root.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "bash", "-c", f'exec "$@" 3<&{orders} 4>&{reports}', "bash",
                 "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
                 f"--user-data-dir={self.folder}/profile", f"--host-resolver-rules={rules}", "--remote-debugging-pipe"],
                pass_fds=(orders, reports), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "HOME": self.folder, "XDG_CONFIG_HOME": self.folder, "XDG_CACHE_HOME": self.folder})
        os.close(orders)
        os.close(reports)

    @staticmethod
    def certutil(store, *words):
        """On the certificates that Chromium trusts."""
        subprocess.run(["certutil", "-d", "sql:" + store, *words], check=True, capture_output=True, timeout=PATIENCE)

    def __enter__(self):
        try:
            target = self.order("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.order("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for order in "Log.enable", "Page.enable":
                self.order(order)
            self.order("Page.setLifecycleEventsEnabled", enabled=True)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """With all its processes: they are a group of their own."""
        with contextlib.suppress(OSError, AssertionError, subprocess.TimeoutExpired):
            self.session = None
            self.order("Browser.close")
            self.process.wait(PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        os.close(self.orders)
        os.close(self.reports)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        """What it printed."""
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def order(self, method, **parameters):
        """The result of one command of the protocol."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.orders, json.dumps(message).encode() + b"\0")
        while True:
            report = self.report(method)
            if report.get("id") == self.number:
                assert "error" not in report, report
                return report["result"]

    def report(self, awaited):
        """The next thing it says."""
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.reports], [], [], max(0, end - time.monotonic()))
            assert ready, f"Chromium is silent, where there should be {awaited}:\n{self.log()}"
            data = os.read(self.reports, 65536)
            assert data, f"Chromium ended, where there should be {awaited}:\n{self.log()}"
            self.buffer += data
        one, _, self.buffer = self.buffer.partition(b"\0")
        report = json.loads(one)
        if report.get("method") == "Log.entryAdded":
            self.complaints.append(report["params"]["entry"]["text"])
        if report.get("method") == "Page.lifecycleEvent" and report["params"]["name"] == "load":
            self.loaded.add(report["params"]["loaderId"])
        return report

    def run(self, script):
        """The value of a JavaScript expression in the page."""
        result = self.order("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def open(self, url):
        """Until the page is complete."""
        begun = self.order("Page.navigate", url=url)
        assert "errorText" not in begun, begun
        while begun["loaderId"] not in self.loaded:
            self.report(url)

    def wait_for(self, script):
        """Until that is true in the page."""
        settle(lambda: self.run(script), lambda: f"{script} in a page that says: {self.run('document.body.innerText')}",
               PATIENCE)

    def complains(self, text):
        """Until the browser's console has that."""
        settle(lambda: self.run("true") and any(text in line for line in self.complaints), lambda: self.complaints,
               PATIENCE)


class Site(http.server.SimpleHTTPRequestHandler):
    """Gives files of a folder to browsers, over HTTPS."""

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


@contextlib.contextmanager
def site(folder, pair):
    """The port of one that runs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: Site(*args, directory=folder)) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(PATIENCE)
