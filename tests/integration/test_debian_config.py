# SPDX-License-Identifier: GPL-2.0-or-later
"""The distribution's kamailio.cfg and tls.cfg with our module in the place of its own, as docs/install.md does it."""
import os

import pytest

import manual
import sip
import whole

DEBIAN = "/etc/kamailio"
ABOVE_OURS = f'modparam("tls", "config", "{DEBIAN}/tls.cfg")'


def read(name):
    """A file of the packages kamailio and kamailio-tls-modules."""
    path = os.path.join(DEBIAN, name)
    if not os.path.exists(path):
        pytest.skip(f"no {path}: this is not Debian's Kamailio")
    with open(path, encoding="utf-8") as file:
        return file.read()


class DebianServer(whole.Whole):
    """Runs Debian's kamailio.cfg, unchanged; what the manual adds is in kamailio-local.cfg, which that imports."""

    def lines(self, core, load):
        etc = os.path.dirname(self.config)
        # The names of what an administrator has to make, and of the file itself.
        certificate = {f"{DEBIAN}/kamailio-selfsigned.pem": self.pki.server.cert,
                       f"{DEBIAN}/kamailio-selfsigned.key": self.pki.server.key}
        text = read("tls.cfg")
        for name, here in certificate.items():
            assert name in text
            text = text.replace(name, here)
        self.write("tls.cfg", text)
        self.write("kamailio-local.cfg", "\n".join([
            "#!define WITH_TLS", self.mpath(),
            f'#!subst "!{DEBIAN}/tls.cfg!{etc}/tls.cfg!g"', "auto_aliases=no", "alias=example.org", *core,
            *(f"listen={where}:{port}" for where, port in self.ports), ""]))
        yield read("kamailio.cfg")

    def write(self, name, text):
        """A file beside the configuration."""
        with open(os.path.join(os.path.dirname(self.config), name), "w", encoding="utf-8") as file:
            file.write(text)


class WithParameter(DebianServer):
    """The same with a parameter where the page says that they go."""

    def lines(self, core, load):
        text, = super().lines(core, load)
        assert text.count(ABOVE_OURS) == 1
        yield text.replace(ABOVE_OURS, f'{ABOVE_OURS}\nmodparam("tls", "max_handshakes", 77)')


@pytest.fixture
def debian(pki):
    """The server."""
    with whole.running(DebianServer(pki)) as (server,):
        yield server


def register(client, headers=()):
    """The answer to a phone's REGISTER."""
    client.send(sip.request("REGISTER", headers=headers).replace(b"sip:test@127.0.0.1 ", b"sip:example.org "))
    while True:
        answer, client.buffer = sip.take_answer(client.buffer)
        if answer:
            return answer
        client.buffer += client.receive()


def test_register(debian):
    """A phone registers over TLS, the registration is there, and the module is ours."""
    contact = "<sip:phone@127.0.0.1:5099;transport=tls>"
    with sip.TlsClient(debian.address()) as phone:
        answer = register(phone, [f"Contact: {contact};expires=60"])
        assert answer.status == 200 and contact in answer.headers["Contact"]
        assert contact.strip("<>") in debian.text("ul.dump")
        assert debian.engines()[0]["established"] >= 1


def test_reload(debian):
    """tls.cfg as Debian ships it can be read anew."""
    assert "Ok." in debian.text("tls.reload")
    with sip.TlsClient(debian.address()) as phone:
        assert register(phone).status == 200


def test_parameter(pki):
    """One of ours has its place in Debian's configuration."""
    assert f"`kamailio.cfg`, below `{ABOVE_OURS}`" in manual.read("docs/install.md")
    with whole.running(WithParameter(pki)) as (server,):
        assert "max_handshakes: 77\n" in server.text("tls.options")
