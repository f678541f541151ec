# SPDX-License-Identifier: GPL-2.0-or-later
"""Application protocols (ALPN): what SER and its peers agree on, and what the script sees of it."""
import ssl
import subprocess

import pytest

import outbound
import peers
import settings
import sip
import tools
from domains import from_file, section, write
from homes import HOMES
from outbound import Client
from server import select_lines, variable_lines
from test_outbound_domains import Asks
from test_outbound_foreign import s_server

SCRIPT = [*select_lines(["tls.alpn", "tls.safe.alpn"]), *variable_lines(["tls_alpn"])]
VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


def offering(names, version=None, made=None):
    """A client's settings; without names it has no ALPN."""
    made = made or sip.context(version=version)
    if names:
        made.set_alpn_protocols(names)
    return made


def agreed(ser, names, version=None, **options):
    """What both sides see, of one connection."""
    with sip.TlsClient(ser.address(), offering(names, version), **options) as client:
        answer = client.ask()
        seen = answer.select("tls.alpn")
        assert seen == client.tls.selected_alpn_protocol() == answer.select("tls_alpn")
        assert answer.select("tls.safe.alpn") == (seen and seen.replace("/", "%2f"))
        return seen


def refuses(ser, names, version=None, **options):
    """It does not agree with these, and says so."""
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        agreed(ser, names, version, **options)


@pytest.fixture
def listing(share_here):
    """A server with two protocols."""
    return share_here("listing", tls={"alpn": "sip/2, http/1.1"}, script=SCRIPT)


@VERSIONS
def test_agreed(listing, version):
    """The server's order counts. Who offers nothing is let in, too."""
    for names, chosen in ((["sip/2"], "sip/2"), (["h2", "http/1.1", "sip/2"], "sip/2"), (["h2", "http/1.1"], "http/1.1"),
                          (None, None)):
        assert agreed(listing, names, version) == chosen


@VERSIONS
def test_nothing_in_common(listing, version):
    def counted():
        found = listing.counters()
        return [found[name] for name in ("handshakes_failed", "alert_sent_no_application_protocol")]
    before, line = counted(), "handshake with .* failed: the peer offers no application protocol that is ours"
    lines = listing.log_count(line)
    refuses(listing, ["h2", "sip"], version)
    listing.settle(lambda: listing.log_count(line) == lines + 1, listing.log)
    listing.settle(lambda: counted() == [number + 1 for number in before], counted)


@HOMES
def test_homes(share_here, pki, home):
    """Wherever the records are, and in a resumed session, too."""
    ser = home.shared(share_here, pki, "alpn", tls={"alpn": "sip/2"}, script=SCRIPT)
    context = offering(["sip/2"], made=home.context())
    session = None
    for _ in range(2):
        with home.client(ser, context, session) as client:
            assert client.ask().select("tls.alpn") == "sip/2"
            assert bool(session) == client.tls.session_reused
            session = client.tls.session


@VERSIONS
def test_no_list(ser, version):
    """The extension is ignored."""
    with sip.TlsClient(ser.address(), offering(["h2"], version)) as client:
        client.ask()
        assert client.tls.selected_alpn_protocol() is None


@VERSIONS
def test_openssl(listing, version):
    host, port = listing.address()
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-tls" + version.replace(".", "_"), "-alpn"]
    answer = tools.ask([*command, "h2,http/1.1", "-ign_eof", "-quiet"])
    assert answer.select("tls.alpn") == "http/1.1"
    done = subprocess.run([*command, "h2"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=settings.PATIENCE, check=False)
    assert done.returncode and "no application protocol" in done.stderr


def test_each_domain_has_its_own(start, pki):
    """The one that the name chooses decides; a reload changes it; a mistake changes nothing."""
    def domains(alpn):
        return (section("server:default", pki.server, alpn="sip/2") +
                section("server:any", pki.one, server_name="sni1.example.org", alpn=alpn) +
                section("server:any", pki.two, server_name="sni2.example.org"))
    ser = start(tls=from_file(domains("http/1.1")), script=SCRIPT)
    names, one, two = ["http/1.1", "sip/2"], "sni1.example.org", "sni2.example.org"

    def seen():
        return [agreed(ser, names, server_name=name) for name in (None, one, two)]
    assert seen() == ["sip/2", "http/1.1", None]
    refuses(ser, ["sip/2"], server_name=one)
    assert agreed(ser, ["h2"], server_name=two) is None
    write(ser, domains("http/1.1,,sip/2"))
    assert "alpn: a name is missing" in ser.text("tls.reload")
    assert seen() == ["sip/2", "http/1.1", None]
    write(ser, domains("sip/2"))
    assert "Ok" in ser.text("tls.reload")
    assert seen() == ["sip/2", "sip/2", None]
    assert ser.info("tls.options")["alpn"] == "sip/2"


@VERSIONS
def test_outbound(start, pki, version):
    """SER offers its list; a peer that takes none of it, or has no ALPN, is spoken to all the same."""
    ser = start(**outbound.options(tls=from_file(
        section("server:default", pki.server), section("client:default", alpn="x,sip/2"), xavp_cfg="tls")))
    for names, chosen in ((["sip/2"], "sip/2"), (["h2"], None), (None, None)):
        with peers.Peer(offering(names, made=peers.context(pki.server, version))) as peer, Client(ser) as client:
            assert client.forward(peer).status == 200
            assert peer.connections[0].tls.selected_alpn_protocol() == chosen


def test_outbound_selects(start, pki):
    """What was agreed on with a peer is known when that asks something."""
    options = outbound.options(tls=from_file(
        section("server:default", pki.server), section("client:default", alpn="sip/2"), xavp_cfg="tls"))
    ser = start(**{**options, "script": [*options["script"], *SCRIPT]})
    with Asks(offering(["sip/2"], made=peers.context(pki.server))) as peer, Client(ser) as client:
        assert client.forward(peer).status == 200
        connection = peer.connections[0]
        ser.settle(lambda: len(connection.requests) == 2, ser.log)
        assert connection.requests[1].headers["X-tls.alpn"] == "H" + b"sip/2".hex()


def test_outbound_openssl(start, pki):
    """A server that insists on a protocol of its own ends it, and the log says how."""
    ser = start(**outbound.options(tls=from_file(
        section("server:default", pki.server), section("client:default", alpn="x,sip/2"), xavp_cfg="tls")))
    with s_server(pki.server, "-alpn", "h2,sip/2") as peer, Client(ser) as client:
        peer.serve(client)
    with s_server(pki.server, "-alpn", "h2") as peer, Client(ser) as client:
        assert client.forward(peer.uri).status in outbound.FAILED
    ser.logged("no connection to .*: the peer refused with the alert no_application_protocol")
