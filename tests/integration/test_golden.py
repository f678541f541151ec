# SPDX-License-Identifier: GPL-2.0-or-later
"""Every select, variable and expression of a script answers what SER's own module does, in every case recorded."""
import re
import shutil
import ssl
import tempfile
import urllib.parse
from typing import NamedTuple

import pytest

import settings
import sip
from golden.certificates import Certificates
from golden.expected import ANSWERS, PEM, PEM_URL_ENCODED, expected
from server import select_lines, variable_lines

SELECTS = [name[1:] for name in ANSWERS if name.startswith("@")]
VARIABLES = [name[1:] for name in ANSWERS if name.startswith("$")]
EXPRESSIONS = [name[3:-1] for name in ANSWERS if name.startswith("if(")]
AT_ONCE = 60  # names that one request asks for


class Case(NamedTuple):
    """A connection: the client's certificate, the server's, TLS version, server name, suite, what is asked of clients."""
    client: str | None = None
    server: str = "s_full"
    version: str = "1.3"
    server_name: str | None = None
    suite: str | None = None
    ask: str = "verify_certificate"
    resumed: bool = False


CASES = {
    "none": Case(), "full": Case("full"), "full/tls1.2": Case("full", version="1.2"),
    "full/tls1.2-aes128": Case("full", version="1.2", suite="ECDHE-RSA-AES128-GCM-SHA256"),
    "full/tls1.2-cbc": Case("full", version="1.2", suite="AES256-SHA"),
    "full/tls1.2-chacha": Case("full", version="1.2", suite="ECDHE-RSA-CHACHA20-POLY1305"),
    "full/sni-other": Case("full", server_name="other.example.net"),
    "full/sni-match-on-ipport-domain": Case("full", "s_bare", server_name="sni.example.com"),
    "none/srv-bare-ec": Case(server="s_bare"), "none/srv-nocn": Case(server="s_nocn"),
    "none/verify-yes-require-no": Case(), "full/verify-yes-require-no": Case("full"),
    "full/require-yes": Case("full", ask="require_certificate"),
    "full/server-asks-nothing": Case("full", ask="nothing"),
    "full/resumed-tls1.3": Case("full", server_name="other.example.net", resumed=True),
    "revoked/verify-yes-no-crl/tls1.2": Case("revoked", version="1.2"),
    "revoked/verify-yes-no-crl/tls1.3": Case("revoked"),
    **{name: Case(name) for name in ("rsa", "bare", "v1", "v4mapped", "empty", "mrdn", "bmp", "crlf", "ip3", "ip8",
                                     "long1024", "revoked", "chain", "killer")},
    # Certificates that do not verify get in only where the server takes any.
    **{name: Case(name, ask="any") for name in ("expired", "eku", "unkca", "self")},
    **{name + "/crl": Case(client, ask="any, crl") for name, client in (("none", None), ("full", "full"),
                                                                        ("self", "self"))},
    "full/sni-match": Case("full", "s_sni", server_name="sni.example.com", ask="domains")}
REFUSED = {  # what the client is told; TLS 1.2 says less about a missing certificate
    ("none", "require_certificate"): {"1.2": "HANDSHAKE_FAILURE", "1.3": "CERTIFICATE_REQUIRED"},
    ("self", "verify_certificate"): "UNKNOWN_CA", ("unkca", "verify_certificate"): "UNKNOWN_CA",
    ("expired", "verify_certificate"): "CERTIFICATE_EXPIRED",
    ("eku", "verify_certificate"): "UNSUPPORTED_CERTIFICATE"}


class Pki(NamedTuple):
    """What a server of the tests needs."""
    server: object
    ca: object
    bob: object


@pytest.fixture(scope="session")
def certificates():
    folder = tempfile.mkdtemp(prefix="golden-")
    yield Certificates(folder)
    shutil.rmtree(folder, ignore_errors=True)


def chunks(names):
    """Lists of as many names as one request asks for."""
    return [names[i:i + AT_ONCE] for i in range(0, len(names), AT_ONCE)]


def script():
    """A method for each list of names; headers of expressions have numbers."""
    for kind, lists, lines in (("SEL", chunks(SELECTS), select_lines), ("VAR", chunks(VARIABLES), variable_lines)):
        for number, names in enumerate(lists):
            yield f'if ($rm == "{kind}{number}") {{'
            yield from lines(names)
            yield "}"
    yield 'if ($rm == "EXPR") {'
    for number, text in enumerate(EXPRESSIONS):
        yield f'if ({text}) append_to_reply("X-{number}: T\\r\\n"); else append_to_reply("X-{number}: F\\r\\n");'
    yield "}"


def domains(certificates):
    """A tls.cfg: clients that ask for one name see another certificate."""
    common = f"verify_client = optional_no_ca\nca_list = {certificates.ca.cert}\n"
    lines = "".join(f"[server:{where}]\n{common}certificate = {pair.cert}\nprivate_key = {pair.key}\n{name}"
                    for where, pair, name in (
                        ("default", certificates.pairs["s_full"], ""),
                        ("any", certificates.pairs["s_sni"], "server_name = sni.example.com\n")))
    return certificates.write("tls.cfg", lines.encode())


def asking(certificates, ask):
    """Parameters of a server that asks that of its clients."""
    none = {"verify_certificate": None}
    return {"nothing": none,
            "any": none | {"verify_client": "optional_no_ca"},
            "any, crl": none | {"verify_client": "optional_no_ca", "crl": certificates.crl},
            "domains": dict.fromkeys(("certificate", "private_key", "ca_list", "verify_certificate"))
            | {"config": domains(certificates)}}.get(ask, none | {ask: 1})


def serve(share_here, certificates, server, ask, **options):
    """The server with that certificate that asks that of its clients."""
    pairs = certificates.pairs
    return share_here(f"{server} {ask} {sorted(options)}", pki=Pki(pairs[server], certificates.ca, pairs["full"]),
                      tls=asking(certificates, ask), core=("pv_buffer_size=16384",), script=list(script()), **options)


def connect(ser, certificates, case, session=None, index=0):
    """A connection as the case says."""
    pair = certificates.pairs[case.client] if case.client else None
    context = session.context if session else sip.context(pair, case.version, case.suite)
    relayed = case.suite and "SHA256" not in case.suite and "POLY" not in case.suite
    client = sip.TlsClient(ser.address(index), context, session=session and session.session,
                           server_name=case.server_name, offload="user" if relayed else settings.EXPECT)
    client.context = context
    return client


def resume(ser, certificates, case):
    """A second connection that resumes the session of the first."""
    with connect(ser, certificates, case) as first:
        first.ask("MESSAGE")
        first.session = first.tls.session
        client = connect(ser, certificates, case, session=first)
    return client


def value(text):
    """Of a header: H and hexadecimal digits, N for null, T or F."""
    return {"N": None, "T": True, "F": False}[text] if text in "NTF" else bytes.fromhex(text[1:])


def ask_everything(client):
    """The answers by name as in expected.tsv."""
    found = {}
    for sign, kind, lists in (("@", "SEL", chunks(SELECTS)), ("$", "VAR", chunks(VARIABLES))):
        for number, names in enumerate(lists):
            headers = client.ask(f"{kind}{number}").headers
            found.update({sign + name: value(headers["X-" + name]) for name in names})
    headers = client.ask("EXPR").headers
    found.update({f"if({text})": value(headers[f"X-{number}"]) for number, text in enumerate(EXPRESSIONS)})
    return found


def url_encode(text):
    """Percent signs with lower-case digits."""
    return re.sub(rb"%..", lambda found: found[0].lower(), urllib.parse.quote(text, safe="").encode())


def otherwise(name, case, answer):
    """What this module makes of it where docs/selects.md says that it is not as the other: of indexes, and of counts."""
    if "[" in name:
        return answer or None
    if not re.search(r"[._]count[.(]", name):
        return answer
    shown = expected("@tls.peer.version" if "peer" in name else "@tls.me.version", case) is not None
    return (answer or b"0") if shown else None


def recorded_answer(name, case, certificates):
    """What SER's own module answers; certificates have new keys each time."""
    answer = expected(name, case)
    if answer not in (PEM, PEM_URL_ENCODED):
        return answer
    pem = certificates.pem(CASES[case].client if "peer" in name else CASES[case].server)
    return pem if answer == PEM else url_encode(pem)


def check(found, case, certificates):
    """All of them, and which are wrong."""
    wrong = {name: (answer, want) for name, answer in found.items()
             if answer != (want := otherwise(name, case, recorded_answer(name, case, certificates)))}
    assert not wrong, f"{len(wrong)} of {len(found)}: answer, expected: {wrong}"
    assert len(found) == len(ANSWERS)


@pytest.mark.parametrize("name", CASES)
def test_answers(share_here, certificates, name):
    case = CASES[name]
    ser = serve(share_here, certificates, case.server, case.ask)
    with (resume if case.resumed else connect)(ser, certificates, case) as client:
        assert client.tls.session_reused == case.resumed
        check(ask_everything(client), name, certificates)
    assert ser.log_count(r"certificate|not TLS") == 0, "lines about reads"


def test_plain_tcp(share_here, certificates):
    ser = serve(share_here, certificates, "s_full", "verify_certificate", listen=("tls:127.0.0.1", "tcp:127.0.0.1"))
    with sip.Wire(ser.address(1)) as client:
        check(ask_everything(client), "plain-tcp", certificates)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("client,ask", REFUSED)
def test_refused(share_here, certificates, client, ask, version):
    """The alert names the reason."""
    alert = REFUSED[client, ask]
    case = Case(None if client == "none" else client, version=version, ask=ask)
    with pytest.raises(ssl.SSLError, match=alert if isinstance(alert, str) else alert[version]):
        with connect(serve(share_here, certificates, case.server, ask), certificates, case) as connection:
            connection.ask()


def test_every_case_is_known():
    """No answer is recorded for a case that is not tested."""
    recorded = {case for block in ANSWERS.values() for case in block}
    assert recorded - {"*"} <= {*CASES, "plain-tcp"}
