# SPDX-License-Identifier: GPL-2.0-or-later
"""Scripts in Lua and Python, as docs/other-modules.md has them."""
import pytest

import peers
import settings
from manual import block
from on_page import run
from phones import phone


def lua():
    """The configuration of the page for Lua, the script's name, and the script."""
    return (block("docs/other-modules.md", "# A script in Lua"), "kamailio.lua",
            block("docs/other-modules.md", "-- kamailio.lua"))


def python():
    """The same for Python."""
    lines = lua()[0].split("\n")
    theirs = [line for line in lines if "lua" in line]
    assert [line.split('"')[1] for line in theirs] == ["app_lua.so", "app_lua", "lua"]
    return ("\n".join(line for line in lines if line not in theirs) +
            block("docs/other-modules.md", "# In place of the lines with app_lua"), "kamailio.py",
            block("docs/other-modules.md", "# kamailio.py"))


@pytest.fixture(params=[lua, python])
def carrying(pki, stack, request):
    """carrying(peer): a server with the script; the carrier is that peer."""
    config, name, script = request.param()
    pairs = {"sip": pki.server, "trunk": pki.make("trunk", "Trunk", pki.ca)}
    files = {"tls.cfg": block("docs/other-modules.md", "# tls.cfg"), name: script}
    return lambda peer: run(stack, pki, config, pairs, files, {"198.51.100.7:5061": "{}:{}".format(*peer.address)})


def test_scripts(carrying, pki):
    """Bob is told who he is, and his call goes to the carrier with that certificate; a stranger is told to show one."""
    carrier = pki.make("carrier", "carrier.example.net", pki.ca)
    with peers.Peer(peers.context(carrier, ca=pki.ca)) as peer:
        ser = carrying(peer)
        with phone(ser, pki, pair=pki.bob) as bob:
            for _ in range(3):
                bob.send_request("OPTIONS", "test")
                headers = bob.take().headers
                assert (headers["X-Peer"], headers["X-Cipher"], headers["X-Records"]) == (
                    "Bob", bob.tls.cipher()[0], settings.EXPECT)
                bob.send_request("MESSAGE", "carrier")
                answer = bob.take()
                assert (answer.status, answer.headers["X-Peer"]) == (200, str(peer.address[1]))
        assert [connection.certificate for connection in peer.connections] == ["Trunk"]
        with phone(ser, pki) as stranger:
            stranger.send_request("OPTIONS", "test")
            assert stranger.take().raw.startswith(b"SIP/2.0 403 Show a certificate\r\n")


def test_script_drops(carrying, pki):
    """Nothing is sent to somebody else at the carrier's address, though a CA vouches for him."""
    with peers.Peer(peers.context(pki.server, ca=pki.ca)) as peer:
        ser = carrying(peer)
        with phone(ser, pki, pair=pki.bob) as bob:
            bob.send_request("MESSAGE", "carrier")
            ser.settle(lambda: peer.connections and peer.connections[0].ended.is_set(), ser.log)
            assert peer.connections[0].end == "close_notify"
            assert not peer.seen()
            bob.send_request("OPTIONS", "test")
            while bob.take().headers.get("X-Peer") != "Bob":  # what tm says about the message may come before it
                pass
