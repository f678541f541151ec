# SPDX-License-Identifier: GPL-2.0-or-later
"""A phone that registered before a restart is called after it, over the connection that it had: Debian's configuration,
registrations in a file."""
import os
import re
import shutil

import pytest

import sip
from keeping import Keeper
from kernel import TALLY, counters
from test_debian_config import DebianServer
from test_user_agents import BOB, Baresip

TABLES = "/usr/share/kamailio/dbtext/kamailio"
SDP = "\r\n".join(["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 9 RTP/AVP 0", ""])


class Registrar(DebianServer):
    """Debian's SER for phones behind NAT, with a keeper, and with registrations in the tables of a folder."""

    def __init__(self, pki, keeper, tables, before=None):
        self.keeper, self.tables, self.before = keeper, tables, before
        super().__init__(pki)

    def lines(self, core, load):
        if self.before:
            self.ports = self.before.ports
        text, = super().lines(["#!define WITH_NAT", "#!define WITH_USRLOCDB", f'#!define DBURL "text://{self.tables}"',
                               'loadmodule "db_text.so"'], load)
        config = re.search(r'^modparam\("tls", "config".*\n', text, re.M)
        assert config, "where is the module's configuration?"
        yield text[:config.end()] + f'modparam("tls", "keeper", "{self.keeper}")\n' + text[config.end():]


@pytest.fixture
def tables(tmp_path):
    """Empty."""
    assert os.path.isdir(TABLES)
    for name in "location", "version":
        shutil.copy(f"{TABLES}/{name}", tmp_path)
    return tmp_path


class Caller(sip.TlsClient):
    """A phone that calls."""

    calls = 0

    def say(self, method, number, *lines, body=""):
        """A request of the call."""
        host, port = self.sock.getsockname()
        self.send("\r\n".join([
            f"{method} {self.target} SIP/2.0", f"Via: SIP/2.0/TLS {host}:{port};rport;branch=z9hG4bK-{self.calls}-{number}-{method}",
            "From: <sip:alice@example.org>;tag=a", f"To: <sip:bob@example.org>{self.tag}", f"Call-ID: {self.calls}@example.org",
            f"CSeq: {number} {method}", f"Contact: <sip:alice@{host}:{port};transport=tls>", "Max-Forwards: 9", *lines,
            f"Content-Length: {len(body)}", "", body]).encode())

    def final(self):
        """The answer that ends a transaction."""
        while True:
            answer, self.buffer = sip.take_answer(self.buffer)
            if not answer:
                self.buffer += self.receive()
            elif answer.status >= 200:
                return answer

    def call(self, target):
        """A call that the other side takes, and its end."""
        self.target, self.tag, self.calls = target, "", self.calls + 1
        self.say("INVITE", 1, "Content-Type: application/sdp", body=SDP)
        answer = self.final()
        assert answer.status == 200, answer.raw
        self.target = re.search("<(.*?)>", answer.headers["Contact"])[1]
        self.tag = ";" + answer.headers["To"].rpartition(";")[2]
        routes = [f"Route: {value}" for name, value in answer.headers.items() if name == "Record-Route"]
        self.say("ACK", 1, *routes)
        self.say("BYE", 2, *routes)
        assert self.final().status == 200


def test_call(pki, tables, tmp_path):
    """Answered and ended, after two restarts, without a handshake."""
    with Keeper(os.path.join(tmp_path, "socket")) as keeper:
        first = Registrar(pki, keeper.path, tables)
        sers = [first]
        try:
            first.start()
            where = "sip:bob@{}:{};transport=tls".format(*first.address())
            with Baresip(first, pki, tmp_path, pki.bob, ["module g711.so"], BOB + ";answermode=auto") as bob, \
                    Caller(first.address(), sip.context()) as alice:
                bob.wait_for(r"200 OK .*\[1 binding\]")
                # Until her first byte, or 0.2 s, the engine has alice's.
                first.settle(lambda: first.tls_connections() == 2, lambda: str(first.tls_connections()))
                for _ in range(2):
                    sers.append(again(sers[-1], Registrar(pki, keeper.path, tables, first)))
                    alice.call(where)
                assert bob.text().count("\nREGISTER ") == 1, bob.text()
            TALLY.add(answered=2)
            assert not sers[-1].counters()["handshakes_ok"]
            sers[-1].stop()
        finally:
            for ser in sers:
                ser.clean_up()


def again(old, new):
    """The next SER, which has taken back both connections."""
    before = counters()
    old.stop()
    old.check_log()
    new.spawn("-DD")
    new.wait_for_ports()
    assert new.logged("2 TLS connections of the SER before go on, 0 could not be taken back")
    TALLY.started(before)
    return new
