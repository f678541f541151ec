# SPDX-License-Identifier: GPL-2.0-or-later
"""Which domain a connection belongs to, as the certificate that the server shows tells."""
import ssl
import subprocess

import pytest

import settings
import sip
from domains import AWAY, from_file, section
from tools import Command

V4 = "tls:127.0.0.1"
# Name asked for, common name shown; the second listener has a domain of its own.
BY_MODE = {
    0: {"example.net": True, "EXAMPLE.net": True, "a.example.net": False, "xexample.net": False, "net": False},
    1: {"example.net": True, "a.example.net": True, "a.b.example.net": True, "xexample.net": False},
    2: {"example.net": False, "a.example.net": True, "a.b.Example.NET": True, "xexample.net": False},
}


def shown(ser, index=0, server_name=None, context=None, **options):
    """The common name of the certificate that a client is shown, by SER's words and by the client's own."""
    with sip.TlsClient(ser.address(index), context or sip.context(), server_name=server_name, **options) as client:
        name = client.ask().select("tls.me")
        seen = ssl.DER_cert_to_PEM_cert(client.tls.getpeercert(binary_form=True))
    subject = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=seen, capture_output=True, text=True,
                             timeout=settings.PATIENCE, check=True).stdout
    assert subject.strip().endswith(name), subject
    return name


@pytest.fixture
def several(share_here, pki):
    """A default, one domain by address, two by name."""
    return share_here("several", listen=(V4, V4), tls=from_file(
        section("server:default", pki.server),
        section("server:127.0.0.1:{ports[1]}", pki.server_rsa),
        section("server:any", pki.one, server_name="sni1.example.org"),
        section("server:any", pki.two, server_name="sni2.example.org")))


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("server_name, name", [
    (None, "sip.example.org"), ("sni1.example.org", "sni1.example.org"), ("SNI2.Example.org", "sni2.example.org"),
    ("sip.example.org", "sip.example.org"), ("other.example.org", "sip.example.org")])
def test_by_name(several, server_name, name, version):
    assert shown(several, 0, server_name, sip.context(version=version)) == name


@pytest.mark.parametrize("server_name", [None, "sni1.example.org", "other.example.org"])
def test_address_before_name(several, server_name):
    assert shown(several, 1, server_name) == "rsa.example.org"


@pytest.mark.parametrize("port, name", [(0, "sni2.example.org"), (1, "rsa.example.org")])
def test_by_name_for_openssl(several, port, name):
    """The command, whose ClientHello is another one."""
    command = ["openssl", "s_client", "-quiet", "-ign_eof", "-servername", "sni2.example.org", "-connect",
               f"127.0.0.1:{several.address(port)[1]}"]
    with Command(command) as client:
        assert client.ask().select("tls.me") == name


@pytest.mark.parametrize("mode", BY_MODE)
def test_name_mode(share_here, pki, mode):
    ser = share_here(f"mode {mode}", tls=from_file(
        section("server:default", pki.server),
        section("server:any", pki.one, server_name="example.net", server_name_mode=mode)))
    for server_name, its in BY_MODE[mode].items():
        assert shown(ser, 0, server_name) == ("sni1.example.org" if its else "sip.example.org"), server_name


def test_name_at_address(start, pki):
    """Names are looked at among the domains of an address first, whatever their order; port 0 is every port."""
    ser = start(listen=(V4, V4), tls=from_file(
        section("server:any", pki.two, server_name="sni1.example.org"),
        section("server:127.0.0.1:{ports[0]}", pki.one, server_name="sni1.example.org"),
        section("server:127.0.0.1:{ports[0]}", pki.server),
        section("server:127.0.0.1:0", pki.server_rsa), section("server:default", pki.bob)))
    assert shown(ser, 0, "sni1.example.org") == "sni1.example.org"
    assert shown(ser, 0, "sni2.example.org") == shown(ser, 0) == "sip.example.org"
    assert shown(ser, 1, "sni1.example.org") == shown(ser, 1) == "rsa.example.org"


def test_modparams_by_address(start, pki):
    """The 2006 spelling, IPv4 and IPv6; a value without an address is for all that have none."""
    ser = start(listen=(V4, V4, "tls:[::1]"), tls={
        "certificate": [pki.server.cert, lambda s: f"127.0.0.1:{s.ports[1][1]}={pki.one.cert}",
                        lambda s: f"[::1]:{s.ports[2][1]}={pki.two.cert}"],
        "private_key": [pki.server.key, lambda s: f"127.0.0.1:{s.ports[1][1]}={pki.one.key}",
                        lambda s: f"[::1]:{s.ports[2][1]}={pki.two.key}"],
        "require_certificate": ["0", lambda s: f"[::1]:{s.ports[2][1]}=yes"]})
    names = "sip.example.org", "sni1.example.org", "sni2.example.org"
    for index, name in enumerate(names):
        assert shown(ser, index, context=sip.context(pki.bob)) == name
    assert shown(ser, 1) == names[1]
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        shown(ser, 2, context=sip.context(version="1.2"))


def test_kernel_off_for_one(start, pki):
    """Of a name; the others stay where they are. Natively all are in user space."""
    ser = start(tls=from_file(section("server:default", pki.server),
                              section("server:any", pki.one, server_name="sni1.example.org", ktls=0)))
    assert shown(ser) == "sip.example.org"
    assert shown(ser, server_name="sni1.example.org", offload="user") == "sni1.example.org"
    assert shown(ser) == "sip.example.org"


def test_no_ticket_across_domains(start, pki):
    """A session of a domain that asks for nothing must not get past one that demands a certificate."""
    ser = start(listen=(V4, V4), tls=from_file(
        section("server:default", pki.server),
        section("server:127.0.0.1:{ports[1]}", pki.one, require_certificate=1, ca_list=pki.ca.cert)))
    context = sip.context(version="1.2")
    with sip.TlsClient(ser.address(), context) as client:
        client.ask()
        session = client.tls.session
    with sip.TlsClient(ser.address(), context, session) as client:
        client.ask()
        assert client.tls.session_reused
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        with sip.TlsClient(ser.address(1), context, session) as client:
            client.ask()


def test_reload(start, pki):
    """A domain more, and one less."""
    sections = [section("server:default", pki.server), section("server:any", pki.one, server_name="sni1.example.org")]
    ser = start(tls=from_file(*sections))
    assert shown(ser, server_name="sni2.example.org") == "sip.example.org"
    config = ser.config.replace("ser.cfg", "tls.cfg")
    with open(config, "w", encoding="utf-8") as file:
        file.write(sections[0] + section("server:any", pki.two, server_name="sni2.example.org"))
    ser.text("tls.reload")
    assert shown(ser, server_name="sni1.example.org") == "sip.example.org"
    assert shown(ser, server_name="sni2.example.org") == "sni2.example.org"


def test_folder(start, pki, tmp_path):
    """Files of a folder in the order of their names; hidden ones are none of them."""
    (tmp_path / "10-default.cfg").write_text(section("server:default", pki.server))
    (tmp_path / "20-one.cfg").write_text(section("server:any", pki.one, server_name="sni1.example.org"))
    (tmp_path / ".20-one.cfg.swp").write_text("not a configuration")
    ser = start(tls={**AWAY, "config": str(tmp_path)})
    assert shown(ser) == "sip.example.org"
    assert shown(ser, server_name="sni1.example.org") == "sni1.example.org"


def test_copy_in_a_folder(refused, pki, tmp_path):
    """An editor's copy of a file must not decide."""
    (tmp_path / "10-default.cfg").write_text(section("server:default", pki.server, require_certificate="yes"))
    (tmp_path / "10-default.cfg~").write_text(section("server:default", pki.server))
    code, log = refused(tls={**AWAY, "config": str(tmp_path)}).run_to_end("-DD")
    assert code and "ERROR: tls: " in log and "is defined again in " in log
