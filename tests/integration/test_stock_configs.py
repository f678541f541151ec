# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the stock module starts with, ours starts with, or docs/migrating.md names it with the reason. Both modules are tried
with each configuration.
"""
import os
import re
import time

import pytest

import domains
import settings
from server import MODULES

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
STOCK = os.path.join(MODULES, "tls.so")
pytestmark = pytest.mark.skipif(not os.path.exists(STOCK), reason=f"there is no stock module at {STOCK}")

CERT, KEY, BOTH = "{cert}", "{key}", "{both}"
GOOD = f"[server:default]\ncertificate = {CERT}\nprivate_key = {KEY}\n"
ANY = f"[server:any]\ncertificate = {CERT}\nprivate_key = {KEY}\nserver_name = "
CLIENT = "[client:127.0.0.1:5999]\n"
SERVER = f"[server:127.0.0.1:{{port}}]\ncertificate = {CERT}\nprivate_key = {KEY}\n"

# tls.cfg, with what docs/migrating.md says where ours refuses it.
FILES = {
    "good": (GOOD, None),
    "default-twice": (GOOD + GOOD, None),
    "name-twice": (f"{GOOD}{ANY}a\n{ANY}a\n", None),
    "address-twice": (f"{GOOD}{CLIENT}verify_depth = 3\n{CLIENT}verify_depth = 4\n", None),
    "server-address-twice": (f"{GOOD}{SERVER}{SERVER}", None),
    "server-address-and-name-twice": (f"{SERVER}server_name = a\n{SERVER}server_name = a\n{GOOD}", None),
    "key-with-certificate": (f"[server:default]\ncertificate = {BOTH}\nprivate_key = {BOTH}\n", None),
    **{f"empty-{name}": (f'{GOOD}{name} = ""\n', None)
       for name in ("ca_list", "ca_path", "server_name", "server_id", "verify_depth", "server_name_mode")},
    **{f"empty-{name}-of-client": (f'{GOOD}[client:default]\n{name} = ""\n', None)
       for name in ("certificate", "private_key", "ca_list", "ca_path", "server_name", "server_id")},
    "empty-private-key": (f'[server:default]\ncertificate = {CERT}\nprivate_key = ""\n', "a certificate without its key"),
    "no-certificate": ('[server:default]\ncertificate = ""\nprivate_key = ""\n', "a certificate without its key"),
    "client-without-key": (f"{GOOD}[client:default]\ncertificate = {CERT}\n", None),
    **{f"depth{depth}": (f'{GOOD}verify_depth = "{depth}"\n', None) for depth in ("1000", "-1", "-5", "+5", "07")},
    "name-mode-7": (f"{GOOD}{ANY}a\nserver_name_mode = 7\n", None),
    "wildcard": (f"{GOOD}{ANY}*.example.org\n", None),
    "name-with-blank": (f'{GOOD}{ANY}"a b"\n', None),
    "name-in-utf8": (f'{GOOD}{ANY}"b\u00fc.example.org"\n', None),
    "name-too-long": (f"{GOOD}{ANY}{'a' * 300}\n", "more than 255 characters"),
    "name-of-a-dot": (f"{GOOD}{ANY}.\n", "nothing but a dot"),
    "newline-in-value": (f'{GOOD}{ANY}"a\nb"\n', "line breaks or control characters"),
    "escaped-newline-in-name": (f'{GOOD}{ANY}"a\\nb"\n', "line breaks or control characters"),
    "control-character": (f'{GOOD}{ANY}"a\x01b"\n', "line breaks or control characters"),
    "no-value-at-the-end": (f"{GOOD}ca_list =", "without a value"),
    "address-with-zeros": (f"{GOOD}[client:127.000.000.001:5999]\n", "leading zeros"),
    "port-99999": (f"{GOOD}[client:127.0.0.1:99999]\n", "a port above 65535"),
    "no-folder-of-cas": (f"{GOOD}ca_path = /no/such/folder\n", None),
    "list-without-revocations": (f"{GOOD}crl = {CERT}\n", "without a revocation list"),
    **{f"method-{name}": (f"{GOOD}method = {name}\n", None)
       for name in ("SSLv23", "TLSv1+", "TLSv1.0+", "TLSv1.1+", "TLSv1.2", "TLSv1.2+", "tlsv1.2")},
    **{f"method-{name}": (f"{GOOD}method = {name}\n", "only TLS 1.0 or 1.1") for name in ("TLSv1", "TLSv1.0", "TLSv1.1")},
    "engine-key": (f"[server:default]\ncertificate = {CERT}\nprivate_key = /engine:key\n", "`/engine:`"),
    "carriage-returns": (GOOD.replace("\n", "\r\n"), None),
    "words": (f"{GOOD}verify_client = Optional_No_CA\nverify_certificate = On\nrequire_certificate = Enabled\n", None),
    "value-twice": (f"{GOOD}verify_depth = 3\nverify_depth = 4\n", None),
    "weak-suites": (f"{GOOD}cipher_list = aNULL\n", None),
    "some-unknown-suite": (f"{GOOD}cipher_list = NONESUCH:HIGH\n", None),
}

# The same for modparams.
PARAMETERS = [
    ("tls_log", 100, None), ("tls_log", -10, None), ("connection_timeout", 0, None), ("connection_timeout", -5, None),
    ("low_mem_threshold1", -5, None), ("con_ct_wq_max", 0, None), ("con_ct_wq_max", 2**31 - 1, None), ("ct_wq_max", 0, None),
    ("ct_wq_max", 2**31 - 1, None), ("verify_certificate", 2, None), ("require_certificate", -1, None),
    ("verify_depth", 1000, None), ("verify_depth", -1, None), ("ca_list", "", None), ("ca_path", "", None),
    ("ca_path", "/no/such/folder", None), ("server_name", "", None), ("server_name", "*.example.org", None),
    ("xavp_cfg", "", None), ("event_callback", "", None), ("session_id", "", None), ("engine", "NONE", None),
    ("ssl_max_send_fragment", -5, None), ("send_close_notify", 5, None), ("verify_client", "ON", None),
    ("tls_method", "TLSv1", "only TLS 1.0 or 1.1"), ("private_key", "", "a certificate without its key"),
]


@pytest.fixture
def files(tmp_path, pki):
    both = tmp_path / "both.pem"
    with open(pki.server.cert, encoding="ascii") as cert, open(pki.server.key, encoding="ascii") as key:
        both.write_text(cert.read() + key.read())
    return {"{cert}": pki.server.cert, "{key}": pki.server.key, "{both}": str(both)}


def starts(ser):
    """It does so far as to answer commands."""
    ser.spawn("-DD")
    end = time.monotonic() + settings.PATIENCE
    while ser.process.poll() is None:
        assert time.monotonic() < end, ser.log()
        try:
            ser.text("core.version")
            return True
        except AssertionError:
            time.sleep(0.05)
    return False


def check_engines(name):
    """Debian 13's stock module was built without OpenSSL's engines."""
    with open(STOCK, "rb") as module:
        if name.startswith("engine") and b"/engine:" not in module.read():
            pytest.skip("this stock module knows no engines")


def check(refused, tls, named):
    """Of both modules."""
    stock, ours = refused(tls=tls), refused(tls=tls)
    with open(stock.config, encoding="utf-8") as config:
        text = config.read()
    with open(stock.config, "w", encoding="utf-8") as config:
        config.write(text.replace(f'"{settings.MODULE}"', f'"{STOCK}"'))
    assert starts(stock), f"this is of no interest, because the stock module refuses it:\n{stock.log()}"
    stock.kill()
    if not named:
        assert starts(ours), ours.log()
        ours.check_log()
        return
    assert not starts(ours)
    with open(os.path.join(ROOT, "docs", "migrating.md"), encoding="utf-8") as page:
        refusals = re.search(r"^## What we refuse\n(.*?)^## ", page.read(), re.M | re.S)[1]
    assert named in refusals


@pytest.mark.parametrize("case", FILES)
def test_file(refused, files, case):
    check_engines(case)
    text, named = FILES[case]
    for word, path in files.items():
        text = text.replace(word, path)

    def config(server):
        path = domains.write(server, "")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text.replace("{port}", str(server.ports[0][1])))
        return path
    check(refused, {**domains.AWAY, "config": config, "tls_log": None}, named)


@pytest.mark.parametrize("name, value, named", PARAMETERS, ids=str)
def test_parameter(refused, name, value, named):
    check_engines(name)
    check(refused, {"tls_log": None, name: value}, named)
