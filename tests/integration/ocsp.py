# SPDX-License-Identifier: GPL-2.0-or-later
"""OCSP responses about certificates of the demo CA, made with openssl ocsp, and a responder that gives them."""
import contextlib
import datetime
import http.server
import os
import re
import subprocess
import tempfile
import threading

from pki import RSA

MUST_STAPLE = "tlsfeature=status_request"
TRY_LATER = bytes.fromhex("30030a0103")
OID_OCTETS = b"\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01\x04"  # id-pkix-ocsp-basic, and the tag of what follows it


def openssl(*words, data=b""):
    """What the command prints."""
    done = subprocess.run(["openssl", *words], input=data, capture_output=True, check=False, timeout=120)
    assert not done.returncode, (words, done.stderr)
    return done.stdout


def serial(pair):
    """The number of a certificate, in hexadecimal."""
    return openssl("x509", "-in", pair.cert, "-noout", "-serial").decode().strip().split("=")[1]


def content(der, at):
    """Where the content of the DER element that begins there begins and ends."""
    size = der[at + 1]
    head = 2 + (size & 0x7f if size & 0x80 else 0)
    return at + head, at + head + (int.from_bytes(der[at + 2:at + head], "big") if size & 0x80 else size)


class Authority:
    """The demo CA's responder: a certificate of its own, so that a signature has always the same length."""

    def __init__(self, pki):
        self.pki = pki
        self.signer = pki.make("responder", "Responder", pki.ca, ("extendedKeyUsage=OCSPSigning",), key=RSA)

    def index(self, pair, status):
        """The CA's list with one certificate, or without it (status None)."""
        handle, path = tempfile.mkstemp(prefix="index-", dir=self.pki.folder)
        with open(handle, "w", encoding="ascii") as file:
            if status:
                revoked = "200101000000Z" if status == "R" else ""
                file.write(f"{status}\t490101000000Z\t{revoked}\t{serial(pair)}\tunknown\t/CN={pair.name}\n")
        return path

    def signing(self, pair, status="V"):
        """The part of a command that signs."""
        return ("-index", self.index(pair, status), "-CA", self.pki.ca.cert, "-rsigner", self.signer.cert,
                "-rkey", self.signer.key)

    def response(self, pair, status="V", until=None):
        """The path of a response that is good for a day, or until then."""
        handle, path = tempfile.mkstemp(prefix="ocsp-", dir=self.pki.folder)
        os.close(handle)
        openssl("ocsp", *self.signing(pair, status), "-issuer", self.pki.ca.cert, "-cert", pair.cert, "-ndays", "1",
                "-noverify", "-respout", path)
        if until is not None:
            self.rewrite(path, until)
        return path

    def rewrite(self, path, until):
        """Changes nextUpdate, which is the last time in it, and signs again."""
        with open(path, "rb") as file:
            der = file.read()
        basic, _ = content(der, der.index(OID_OCTETS) + len(OID_OCTETS) - 1)
        begin, _ = content(der, basic)
        data = der[begin:content(der, begin)[1]]
        times = re.findall(rb"20\d{12}Z", data)
        text = datetime.datetime.fromtimestamp(until, datetime.timezone.utc).strftime("%Y%m%d%H%M%SZ")
        new = data.replace(times[-1], text.encode())
        old_signature, signature = (openssl("dgst", "-sha256", "-sign", self.signer.key, data=signed)
                                    for signed in (data, new))
        assert der.count(data) == 1 and der.count(old_signature) == 1
        with open(path, "wb") as file:
            file.write(der.replace(data, new).replace(old_signature, signature))

    @contextlib.contextmanager
    def responder(self, port, pairs):
        """Answers at http://127.0.0.1:port/NAME about the pair of that name, while there is one in the dictionary."""
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request."""

            def do_POST(self):  # pylint: disable=invalid-name
                """With the request in DER."""
                request = self.rfile.read(int(self.headers["Content-Length"]))
                pair = pairs.get(self.path.strip("/"))
                answer = authority.answer(pair, request) if pair else TRY_LATER
                self.send_response(200)
                self.send_header("Content-Type", "application/ocsp-response")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                """Nowhere."""

        with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()

    def answer(self, pair, request):
        """The response to a request in DER."""
        with tempfile.TemporaryDirectory(dir=self.pki.folder) as folder:
            asked, told = os.path.join(folder, "request"), os.path.join(folder, "response")
            with open(asked, "wb") as file:
                file.write(request)
            openssl("ocsp", *self.signing(pair), "-reqin", asked, "-ndays", "1", "-respout", told)
            with open(told, "rb") as file:
                return file.read()
