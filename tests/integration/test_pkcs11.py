# SPDX-License-Identifier: GPL-2.0-or-later
"""
Private keys that never leave a token: OpenSSL's PKCS#11 provider with SoftHSM. Debian 12 has the provider in
bookworm-backports only, so these tests skip where it is not installed; PKCS11_PROVIDER is its path elsewhere.
"""
import glob
import os
import re
import shutil
import subprocess

import pytest

import settings
import sip
from manual import block

PIN = "1234"
PROVIDER = os.environ.get("PKCS11_PROVIDER") or next(iter(glob.glob("/usr/lib/*/ossl-modules/pkcs11.so")), None)
TOKEN = next(iter(glob.glob("/usr/lib/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/*/softhsm/libsofthsm2.so")), None)
MISSING = ", ".join(name for name, found in (
    ("pkcs11-provider (Debian 12: apt install -t bookworm-backports pkcs11-provider)", PROVIDER),
    ("softhsm2", TOKEN and shutil.which("softhsm2-util"))) if not found)
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"keys in a token are NOT tested, missing: {MISSING}"),
    pytest.mark.skipif(bool(settings.PRELOAD), reason="sanitizers refuse the provider's dlopen() with RTLD_DEEPBIND")]


def on_the_page():
    """docs/parameters.md: openssl.cnf with this machine's files, and modparams."""
    text = block("docs/parameters.md", "# openssl.cnf")
    for name, value in (r"module = (.*)", PROVIDER), (r"pkcs11-module-path = (.*)", TOKEN):
        theirs, = re.findall(f"^{name}$", text, re.M)
        text = text.replace(f" = {theirs}\n", f" = {value}\n")
    return text.split("\n# SER's configuration\n")


class Token:
    """A token with a key of each pair, whose files it does not need."""

    def __init__(self, folder, pairs):
        self.environment = {"OPENSSL_CONF": str(folder / "openssl.cnf"), "SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
        (folder / "tokens").mkdir()
        (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
        (folder / "openssl.cnf").write_text(on_the_page()[0])
        self.run("--init-token", "--free", "--label", "ser", "--so-pin", PIN, "--pin", PIN)
        for number, (label, pair) in enumerate(pairs.items()):
            plain = str(folder / f"{label}.p8")
            subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", pair.key, "-out", plain], check=True,
                           timeout=settings.PATIENCE)
            self.run("--import", plain, "--token", "ser", "--label", label, "--id", f"0{number + 1}", "--pin", PIN)
            os.unlink(plain)

    def run(self, *arguments):
        """softhsm2-util, without the provider: SoftHSM uses OpenSSL itself."""
        subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True, timeout=settings.PATIENCE,
                       env={**os.environ, "SOFTHSM2_CONF": self.environment["SOFTHSM2_CONF"]})

    @staticmethod
    def key(label, pin="?pin-value=" + PIN):
        """As the parameter private_key has it."""
        return f"/uri:pkcs11:token=ser;object={label};type=private{pin}"


@pytest.fixture(scope="module")
def token(tmp_path_factory, pki):
    """One for all tests here."""
    return Token(tmp_path_factory.mktemp("token"), {"server": pki.server, "rsa": pki.server_rsa})


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("label", ["server", "rsa"])
def test_handshakes(share_here, pki, token, label, version):
    """Both of two engines sign with the token's key."""
    pair = {"server": pki.server, "rsa": pki.server_rsa}[label]
    ser = share_here(label, environment=token.environment,
                     tls={"certificate": pair.cert, "private_key": token.key(label), "engines": 2})
    for _ in range(8):
        with sip.TlsClient(ser.address(), sip.context(pki.bob, version)) as client:
            answer = client.ask()
            assert answer.select("tls.me") == pair.name and answer.select("tls.peer") == "Bob"


def test_pin_as_password(start, pki, token):
    """The PIN may stand beside the URI, as the page has it."""
    own = dict(re.findall(r'^modparam\("tls", "(\w+)", "(.*)"\)', on_the_page()[1], re.M))
    assert own == {"private_key": token.key("server", ""), "private_key_password": PIN}
    ser = start(environment=token.environment, tls={"certificate": pki.server.cert, **own})
    for _ in range(2):
        with sip.TlsClient(ser.address()) as client:
            client.ask()
        ser.text("tls.reload")


def test_reload_and_death(start, pki, token):
    """New engines log in to the token anew."""
    ser = start(environment=token.environment, tls={"certificate": pki.server.cert, "private_key": token.key("server")})
    ser.accept("the TLS engine .* died")
    for _ in range(3):
        ser.text("tls.reload")
        with sip.TlsClient(ser.address()) as client:
            client.ask()
    before = ser.engines()[0]["pid"]
    os.kill(before, 9)
    ser.settle(lambda: ser.engines()[0]["pid"] not in (0, before), "another engine")
    for _ in range(3):
        with sip.TlsClient(ser.address()) as client:
            client.ask()
    ser.wait_idle()


def test_confinement(start, refused, pki, token):
    """The token's library may need files and calls; all else that the kernel offers holds, and a line says why."""
    tls = {"certificate": pki.server.cert, "private_key": token.key("server")}
    plain = set(start().info("tls.engines")["confined"].split(", "))
    ser = start(environment=token.environment, tls=tls)
    with sip.TlsClient(ser.address()) as client:
        client.ask()
    assert set(ser.info("tls.engines")["confined"].split(", ")) == plain - {"files", "system calls"}
    needs = "the provider of a private key's URI needs files and system calls"
    assert ser.log_count(rf"NOTICE: tls: the TLS engine is confined in part \(.*\): {needs}$") == 1, ser.log()
    code, log = refused(environment=token.environment, tls=tls | {"engine_confinement": 2}).run_to_end("-DD")
    assert code and f"engine_confinement is 2, but {needs}" in log, log


@pytest.mark.parametrize("key, reason", [
    (Token.key("nobody"), "leads to no private key"),
    (Token.key("server", "?pin-value=4321"), "leads to no private key"),
    (Token.key("server", ""), "set its password (a token's PIN) beside it"),
    ("/engine:pkcs11:token=ser;object=server", "which OpenSSL 3 retires"),
    (Token.key("rsa"), "does not belong to"),
])
def test_mistakes(refused, pki, token, key, reason):
    """One sentence at the start and for kamailio -c, without the PIN."""
    ser = refused(environment=token.environment, tls={"certificate": pki.server.cert, "private_key": key})
    for options in ("-DD",), ("-c",):
        code, log = ser.run_to_end(*options)
        assert code and reason in log and "private_key" in log, log
        assert "pin-value" not in log


def test_check(refused, pki, token):
    """kamailio -c finds the key."""
    ser = refused(environment=token.environment, tls={"certificate": pki.server.cert, "private_key": token.key("server")})
    code, log = ser.run_to_end("-c")
    assert not code, log


def test_without_provider(refused, pki, token):
    """What is missing is named."""
    ser = refused(environment={**token.environment, "OPENSSL_CONF": "/dev/null"},
                  tls={"certificate": pki.server.cert, "private_key": token.key("server")})
    code, log = ser.run_to_end("-DD")
    assert code and "loads the provider of the URI's scheme" in log, log
