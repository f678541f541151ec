# SPDX-License-Identifier: GPL-2.0-or-later
"""Peers of others: OpenSSL's s_server, with changes of keys, GnuTLS's server, and a second SER."""
import re
import shutil

import pytest

import outbound
import peers
import settings
import sip
import tools
from kernel import TALLY
from outbound import ASYNC, BOTH, Client
from ports import connects, free_port

CBC = "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"


class Foreign(tools.Command):
    """A server as a command; what it prints is what SER sent."""

    def __init__(self, command, port, offload=settings.EXPECT):
        self.uri, self.taken = f"sip:127.0.0.1:{port};transport=tls", 0
        super().__init__(command, offload)

    def request(self):
        """The next request that it has printed."""
        while True:
            begin = self.output.find(b"MESSAGE sip:", self.taken)
            found = peers.take_request(self.output[begin:])[0] if begin >= 0 else None
            if found:
                self.taken = begin + 1
                if not self.answered:
                    self.answered = True
                    TALLY.add(answered=1, offload=self.offload)
                return found
            assert self.read(), self.text()

    def serve(self, client):
        """A message of a client is answered."""
        data = outbound.message(self)
        client.send(data)
        request = self.request()
        assert request.call_id == sip.call_id(data)
        self.type(request.answer())
        answer, = client.answers(1)
        assert (answer.status, answer.call_id) == (200, sip.call_id(data))


def s_server(pair, *more, offload=settings.EXPECT):
    """OpenSSL's."""
    port = free_port()
    server = Foreign(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", pair.cert, "-key", pair.key,
                      *more], port, offload)
    server.wait_for(b"ACCEPT")
    return server


@BOTH
@pytest.mark.parametrize("options, offload", [
    (("-tls1_2",), settings.EXPECT), (("-tls1_3",), settings.EXPECT), (("-tls1_2", "-cipher", CBC), "user"),
    (("-tls1_3", "-num_tickets", "0"), settings.EXPECT), (("-tls1_3", "-num_tickets", "10"), settings.EXPECT)],
    ids=["1.2", "1.3", "cbc", "no-tickets", "ten-tickets"])
def test_openssl(share, pki, options, offload, how):
    ser = share(f"outbound {how}", **outbound.options(core=ASYNC[how]))
    with s_server(pki.server, *options, offload=offload) as peer, Client(ser) as client:
        for _ in range(5):
            peer.serve(client)
    ser.wait_idle()


@pytest.mark.parametrize("change", ["k", "K"], ids=["update", "update-and-ask-for-one"])
def test_key_update(share, pki, change):
    """The peer changes its key and goes on; records are in user space, where that is followed."""
    ser = share("outbound user", **outbound.options(tls={"ktls": 0}))
    with s_server(pki.server, "-tls1_3", "-msg", offload="user") as peer, Client(ser) as client:
        peer.serve(client)
        for number in range(1, 4):
            peer.type(change.encode() + b"\n")
            peer.wait_for(b"KeyUpdate", number)
            peer.serve(client)
            peer.serve(client)
        assert peer.output.count(b"ACCEPT") == 1
    ser.wait_idle()


@pytest.mark.skipif(not shutil.which("gnutls-serv"), reason="no gnutls-serv")
@pytest.mark.parametrize("version", ["1.2", "1.3"])
@BOTH
def test_gnutls(share, pki, version, how):
    """It echoes: so SER is asked over the connection that it made, and answers over it."""
    ser = share(f"outbound {how}", **outbound.options(core=ASYNC[how]))
    port = free_port()
    command = ["stdbuf", "-o0", "gnutls-serv", "--echo", "--port", str(port), "--x509certfile", pki.server.cert,
               "--x509keyfile", pki.server.key, "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}"]
    with Foreign(command, port) as peer, Client(ser) as client:
        ser.settle(lambda: connects(port), peer.text)  # it says so before it listens
        for number in range(1, 6):
            data = outbound.message(peer, stateless=1)
            client.send(data)
            peer.wait_for(b"received cmd: MESSAGE ", number)
            peer.wait_for(sip.call_id(data))
            peer.wait_for(b"received cmd: SIP/2.0 200 OK", number)
            assert ser.tls_connections() == 1
    ser.wait_idle()


@BOTH
def test_second_ser(share, pki, how):
    """Ours at both ends."""
    ser = share(f"outbound {how}", **outbound.options(core=ASYNC[how]))
    other = share("second", listen=("tls:127.0.0.1",))
    uri = "sip:127.0.0.1:%d;transport=tls" % other.address()[1]
    TALLY.add(made=2)
    with Client(ser) as client, Client(ser) as second:
        for _ in range(10):
            for one in client, second:
                answer = one.forward(uri)
                assert answer.status == 200 and answer.select("tls.offload") == settings.EXPECT
    TALLY.add(answered=2)
    assert other.tls_connections() == 1
    for number in re.findall(r"\tid: (\d+)", ser.text("tls.list")):
        ser.text("tls.kill", number)
    other.wait_idle()
    ser.wait_idle()
