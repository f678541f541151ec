# SPDX-License-Identifier: GPL-2.0-or-later
"""
docs/monitoring.md: what stands there works at the end of Debian's kamailio.cfg, and the dashboard and the alerts ask for
figures that a running SER has.
"""
import json
import os
import re
import socket
import subprocess

import pytest

import settings
import sip
import whole
from manual import ROOT, block, commands, read
from ports import free_port
from promql import Expression, Wrong
from server import KAMCMD, behind
from test_debian_config import DebianServer
from test_json_log import check_place, said

UNITS = {"short", "percentunit", "d", "ops", "reqps", "bytes"}


class Monitored(DebianServer):
    """Debian's configuration and, behind it, the page's two blocks, with this machine's addresses and ports."""

    def __init__(self, pki, homer):
        self.plain, self.udp, self.homer = free_port(), free_port(), homer
        super().__init__(pki)

    def lines(self, core, load):
        yield from super().lines(core, load)
        for text, addresses in ((block("docs/monitoring.md", "# figures for Prometheus\n"),
                                 {"9494": self.plain, "192.0.2.30": "127.0.0.2"}),
                                (block("docs/monitoring.md", "# each message to Homer\n"),
                                 {"192.0.2.1:5060": f"127.0.0.1:{self.udp}",
                                  "192.0.2.40:9060": f"127.0.0.1:{self.homer}"})):
            for theirs, ours in addresses.items():
                assert theirs in text, theirs
                text = text.replace(theirs, str(ours))
            yield text

    def get(self, path, port=None, source=None):
        """The status and the body that a GET over plain TCP or TLS finds."""
        wire = sip.Wire(("127.0.0.1", port)) if port else sip.TlsClient(self.address(), source=source)
        with wire:
            wire.send(f"GET {path} HTTP/1.1\r\nHost: sip.example.org\r\n\r\n".encode())
            while b"\r\n\r\n" not in wire.buffer:
                wire.buffer += wire.receive()
            head, _, body = wire.buffer.partition(b"\r\n\r\n")
            length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
            while len(body) < length:
                body += wire.receive()
            return int(head.split()[1]), body.decode()

    def metrics(self):
        """Their names."""
        return set(re.findall(r"^(\w+) \d", self.get("/metrics", self.plain)[1], re.M))


@pytest.fixture
def homer():
    """A socket that HEP3 comes to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(settings.PATIENCE)
        yield sock


@pytest.fixture
def ser(pki, homer):
    with whole.running(Monitored(pki, homer.getsockname()[1])) as (server,):
        yield server


def scrapes():
    """The page's jobs for Prometheus: (scheme, address, port)."""
    text = block("docs/monitoring.md", "scrape_configs:\n")
    for job in text.split("- job_name: ")[1:]:
        host, port = re.search(r'targets: \["([\w.]+):(\d+)"\]', job).groups()
        yield job.split()[0], "https" if "scheme: https" in job else "http", host, int(port)


def test_scrape(ser):
    """Both ways that the page tells Prometheus, and nobody else."""
    assert [job[1:] for job in scrapes()] == [("http", "127.0.0.1", 9494), ("https", "sip.example.org", 5061)]
    over_tls = ser.get("/metrics", source="127.0.0.2")
    over_tcp = ser.get("/metrics", ser.plain)
    for status, text in over_tls, over_tcp:
        assert status == 200
        assert re.search(r"^kamailio_tls_handshakes_ok [1-9]", text, re.M)
    assert ser.get("/metrics")[0] == 404
    assert ser.get("/other", ser.plain)[0] == 404
    page = read("docs/monitoring.md").split("## Prometheus\n")[1].split("\n## ")[0]
    named = set(re.findall(r"`(kamailio_\w+[a-z])`", page))
    assert len(named) > 4 and named <= ser.metrics()
    assert not {f"kamailio_tls_{name}" for name in ser.counters()} - ser.metrics()


def test_curl(ser):
    command, = commands(block("docs/monitoring.md", "curl -s http"))
    assert ":9494/" in command
    done = subprocess.run(["sh", "-c", command.replace(":9494/", f":{ser.plain}/")], capture_output=True, text=True,
                          timeout=settings.PATIENCE, check=True)
    assert len(done.stdout.split("\n")) > 30


def expressions_of_rules():
    """(alert, expression) of docs/monitoring/alerts.yml."""
    for rule in read("docs/monitoring/alerts.yml").split("- alert: ")[1:]:
        folded = re.search(r"\n +expr: (?:>-\n)?(.*?)\n +(?:for|labels): ", rule, re.S)[1]
        yield rule.split()[0], " ".join(folded.split())


def dashboard():
    """Of Grafana."""
    return json.loads(read("docs/monitoring/grafana.json"))


def test_expressions():
    """What is right passes, and what is not does not."""
    known = {"a", "b"}
    for right in 'rate(a{x=~"$y"}[$__rate_interval])', "a / (a + b)", "rate(a[5m]) > 1 and rate(a[5m]) > rate(b[5m])", \
            'label_replace({__name__=~"a.*",x="1"} > 0, "n", "$1", "__name__", "(a)")', "a < 0.1", "(a) + b", "a == 0":
        Expression(right, known)
    assert Expression('a{x="b"} / 7', known).asked == {"a"}
    for wrong in "c", "rate(a)", "a[5m]", "rate(a[5m]", "a)", "a b", "a +", "+ a", "a / ", "rate(a[5 m])", "nosuch(a)", "a &", \
            '{__name__=~"c"}', '{x="1"}', "(a", 'rate(a{x="1"})', "", "rate(a[5m], a)", "a[5m] + a", "a{x}", "()", '"a"':
        with pytest.raises(Wrong):
            print(Expression(wrong, known).asked, "in", wrong)


def test_dashboard(ser):
    """Each panel has a title, a unit, a place of its own, and expressions that this SER has figures for."""
    board, known, places = dashboard(), ser.metrics(), set()
    assert board["title"] and board["uid"] and board["schemaVersion"] >= 36
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert set(variables) == {"datasource", "instance"}
    assert re.fullmatch(r"label_values\((\w+), instance\)", variables["instance"]["definition"])[1] in known
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) > 10
    for panel in board["panels"]:
        assert panel["title"] and panel["description"] and panel["type"] in ("timeseries", "stat", "bargauge")
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & places, f"{panel['title']} covers another"
        places |= cells
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        for target in panel["targets"]:
            assert Expression(target["expr"], known).asked
            assert "instance=~\"$instance\"" in target["expr"] and target["legendFormat"]
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_alerts(ser):
    """They ask for what there is, say how bad it is, and the page says what to do."""
    known, names = ser.metrics() | {"up"}, []  # Prometheus's own
    for name, expression in expressions_of_rules():
        names.append(name)
        assert Expression(expression, known).asked
    text = read("docs/monitoring/alerts.yml")
    assert len(names) == len(set(names)) == text.count("expr:") == text.count("summary:") > 10
    assert len(re.findall(r"labels: \{severity: (?:warning|critical)\}", text)) == len(names)
    page = read("docs/monitoring.md").split("## Alerts\n")[1].split("\n## ")[0]
    rows = [row for row in page.split("\n") if row.startswith("| `")]
    assert sorted(name for row in rows for name in re.findall(r"`([A-Z]\w+)`", row.split(" | ")[0])) == sorted(names)
    jobs = re.search(r'up\{job=~"([^"]+)"\}', text)[1]
    assert [re.fullmatch(jobs, job[0]) is None for job in scrapes()] == [False, False]
    assert block("docs/monitoring.md", "rule_files:\n").split() == ["rule_files:", "-", "alerts.yml"]
    assert os.path.exists(os.path.join(ROOT, "docs", "monitoring", "alerts.yml"))


def test_lines(ser):
    """The page's lines with kamcmd, each with an answer."""
    context = sip.context(version="1.2")
    with sip.TlsClient(ser.address(), context) as first, \
            sip.TlsClient(ser.address(), context, first.tls.session) as second:
        assert second.tls.session_reused
        ser.settle(lambda: ser.text("tls.list").count("id:") == 2, "no connections")
        *lines, check = commands(block("docs/monitoring.md", "kamcmd tls.stats"))
        for line in lines:
            answer = run(ser, line)
            assert answer.returncode == 0 and answer.stdout, line
            assert "resumed" not in line or answer.stdout == "\thandshakes_resumed: 1\n"
    assert not run(ser, check).returncode
    assert check.count("14") == 1
    assert run(ser, check.replace("14", "40000")).returncode == 2


def run(ser, line):
    """A line of shell that calls kamcmd for this SER."""
    kamcmd = f'kamcmd() {{ {KAMCMD} -s unix:{ser.control} "$@"; }}\n'
    done = subprocess.run(["sh", "-c", kamcmd + line], capture_output=True, text=True, timeout=settings.PATIENCE, check=False)
    assert not done.stderr, done.stderr
    return done


def hep3(packet):
    """The chunks of one, by number: those of the vendor 0."""
    assert packet[:4] == b"HEP3" and int.from_bytes(packet[4:6], "big") == len(packet)
    chunks, place = {}, 6
    while place < len(packet):
        vendor, number, length = (int.from_bytes(packet[place + at:place + at + 2], "big") for at in (0, 2, 4))
        assert vendor == 0 and 6 <= length <= len(packet) - place and number not in chunks
        chunks[number] = packet[place + 6:place + length]
        place += length
    return chunks


def mirrored(homer, call):
    """The next message of that call which comes."""
    while True:
        chunks = hep3(homer.recv(65536))
        if call in chunks[15]:
            return chunks


def test_hep3(ser, homer):
    """A request that comes over TLS and its answer, in clear, with the addresses of the TLS connection."""
    request = sip.request()
    with sip.TlsClient(ser.address()) as client:
        client.send(request)
        while b"\r\n\r\n" not in client.buffer:
            client.buffer += client.receive()
        phone, mine = (number.to_bytes(2, "big") for number in (client.sock.getsockname()[1], ser.ports[0][1]))
        come, gone = (mirrored(homer, sip.call_id(request)) for _ in range(2))
    assert come[15] == request and gone[15] == client.buffer
    for chunks, source, target in (come, phone, mine), (gone, mine, phone):
        assert (chunks[1], chunks[2], chunks[11]) == (b"\2", b"\x16", b"\1")  # IPv4, what stands for TLS, SIP
        assert chunks[3] == chunks[4] == socket.inet_aton("127.0.0.1")
        assert (chunks[7], chunks[8]) == (source, target)
        assert chunks[12] == (1).to_bytes(4, "big") and len(chunks[9]) == len(chunks[10]) == 4
    assert "`kamcmd siptrace.status off`" in read("docs/monitoring.md")
    assert run(ser, "kamcmd siptrace.status off").stdout == "Disabled\n"


def test_json(start, pki):
    """The page's command line, and a line as it shows it."""
    unit, command = block("docs/monitoring.md", "[Service]\n").strip().split("\n")[1:]
    assert unit == "ExecStart="
    words = command.removeprefix("ExecStart=").split()
    debian = "/lib/systemd/system/kamailio.service"
    if os.path.exists(debian):
        with open(debian, encoding="utf-8") as file:
            assert f"ExecStart={' '.join(words[:-1])}\n" in file.read()
    ser = start(binary=behind(pki, f'set -- "$@" {words[-1]}'))
    with sip.TlsClient(ser.address()) as client:
        client.ask()
    shown = json.loads(block("docs/monitoring.md", '{ "level": "INFO"'))
    for line in said(ser, "connected at"):
        check_place(line)
        assert set(shown) <= set(line)
        assert all(line[name] == shown[name] for name in ("level", "module", "file", "function", "logprefix"))
        words = re.sub(r"[\d.:]+", "", line["message"]).split("records")[0]
        assert words == re.sub(r"[\d.:]+", "", shown["message"]).split("records")[0]
