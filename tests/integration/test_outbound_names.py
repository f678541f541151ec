# SPDX-License-Identifier: GPL-2.0-or-later
"""The name that a peer's certificate must have: the script's or the domain's, as RFC 5922 has it."""
import pytest

import outbound
import peers
from domains import from_file, section
from outbound import Client, lines_about

REFUSED = 408, 477
# What the certificate is for: common name, subjectAltName; which of the asked names it serves.
CERTIFICATES = {
    "dns": ("unimportant", ("subjectAltName=DNS:sip.example.org",), {"sip.example.org": True, "SIP.EXAMPLE.ORG": True,
                                                                     "other.example.org": False, "example.org": False}),
    "uri": ("unimportant", ("subjectAltName=URI:sip:example.org",), {"example.org": True, "sip.example.org": False}),
    "uri-and-dns": ("unimportant", ("subjectAltName=URI:sip:example.org,DNS:sip.example.org",),
                    {"example.org": True, "sip.example.org": False}),
    "common-name": ("sip.example.org", (), {"sip.example.org": True, "other.example.org": False}),
    "common-name-and-dns": ("sip.example.org", ("subjectAltName=DNS:other.example.org",),
                            {"sip.example.org": False, "other.example.org": True}),
    "wildcard": ("unimportant", ("subjectAltName=DNS:*.example.org",), {"sip.example.org": False}),
}


@pytest.fixture(name="pair")
def pair_of(pki):
    """pair(name) is the certificate of that name."""
    made = {}

    def get(name):
        if name not in made:
            common_name, extensions, _ = CERTIFICATES[name]
            made[name] = pki.make("name-" + name, common_name, pki.ca, extensions)
        return made[name]
    return get


def serve(share, pki, name, **attributes):
    """A server whose outgoing connections have that domain."""
    return share(f"outbound names {name}", **outbound.options(tls=from_file(
        section("server:default", pki.server),
        section("client:default", ca_list=pki.ca.cert, **{"verify_certificate": 1, **attributes}), xavp_cfg="tls")))


def goes(ser, made, name):
    """Whether a message gets to a peer with that certificate under that name; the line in the log where not."""
    with peers.Peer(peers.context(made)) as peer, Client(ser) as client:
        answer = client.forward(peer, **({"name": name} if name else {}))
        if answer.status == 200:
            assert len(peer.seen()) == 1 and (not name or peer.connections[0].name.lower() == name.lower())
            return True
        assert answer.status in REFUSED and not peer.seen()
        lines = lines_about(ser, peer)
        assert len(lines) == 1 and name in lines[0], lines
        return False


@pytest.mark.parametrize("certificate", CERTIFICATES)
def test_checked(share, pki, pair, certificate):
    ser = serve(share, pki, "default")
    for name, good in CERTIFICATES[certificate][2].items():
        assert goes(ser, pair(certificate), name) == good, name
    ser.wait_idle()


def test_wildcard_allowed(share, pki, pair):
    ser = serve(share, pki, "wildcard", verify_name_wildcard=1)
    assert goes(ser, pair("wildcard"), "sip.example.org")
    assert not goes(ser, pair("wildcard"), "one.sip.example.org")
    assert not goes(ser, pair("wildcard"), "example.net")
    assert not goes(ser, pair("dns"), "other.example.org")


@pytest.mark.parametrize("attributes", [{"verify_name": 0}, {"verify_certificate": 0}], ids=["name", "certificate"])
def test_not_checked(share, pki, pair, attributes):
    """By a domain that says so, or that verifies nothing."""
    ser = serve(share, pki, str(attributes), **attributes)
    assert goes(ser, pair("dns"), "other.example.org")


def test_no_name(share, pki, pair):
    """Nothing says who the peer is to be: its certificate has to be good, that is all."""
    ser = serve(share, pki, "default")
    assert goes(ser, pair("dns"), None)


def test_of_the_domain(share, pki, pair):
    """The domain's name where the script says none."""
    ser = serve(share, pki, "named", server_name="sip.example.org")
    assert goes(ser, pair("dns"), None)
    with peers.Peer(peers.context(pair("common-name-and-dns"))) as peer, Client(ser) as client:
        assert client.forward(peer).status in REFUSED and not peer.seen()
        assert peer.connections[0].name == "sip.example.org"
