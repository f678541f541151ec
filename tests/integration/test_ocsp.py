# SPDX-License-Identifier: GPL-2.0-or-later
"""OCSP stapling with OpenSSL's commands: what SER sends with its certificate, and what it demands of its peers."""
import re
import time

import pytest

import outbound
import settings
import tools
from domains import from_file, section
from homes import DIRECT, RELAYED
from kernel import TALLY
from ocsp import MUST_STAPLE, TRY_LATER, Authority, serial
from outbound import Client
from test_outbound_foreign import s_server
from test_reload import copy
from test_watch import TAKEN

NONE = b"OCSP response: no response sent"
HOMES = pytest.mark.parametrize("home", [*DIRECT, RELAYED[0]], ids=str)
VERSIONS = pytest.mark.parametrize("version", ["1_2", "1_3"])
LEFT_OUT = "is left out, so no OCSP response is sent"


@pytest.fixture(name="authority", scope="module")
def authority_of(pki):
    """The CA's responder."""
    return Authority(pki)


@pytest.fixture(name="must", scope="module")
def must_of(pki):
    """A certificate that demands a response."""
    return pki.make("must", "must.example.org", pki.ca, (MUST_STAPLE, "subjectAltName=DNS:must.example.org"))


def told(ser, *options, offload=settings.EXPECT):
    """What openssl s_client says of the response; the connection works."""
    host, port = ser.address()
    with tools.Command(["openssl", "s_client", "-connect", f"{host}:{port}", "-status", "-ign_eof", *options],
                       offload) as client:
        assert client.ask(), client.text()
        return client.output


def has_good(output, pair):
    """Whether it is a response that says that this certificate is good."""
    return b"Cert Status: good" in output and b"Serial Number: " + serial(pair).encode() in output


@HOMES
def test_sent(start, pki, authority, home):
    """With each certificate its own."""
    ser = start(**home.options(pki, tls={"certificate2": pki.server_rsa.cert, "private_key2": pki.server_rsa.key,
                                         "ocsp_file": authority.response(pki.server),
                                         "ocsp_file2": authority.response(pki.server_rsa)}))
    options = ["-tls" + home.version.replace(".", "_"), *(("-cipher", home.ciphers) if home.ciphers else ())]
    assert has_good(told(ser, *options, offload=home.offload), pki.server)
    if not home.ciphers:
        rsa = told(ser, *options, "-sigalgs", "rsa_pss_rsae_sha256:rsa_pkcs1_sha256", offload=home.offload)
        assert has_good(rsa, pki.server_rsa)
    assert not ser.log_count(LEFT_OUT)


def test_left_out(start, pki, authority, must, tmp_path):
    """Each with its reason; SER starts, and sends none."""
    later, absent = tmp_path / "later", tmp_path / "absent"
    later.write_bytes(TRY_LATER)
    rows = {authority.response(pki.one): "is for another certificate; fetch the one for this certificate",
            authority.response(pki.server, until=time.time() - 60): r"has been stale since 20.* \(nextUpdate\); fetch a new one",
            authority.response(pki.server, status="R"): "says that the certificate was revoked on 2020-01-01 00:00:00 UTC; ",
            authority.response(pki.server, status=None): "says that its responder does not know the certificate; ",
            str(later): "has no status, but the responder's excuse 'trylater'; fetch a new one",
            str(absent): "does not exist; fetch one",
            pki.server.cert: "is no OCSP response in DER; name a file"}
    names = [f"s{number}.example.org" for number, _ in enumerate(rows)]
    ser = start(tls=from_file(
        section("server:default", must, ca_list=pki.ca.cert),
        *(section("server:any", pki.server, ca_list=pki.ca.cert, server_name=name, ocsp_file=path)
          for name, path in zip(names, rows, strict=True))))
    for name, (path, why) in zip(names, rows.items(), strict=True):
        assert ser.logged(rf"WARNING.*ocsp_file: '{re.escape(path)}' {LEFT_OUT} with the certificate in "
                          rf"'{re.escape(pki.server.cert)}': it {why}", 1), why
        assert NONE in told(ser, "-servername", name)
    assert ser.logged(rf"WARNING.*certificate: '{re.escape(must.cert)}' tells peers to refuse it .*Must-Staple", 1)
    assert NONE in told(ser)


def test_becomes_stale(start, pki, authority, tmp_path):
    """While SER runs: nobody gets it any more, and the log says so."""
    path = str(tmp_path / "response")
    ser = start(tls={"ocsp_file": path})
    for seconds in 3, 10, 60:  # until it is in time before it is stale
        copy(authority.response(pki.server, until=time.time() + seconds), path)
        before = ser.log_count("has been stale since")
        ser.text("tls.reload")
        if ser.log_count("has been stale since") == before:
            break
    ser.settle(lambda: ser.log_count(f"WARNING.*'{re.escape(path)}' is stale now"), ser.log, seconds + settings.PATIENCE)
    assert NONE in told(ser)
    assert ser.logged("is stale now", 1)


@pytest.mark.parametrize("engines", [1, 2])
def test_watched(start, pki, authority, tmp_path, engines):
    """certificate_watch takes a new one, and drops a bad one."""
    path = str(tmp_path / "response")
    ser = start(tls={"ocsp_file": path, "certificate_watch": 1, "engines": engines})
    assert ser.logged(f"'{re.escape(path)}' {LEFT_OUT} .* does not exist", 1) and NONE in told(ser)
    for number, status in enumerate("VRV", 1):
        copy(authority.response(pki.server, status=status), path)
        ser.settle(lambda number=number: ser.log_count(TAKEN) == number, ser.log)
        output = told(ser)
        assert has_good(output, pki.server) if status == "V" else NONE in output


def demanding(share, pki, name, **attributes):
    """A SER with that in its client domain."""
    return share(f"outbound ocsp {name}", **outbound.options(tls=from_file(
        section("server:default", pki.server),
        section("client:default", ca_list=pki.ca.cert, require_certificate=1, **attributes), xavp_cfg="tls")))


@pytest.fixture(name="requiring")
def requiring_one(share, pki):
    """A SER that wants a response of every peer."""
    return demanding(share, pki, "required", require_ocsp=1)


@pytest.fixture(name="asking")
def asking_one(share, pki):
    """A SER that wants a good one, if any."""
    return demanding(share, pki, "asked", verify_ocsp=1)


def refuses(ser, peer, why):
    """SER does not connect, and says why."""
    port = peer.uri.split(":")[2].split(";")[0]
    with Client(ser) as client:
        client.send(outbound.message(peer))
        assert ser.logged(rf"WARNING.*no connection to 127.0.0.1:{port}\b.*: the peer's certificate was refused: {why}")


@VERSIONS
def test_peer_with_one(requiring, asking, pki, authority, must, version):
    """The commonest kind, and one that its certificate demands."""
    for ser in requiring, asking:
        for pair in pki.server, must:
            with s_server(pair, f"-tls{version}", "-status_file", authority.response(pair)) as peer, \
                    Client(ser) as client:
                peer.serve(client)
                peer.serve(client)
        ser.wait_idle()


@VERSIONS
def test_peer_without(requiring, asking, pki, must, version):
    with s_server(pki.server, f"-tls{version}") as peer:
        refuses(requiring, peer, "no OCSP response came with it, and one is required")
        with Client(asking) as client:
            peer.serve(client)
    with s_server(must, f"-tls{version}") as peer:
        refuses(asking, peer, r"no OCSP response came with it, which it demands itself \(Must-Staple\)")


@VERSIONS
def test_peer_with_a_bad_one(requiring, asking, pki, authority, version):
    for path, why in ((authority.response(pki.one), "is for another certificate"),
                      (authority.response(pki.server, until=time.time() - 60), "has been stale since"),
                      (authority.response(pki.server, status="R"), "says that the certificate was revoked on")):
        with s_server(pki.server, f"-tls{version}", "-status_file", path) as peer:
            for ser in requiring, asking:
                refuses(ser, peer, f"its OCSP response {why}")


@VERSIONS
def test_resumed(requiring, pki, authority, version):
    """No response comes with a session that is resumed."""
    before = requiring.counters()["connects_resumed"]
    with s_server(pki.server, f"-tls{version}", "-status_file", authority.response(pki.server)) as peer:
        with Client(requiring) as client:
            peer.serve(client)
            for number in re.findall(r"\tid: (\d+)", requiring.text("tls.list")):
                requiring.text("tls.kill", number)
            requiring.settle(lambda: not requiring.tls_connections(), "the connection does not end")
            TALLY.add(made=1, answered=1)
            peer.serve(client)
    assert requiring.counters()["connects_resumed"] == before + 1


def test_not_verified(refused, pki):
    """To demand a response about a certificate that is not verified is a mistake."""
    ser = refused(tls=from_file(section("server:default", pki.server), section("client:default", require_ocsp=1)))
    code, log = ser.run_to_end("-DD")
    assert code and "require_ocsp: an OCSP response says nothing about a certificate that is not verified" in log, log
