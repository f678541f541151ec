# SPDX-License-Identifier: GPL-2.0-or-later
"""event_route[tls:connection-out] and its callback form; what they read of the peer; drop."""
import os

import pytest

import outbound
import peers
import settings
from manual import block
from outbound import ASYNC, BOTH, Client
from server import MODULES

LOGS = 'xlog("L_WARN", "OUT cn=$sel(tls.peer.subject.cn) me=$sel(tls.me.subject.cn) $tls_version\\n");'
ROUTE = ["event_route[tls:connection-out] {", LOGS, 'if (@tls.peer.subject.cn == "sni1.example.org") drop;', "}"]
CALLBACK = """
function ksr_request_route()
{
	if (KSR.hdr.is_present("X-Next") > 0) {
		KSR.pv.sets("$du", KSR.pv.get("$hdr(X-Next)"));
		KSR.tm.t_relay();
		return;
	}
	KSR.hdr.append_to_reply("X-tls.offload: H" + KSR.pv.get("$(sel(tls.offload){s.encode.hexa})") + "\\r\\n");
	KSR.sl.sl_send_reply(200, "OK");
}

function ksr_tls_event(name)
{
	KSR.warn("OUT " + name + " cn=" + KSR.pv.get("$sel(tls.peer.subject.cn)") + "\\n");
	if (KSR.pv.get("$sel(tls.peer.subject.cn)") == "sni1.example.org")
		KSR.set_drop();
}
"""


def serve(share, how):
    """With the route."""
    return share(f"outbound events {how}", **outbound.options(core=ASYNC[how], modules=("xlog",), routes=ROUTE))


@BOTH
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_runs(share, pki, version, how):
    """Once for each connection, and reads who is there."""
    ser = serve(share, how)
    wanted = f"OUT cn=sip.example.org me=sip.example.org TLSv{version}"
    before = ser.log_count(wanted)
    with peers.Closes(peers.context(pki.server, version)) as peer, Client(ser) as client:
        for _ in range(3):
            assert client.forward(peer).status == 200
            ser.wait_idle()
    assert ser.logged(wanted, before + 3), ser.log()
    with peers.Peer(peers.context(pki.server, version)) as peer, Client(ser) as client:
        for _ in range(3):
            assert client.forward(peer).status == 200
        assert len(peer.connections) == 1
    assert ser.logged(wanted, before + 4), ser.log()


@BOTH
def test_drop(share, pki, how):
    """Nothing is sent, and the connection ends."""
    ser = serve(share, how)
    with peers.Peer(peers.context(pki.one)) as peer, Client(ser) as client:
        assert client.forward(peer).status in (408, 477)
        assert peer.connections[0].ended.wait(settings.PATIENCE)
        assert not peer.seen()
        assert peer.connections[0].end == "close_notify"
    with peers.Peer(peers.context(pki.two)) as peer, Client(ser) as client:
        assert client.forward(peer).status == 200
    ser.wait_idle()


def test_as_on_the_page(start, pki):
    """The route in docs/outbound.md hangs up on who does not verify, and says who that was."""
    ser = start(**outbound.options(modules=("xlog",), routes=[block("docs/outbound.md", "event_route[tls:")], tls={
        "verify_certificate": 0, "verify_client": "optional_no_ca"}))
    with peers.Peer(peers.context(pki.stranger)) as peer, Client(ser) as client:
        assert client.forward(peer).status in (408, 477)
        assert peer.connections[0].ended.wait(settings.PATIENCE)
        assert not peer.seen()
        assert ser.logged(f"unverified: 127.0.0.1:{peer.address[1]}$", 1), ser.log()
    with peers.Peer(peers.context(pki.two)) as peer, Client(ser) as client:
        assert client.forward(peer).status == 200


@pytest.mark.skipif(not os.path.exists(MODULES + "app_jsdt.so"), reason="Kamailio has no app_jsdt.so")
def test_callback(start, pki, tmp_path):
    """The same as a function of a KEMI script."""
    script = tmp_path / "kemi.js"
    script.write_text(CALLBACK, encoding="utf-8")
    ser = start(**outbound.options(tls={"event_callback": "ksr_tls_event"}, modules=("xlog", "app_jsdt"), modparams=(
        ("app_jsdt", "load", str(script)),), routes=['cfgengine "jsdt"']))
    with peers.Peer(peers.context(pki.server)) as peer, Client(ser) as client:
        for _ in range(2):
            assert client.forward(peer).status == 200
    assert ser.logged("OUT tls:connection-out cn=sip.example.org", 1), ser.log()
    with peers.Peer(peers.context(pki.one)) as peer, Client(ser) as client:
        assert client.forward(peer).status in (408, 477)
        assert not peer.seen()
