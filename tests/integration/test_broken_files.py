# SPDX-License-Identifier: GPL-2.0-or-later
"""
Files of certificates and keys as they are broken in real life: kamailio -c says of each in one sentence what is wrong,
where, and what to do.
"""
import os
import subprocess

import pytest

import domains


def read(path):
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()


def openssl(*words):
    """What the command prints."""
    return subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60).stdout


def without_lines(pem):
    """Base64 alone."""
    return b"\n".join(line for line in pem.split(b"\n") if not line.startswith(b"-----"))


def pkcs12(pki):
    return openssl("pkcs12", "-export", "-in", pki.server.cert, "-inkey", pki.server.key, "-passout", "pass:")


def request(pki):
    return openssl("req", "-new", "-config", pki.path("openssl.cnf"), "-key", pki.server.key, "-subj", "/CN=a")


def other_ca(pki):
    """A CA that has signed nothing."""
    return pki.make("other-ca", "Other CA", extensions=("basicConstraints=critical,CA:true",))


def short(pki):
    """RSA with 1024 bits."""
    return pki.make("short", "short.example.org", pki.ca, key=("-newkey", "rsa:1024"))


# Attribute that names the broken file, what is in the file, and the sentence behind its name. Where a second attribute
# matters, it is given, too.
CASES = {
    "certificate-der": ("certificate", lambda pki: openssl("x509", "-in", pki.server.cert, "-outform", "DER"),
                        "is in DER; make PEM of it: openssl x509 -inform DER -in FILE -out NEW.pem"),
    "certificate-pkcs12": ("certificate", pkcs12,
                           "is a PKCS #12 file; make PEM of it: openssl pkcs12 -in FILE -nodes -out NEW.pem"),
    "certificate-glued": ("certificate", lambda pki: read(pki.server.cert).rstrip(b"\n") + read(pki.ca.cert),
                          "has parts that are glued together: put a line break between"),
    "certificate-cut-off": ("certificate", lambda pki: read(pki.server.cert)[:300],
                            "is cut off: it has no line -----END ...-----"),
    "certificate-damaged": ("certificate", lambda pki: read(pki.server.cert).replace(b"\nMI", b"\nXX"),
                            "holds a certificate that is damaged: copy it again"),
    "certificate-without-lines": ("certificate", lambda pki: without_lines(read(pki.server.cert)),
                                  "lacks the lines around its contents, such as -----BEGIN CERTIFICATE-----"),
    "certificate-in-utf16": ("certificate", lambda pki: read(pki.server.cert).decode().encode("utf-16"),
                             "is text in UTF-16; save it as plain text"),
    "certificate-is-a-key": ("certificate", lambda pki: read(pki.server.key),
                             "holds no certificate, but a part that begins with '-----BEGIN PRIVATE KEY-----'"),
    "certificate-is-a-key-in-one-line": ("certificate", lambda pki: read(pki.server.key).replace(b"\n", b"\\n"),
                                         "holds no certificate, but a part that begins with "
                                         "'-----BEGIN PRIVATE KEY-----'"),
    "certificate-is-a-request": ("certificate", request,
                                 "is a request for a certificate; name the certificate that the CA has made of it"),
    "certificate-is-a-page": ("certificate", lambda pki: b"<html>404</html>\n",
                              "is no PEM file: it has no line -----BEGIN CERTIFICATE-----"),
    "chain-in-wrong-order": ("certificate", lambda pki: read(pki.ca.cert) + read(pki.server.cert),
                             "the certificate that belongs to the key is number 2 in "),
    "key-der": ("private_key", lambda pki: openssl("pkey", "-in", pki.server.key, "-outform", "DER"),
                "is in DER; make PEM of it: openssl pkey -inform DER -in FILE -out NEW.pem"),
    "key-encrypted": ("private_key", lambda pki: read(pki.encrypted(pki.server, "secret").key),
                      "is encrypted; set its password (a token's PIN) beside it"),
    "key-is-public": ("private_key", lambda pki: openssl("pkey", "-in", pki.server.key, "-pubout"),
                      "holds no private key, but a part that begins with '-----BEGIN PUBLIC KEY-----'"),
    "key-is-a-certificate": ("private_key", lambda pki: read(pki.server.cert),
                             "holds no private key, but a part that begins with '-----BEGIN CERTIFICATE-----'"),
    "key-of-openssh": ("private_key", lambda pki: b"-----BEGIN OPENSSH PRIVATE KEY-----\nAA==\n"
                                                  b"-----END OPENSSH PRIVATE KEY-----\n",
                       "is a key of OpenSSH; make PEM of a copy: ssh-keygen -p -m PEM -f COPY"),
    "key-of-another": ("private_key", lambda pki: read(pki.bob.key), "does not belong to the certificate in "),
    "ca-der": ("ca_list", lambda pki: openssl("x509", "-in", pki.ca.cert, "-outform", "DER"),
               "is in DER; make PEM of it: openssl x509"),
    "ca-glued": ("ca_list", lambda pki: read(pki.ca.cert).rstrip(b"\n") + read(other_ca(pki).cert),
                 "has parts that are glued together"),
    "ca-is-a-key": ("ca_list", lambda pki: read(pki.ca.key), "holds no certificate, but a part that begins with"),
    "crl-der": ("crl", lambda pki: openssl("crl", "-in", pki.crl, "-outform", "DER"),
                "is in DER; make PEM of it: openssl crl"),
    "crl-is-a-certificate": ("crl", lambda pki: read(pki.ca.cert),
                             "holds no revocation list, but a part that begins with"),
}


@pytest.fixture
def config(refused, pki):
    """config(VALUES) is a server whose [server:default] has them besides what is good."""
    def make(values):
        return refused(tls=domains.from_file(domains.section("server:default", pki.server, **values)))
    return make


def complaint(log, level, attribute):
    """The lines of that level about that attribute of the section."""
    return [line for line in log.split("\n") if f" {level}: tls: " in line and f" [server:default]: {attribute}: " in line]


@pytest.mark.parametrize("case", CASES)
def test_sentence(config, pki, tmp_path, case):
    attribute, contents, sentence = CASES[case]
    path = tmp_path / "file"
    path.write_bytes(contents(pki))
    code, log = config({attribute: str(path)}).run_to_end("-c")
    assert code != 0, log
    line, = complaint(log, "ERROR", attribute)
    assert str(path) in line and sentence in line, line
    assert "tls.cfg:" in line, line


def test_key_too_short(config, pki):
    pair = short(pki)
    code, log = config({"certificate": pair.cert, "private_key": pair.key}).run_to_end("-c")
    assert code != 0, log
    line, = complaint(log, "ERROR", "certificate")
    assert f"'{pair.cert}' has a key that is too short for OpenSSL's security level; use RSA with 2048 bits" in line


def test_chain_with_a_gap(config, pki, tmp_path):
    """It is taken, for who has all the CAs does not care."""
    path = tmp_path / "chain.pem"
    path.write_bytes(read(pki.server.cert) + read(other_ca(pki).cert))
    code, log = config({"certificate": str(path)}).run_to_end("-c")
    assert code == 0, log
    line, = complaint(log, "WARNING", "certificate")
    assert f"certificate number 2 in '{path}' did not sign number 1" in line


def test_whole_chain_is_no_gap(config, pki, tmp_path):
    path = tmp_path / "chain.pem"
    path.write_bytes(read(pki.server.cert) + read(pki.ca.cert))
    code, log = config({"certificate": str(path)}).run_to_end("-c")
    assert code == 0 and not complaint(log, "WARNING", "certificate"), log


def test_expired(config, pki):
    pair = pki.expired("old", "old.example.org")
    code, log = config({"certificate": pair.cert, "private_key": pair.key}).run_to_end("-c")
    assert code == 0, log
    line, = complaint(log, "WARNING", "certificate")
    assert "is no longer valid since Jan  1 00:00:00 2021 GMT; peers will refuse it" in line


@pytest.mark.parametrize("attribute", ["certificate", "private_key", "ca_list", "crl"])
def test_no_file(config, tmp_path, attribute):
    """A folder, an empty file, none, and one that may not be read."""
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    for path, sentence in ((tmp_path, "is not a file; name a PEM file"), (empty, "is empty; name a PEM file"),
                           (tmp_path / "missing", "cannot read")):
        code, log = config({attribute: str(path)}).run_to_end("-c")
        assert code != 0, log
        line, = complaint(log, "ERROR", attribute)
        assert str(path) in line and sentence in line, line


@pytest.mark.parametrize("parameter, advice", [("config", "name a file or folder that the server's user may read"),
                                               ("session_ticket_keys", "name a file that SER's user may read")])
def test_no_file_of_the_module(refused, tmp_path, parameter, advice):
    path = str(tmp_path / "missing")
    away = domains.AWAY if parameter == "config" else {}
    code, log = refused(tls={**away, parameter: path}).run_to_end("-c")
    assert code != 0, log
    assert f"ERROR: tls: {parameter}: cannot read '{path}': No such file or directory; {advice}" in log, log


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run it as nobody")
def test_unreadable(config, pki):
    """The pki's folder is root's."""
    code, log = config({}).run_to_end("-c", "-u", "nobody", "-g", "nogroup")
    assert code != 0, log
    line, = complaint(log, "ERROR", "certificate")
    assert f"cannot read '{pki.server.cert}': Permission denied; name a PEM file that the server's user may read" in line
