# SPDX-License-Identifier: GPL-2.0-or-later
"""Chromium opens the phone of docs/other-modules.md, and that talks SIP to SER over a WebSocket over TLS."""
import os

import pytest

import browser
from kernel import TALLY
from manual import ROOT, block
from on_page import run
from phones import phone

pytestmark = pytest.mark.skipif(bool(browser.MISSING), reason=f"no browser is tested, missing: {browser.MISSING}")

NAMES = "ws.example.org", "www.example.org", "www.example.com", "sip.example.org"


@pytest.fixture(scope="module")
def pairs(pki):
    """Of the site's own CA and its names, and of SER's address for browsers."""
    site_ca = pki.make("site-ca", "The site's CA", extensions=("basicConstraints=critical,CA:true",))
    return {"site-ca": site_ca,
            "www": pki.make("www", "www.example.org", site_ca, (
                "subjectAltName=DNS:www.example.org,DNS:www.example.com",)),
            "ws": pki.make("ws", "ws.example.org", pki.ca, ("subjectAltName=DNS:ws.example.org",))}


@pytest.fixture
def port(pairs):
    """Of the site."""
    with browser.site(os.path.join(ROOT, "docs", "examples"), pairs["www"]) as number:
        yield number


@pytest.fixture
def ser(pki, stack, pairs, port):
    """The page's server; its first port is for browsers."""
    return run(stack, pki, block("docs/other-modules.md", "# Browsers and phones"), {
        "sip": pki.server, "ws": pairs["ws"]}, places={
        "$Rp == 443": lambda server: f"$Rp == {server.ports[0][1]}",
        "https://www.example.org": f"https://www.example.org:{port}"})


def register(page, ser, url, name="ws.example.org"):
    """The page is opened, and the button pressed."""
    page.open(url)
    page.run(f"document.getElementById('server').value = 'wss://{name}:{ser.ports[0][1]}'")
    TALLY.add(made=1)
    page.run("document.querySelectorAll('button')[0].click()")


def says(page, line):
    """Until the page's log has that line."""
    page.wait_for(f"document.getElementById('log').textContent.split('\\n').includes('{line}')")


def test_browser(ser, pki, pairs, port):
    """It registers, and messages pass between it and a phone, both ways."""
    with browser.Browser(NAMES, [pki.ca, pairs["site-ca"]]) as page, phone(ser, pki, 1) as bob:
        bob.register("bob")
        register(page, ser, f"https://www.example.org:{port}/websocket.html")
        says(page, "REGISTER: 200")
        TALLY.add(answered=1)
        assert "transport=ws" in ser.text("ul.dump")
        for text in "Hello!", "Grüße, 世界":
            page.run(f"document.getElementById('text').value = '{text}'")
            page.run("document.querySelectorAll('button')[1].click()")
            request = bob.hear(text)
            assert request.headers["From"].startswith("<sip:alice@example.org>")
            says(page, "MESSAGE: 200")
            bob.message("alice", text)
            says(page, f"client: {text}")
            assert bob.take().status == 200
        assert ser.tls_connections() == 2
    ser.wait_idle()


def test_foreign_page(ser, pki, pairs, port):
    """A page of another site is refused."""
    with browser.Browser(NAMES, [pki.ca, pairs["site-ca"]]) as page:
        register(page, ser, f"https://www.example.com:{port}/websocket.html")
        says(page, "closed: 1006")
        page.complains("Unexpected response code: 403")
        TALLY.add(answered=1)


@pytest.mark.parametrize("name, trusted, complaint", [
    ("ws.example.org", ["site-ca"], "ERR_CERT_AUTHORITY_INVALID"),
    ("sip.example.org", ["site-ca", "ca"], "ERR_CERT_COMMON_NAME_INVALID")], ids=["unknown-ca", "other-name"])
def test_verification(ser, pki, pairs, port, name, trusted, complaint):
    """The browser does not take any certificate, and SER's log says why the handshake failed."""
    with browser.Browser(NAMES, [{**pairs, "ca": pki.ca}[ca] for ca in trusted]) as page:
        register(page, ser, f"https://www.example.org:{port}/websocket.html", name)
        says(page, "closed: 1006")
        page.complains(complaint)
    assert ser.logged(f"handshake with .* at 127.0.0.1:{ser.ports[0][1]} failed: the peer refused with the alert "
                      "certificate_unknown", 1)
