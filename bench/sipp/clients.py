# SPDX-License-Identifier: GPL-2.0-or-later
"""How SIPp and stunnel are called, and what SIPp's files say. Uses nothing of this folder's neighbours."""

import csv
import math
import pathlib
import re
import subprocess
from typing import NamedTuple, Optional

HERE = pathlib.Path(__file__).resolve().parent
# Of one message, before SIPp gives its call up.
ANSWER_LIMIT_MS = 10000


class Scenario(NamedTuple):
    name: str
    file: str
    each: bool = False  # a connection for each call
    bytes: Optional[int] = None  # by which SDP bodies are longer, of calls through SER to another SIPp
    requests: int = 2  # of each call, whose response time counts

    def relayed(self):
        return self.bytes is not None


SCENARIOS = (
    Scenario("options", "options.xml", requests=10),
    Scenario("options, connection per call", "options.xml", each=True, requests=10),
    Scenario("register", "register.xml", requests=4),
    Scenario("register, connection per call", "register.xml", each=True, requests=4),
    Scenario("invite", "caller.xml", bytes=0),
    Scenario("invite, connection per call", "caller.xml", each=True, bytes=0),
    Scenario("invite, bodies of 12 KB", "caller.xml", bytes=12000),
)

# What SER has to do for them, beside its transport: modules, settings of the core, and lines of the request route.
MODULES = ("tm", "rr", "pv", "usrloc", "registrar", "sl")
# Several long bodies wait while SER connects to the SIPp behind it; the core's own limits are 4 KB and 32 KB.
CORE = ("tcp_rd_buf_size=65536", "tcp_conn_wq_max=1048576")
ROUTE = (
    'if (method == "REGISTER") { save("location"); exit; }',
    'if (method == "ACK" || method == "BYE") { loose_route(); t_relay(); exit; }',
    'if (method == "INVITE") { record_route(); t_relay(); exit; }',
)


def has_tls(sipp):
    """Whether this SIPp was built with TLS; Debian's is not."""
    told = subprocess.run([sipp, "-v"], capture_output=True, text=True, timeout=60).stdout
    return bool(re.search(r"SIPp v\S*-TLS", told))


def stunnel_config(accept, connect, authority, log, check="checkIP = 127.0.0.1"):
    """Takes TCP on the port accept of 127.0.0.1 to TLS on the port connect; check says who the server has to be."""
    return f"""\
foreground = yes
pid =
syslog = no
output = {log}
debug = info
[sip]
client = yes
accept = 127.0.0.1:{accept}
connect = 127.0.0.1:{connect}
CAfile = {authority}
verifyChain = yes
{check}
TIMEOUTclose = 0
sessionResume = no
"""


def negotiated(log):
    """Version and suite of the first session in stunnel's log, or None."""
    found = re.search(r"(TLSv[\d.]+) ciphersuite: (\S+)", log)
    return f"{found[1]} {found[2]}" if found else None


def common(sipp, file, port, control):
    words = [sipp, "-sf", HERE / file, "-i", "127.0.0.1", "-p", port, "-ci", "127.0.0.1", "-cp", control]
    return words + ["-nostdin", "-skip_rlimit", "-trace_err", "-error_file", "errors.log"]


def caller(sipp, scenario, to, control, calls, parallel, seconds, behind=None, transport="tcp", tls=None):
    """
    The words of the SIPp that calls, in a working folder of its own. As many calls at a time as parallel, each
    followed at once by the next; behind is the port of the SIPp behind SER. tls: options with which SIPp does TLS
    itself.
    """
    mode = ("l" if tls else "t") + ("n" if scenario.each else "1")
    words = common(sipp, scenario.file, 0, control) + ["-t", mode]
    words += ["-m", calls, "-l", parallel, "-r", parallel * 1000, "-timeout", f"{seconds}s", "-timeout_error"]
    words += ["-recv_timeout", ANSWER_LIMIT_MS, "-trace_stat", "-stf", "stat.csv", "-fd", 1]
    words += ["-trace_rtt", "-rtt_freq", 1, *(tls or ())]
    if scenario.relayed():
        words += ["-set", "bytes", scenario.bytes, "-key", "behind", behind, "-key", "behind_transport", transport]
    return words + [f"127.0.0.1:{to}"]


def called(sipp, scenario, port, control, transport="tcp"):
    """The words of the SIPp behind SER, which answers until it is stopped."""
    words = common(sipp, "called.xml", port, control)
    return words + ["-t", {"tcp": "t1", "udp": "u1"}[transport], "-set", "bytes", scenario.bytes]


def moment(text):
    """SIPp writes a moment as date, time and seconds since 1970."""
    return float(text.split()[-1])


def percentile(values, share):
    """Of sorted values, the nearest rank; None without any."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else None


def outcome(folder):
    """What SIPp counted: calls, calls/s, and response times of requests in ms, whose steps are its clock's (4 ms)."""
    with open(folder / "stat.csv", encoding="utf-8") as stat:
        rows = list(csv.DictReader(stat, delimiter=";"))
    last = rows[-1]
    seconds = moment(last["CurrentTime"]) - moment(last["StartTime"])
    good, failed = int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])
    times = sorted(float(line.split(";")[1]) for file in folder.glob("*_rtt.csv")
                   for line in file.read_text().splitlines()[1:])
    return {
        "calls": good,
        "failed": failed,
        "seconds": round(seconds, 3),
        "calls_per_second": good / seconds if seconds else None,
        "response_ms": {name: percentile(times, share) for name, share in
                        (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))},
        "responses": len(times),
    }
