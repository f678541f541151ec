# SPDX-License-Identifier: GPL-2.0-or-later
"""SIP over WebSockets over TLS, with the configuration of docs/other-modules.md. test_browser.py has a browser."""
import ssl

import pytest

from manual import block
from on_page import run
from phones import WebSocketPhone, pass_message, phone, trusting

ORIGIN = "Origin: https://www.example.org"


@pytest.fixture
def ser(pki, stack):
    """The server for browsers and phones; its first port is for the browsers."""
    return run(stack, pki, block("docs/other-modules.md", "# Browsers and phones"), {
        "sip": pki.server, "ws": pki.one}, places={"$Rp == 443": lambda server: f"$Rp == {server.ports[0][1]}"})


def web_socket(server, pki, *protocols):
    """A phone that has made its handshake, and no more."""
    return WebSocketPhone(server.address(0), trusting(pki, *protocols), server_name="sni1.example.org")


@pytest.mark.parametrize("protocols", [("http/1.1",), ()], ids=["alpn", "no-alpn"])
def test_web_sockets(ser, pki, protocols):
    """Messages pass between a WebSocket and a phone, both ways, and between two WebSockets."""
    with web_socket(ser, pki, *protocols) as alice, web_socket(ser, pki, *protocols) as carol, \
            phone(ser, pki, 1) as bob:
        for who, name in (alice, "alice"), (carol, "carol"):
            assert who.upgrade(ORIGIN) == "HTTP/1.1 101 Switching Protocols"
            who.register(name)
        bob.register("bob")
        for _ in range(3):
            pass_message(alice, bob, "bob")
            pass_message(bob, alice, "alice")
            pass_message(carol, alice, "alice")
        assert alice.tls.selected_alpn_protocol() == (protocols or (None,))[0]


def test_web_sockets_of_others(ser, pki):
    """Another site's page, a request for anything else, the phones' port, and a browser that speaks HTTP/2 only."""
    for headers in ("Origin: https://www.example.com",), ():
        with web_socket(ser, pki, "http/1.1") as client:
            assert client.upgrade(*headers) == "HTTP/1.1 403 Forbidden"
    with WebSocketPhone(ser.address(1), trusting(pki), server_name="sip.example.org") as client:
        assert client.upgrade(ORIGIN) == "HTTP/1.1 404 Not Found"
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        web_socket(ser, pki, "h2").handshake()
