# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates and revocation lists that expire: tls.certificates, counters, Prometheus, and warnings in the log."""
import datetime
import http.client
import re

import pytest

import settings
from domains import from_file, section
from test_reload import copy

NONE = 36500  # days


def at(**delta):
    """That long from now, as openssl ca takes it."""
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)
    return then.strftime("%Y%m%d%H%M%SZ")


def warning(path, domain, when):
    """A pattern of a line of the log."""
    return (rf"WARNING.*certificate_warn_days: the certificate in '{path}', of {re.escape(domain)}( and 1 more domain)?, "
            rf"expires in {when}, on ")


@pytest.fixture(name="soon")
def fixture_soon(pki):
    """A certificate with three days left of thirty."""
    return pki.dated("soon", "soon.example.org", at(days=-27), at(days=3, hours=1))


def certificates(ser):
    """What tls.certificates says."""
    return [dict(re.findall(r"\t(\w+): (.*)", struct))
            for struct in re.findall(r"\{(.*?)\n\}", ser.text("tls.certificates"), re.DOTALL)]


def days(ser):
    """The two counters."""
    found = ser.command("tls.stats")
    assert {name: ser.counters()[name] for name in ("certificate_days", "crl_days")}.items() <= found.items()
    return found["certificate_days"], found["crl_days"]


def test_shown(start, pki, soon):
    """Those of both kinds of domains, and lists, the first to expire first."""
    crl = pki.path("five-days.pem")
    pki.authority(("-gencrl", "-crldays", "5", "-crlhours", "1", "-out", crl))
    ser = start(tls=from_file(
        section("server:default", pki.server, ca_list=pki.ca.cert, crl=crl, verify_certificate=1),
        section("server:any", pki.server, server_name="sni1.example.org"),
        section("client:default", soon)))
    first, *others = certificates(ser)
    assert (first["what"], first["file"], first["dom"], first["domains"], first["days"]) == \
        ("certificate", soon.cert, "[client:default]", "1", "3")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["expires"])
    assert {(one["what"], one["file"], one["domains"]) for one in others} == \
        {("certificate", pki.server.cert, "2"), ("revocation list", crl, "1")}
    assert others[0]["days"] == "5" and days(ser) == (3, 5)


def test_chain(start, pki, tmp_path):
    """A CA certificate that is shown with ours counts, too."""
    between = pki.dated("old-between", "Between", at(days=-27), at(days=3, hours=1))
    chain = tmp_path / "chain.pem"
    chain.write_text("".join(open(pair.cert, encoding="ascii").read() for pair in (pki.server, between)))
    ser = start(tls={"certificate": str(chain)})
    first = certificates(ser)[0]
    assert (first["what"], first["file"]) == ("CA certificate", str(chain))
    assert days(ser) == (3, NONE)
    assert ser.logged("WARNING.*certificate_warn_days: a CA certificate that is shown with ours in '")


def test_reload(start, pki, soon, tmp_path):
    """A warning at the start and in the answer of a reload; none when the certificate was renewed."""
    paths = {kind: str(tmp_path / f"{kind}.pem") for kind in ("cert", "key")}
    for kind, path in paths.items():
        copy(getattr(soon, kind), path)
    ser = start(tls={"certificate": paths["cert"], "private_key": paths["key"]})
    said = warning(paths["cert"], "[server:default]", "3 days")
    assert ser.logged(said, 1)
    assert re.search(f"^warning: certificate_warn_days: .*{paths['cert']}", ser.text("tls.reload"), re.M)
    assert ser.logged(said, 2) and days(ser) == (3, NONE)
    for kind, path in paths.items():
        copy(getattr(pki.server, kind), path)
    assert days(ser) == (3, NONE)  # it is the old one that is in use
    assert "certificate_warn_days" not in ser.text("tls.reload")
    assert ser.logged(said, 2) and days(ser)[0] > 3


def test_reload_that_fails(start, pki, soon, tmp_path):
    """Changes nothing here, either."""
    path = str(tmp_path / "cert.pem")
    copy(pki.server.cert, path)
    ser = start(tls={"certificate": path})
    before = certificates(ser)
    copy(soon.cert, path)
    assert "error: 500" in ser.text("tls.reload")  # its key is another
    assert certificates(ser) == before


def test_off(start, soon):
    ser = start(tls={"certificate": soon.cert, "private_key": soon.key, "certificate_warn_days": 0})
    assert days(ser) == (3, NONE)
    assert not ser.log_count("certificate_warn_days")


def test_expired(start, pki):
    """0 for those that read unsigned numbers, and how long ago it was."""
    pair = pki.expired("long-ago", "long-ago.example.org")
    ser = start(tls={"certificate": pair.cert, "private_key": pair.key})
    assert days(ser) == (0, NONE)
    assert int(certificates(ser)[0]["days"]) < -365


@pytest.mark.parametrize("engines", [1, 2])
def test_while_it_runs(start, pki, engines):
    """It is said once, by whichever comes first on a slow machine: the start or the day."""
    pair = pki.dated(f"due-{engines}", "due.example.org", at(days=-60), at(days=14, seconds=8))
    ser = start(tls={"certificate": pair.cert, "private_key": pair.key, "engines": engines})
    assert ser.logged(warning(pair.cert, "[server:default]", "13 days"), 1)


def test_prometheus(start, soon):
    """The figure as a monitoring system sees it."""
    ser = start(listen=("tls:127.0.0.1", "tcp:127.0.0.1"), core=("tcp_accept_no_cl=yes",),
                tls={"certificate": soon.cert, "private_key": soon.key},
                modules=("xhttp", "xhttp_prom"), modparams=(("xhttp_prom", "xhttp_prom_stats", "all"),),
                routes=["event_route[xhttp:request] { prom_dispatch(); }"])
    connection = http.client.HTTPConnection(*ser.address(1), timeout=settings.PATIENCE)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = {name: int(value) for name, value in re.findall(r"^kamailio_tls_(\w+) (\d+) \d+$", text, re.M)}
    assert (found["certificate_days"], found["crl_days"]) == (3, NONE)
