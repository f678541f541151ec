# SPDX-License-Identifier: GPL-2.0-or-later
"""A demo certificate authority and what it signs, made with the openssl command."""
import os
import subprocess
from typing import NamedTuple

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
RSA = ("-newkey", "rsa:2048")
# The distribution's openssl.cnf would make every self-signed certificate a CA.
CONFIG = "[req]\ndistinguished_name=dn\n[dn]\n"


class Pair(NamedTuple):
    """A certificate and its key, and the common name in it."""
    cert: str
    key: str
    name: str


class Pki:
    """The certificates of one test session, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        with open(self.path("openssl.cnf"), "w", encoding="ascii") as config:
            config.write(CONFIG)
        self.ca = self.make("ca", "Demo CA", extensions=("basicConstraints=critical,CA:true",))
        self.server = self.make("server", "sip.example.org", self.ca, ("subjectAltName=DNS:sip.example.org",))
        self.server_rsa = self.make("server-rsa", "rsa.example.org", self.ca, key=RSA)
        self.bob = self.make("bob", "Bob", self.ca)
        self.stranger = self.make("stranger", "Stranger")
        self.one, self.two = (self.make(f"sni{number}", f"sni{number}.example.org", self.ca,
                                        (f"subjectAltName=DNS:sni{number}.example.org",)) for number in (1, 2))
        self.revoked = self.make("revoked", "Revoked", self.ca)
        self.crl = self.revoke(self.revoked)

    def path(self, name):
        """Of a file in the folder."""
        return os.path.join(self.folder, name)

    def make(self, name, common_name, issuer=None, extensions=(), key=EC):
        """A new pair; without an issuer it signs itself."""
        pair = Pair(self.path(name + ".crt"), self.path(name + ".key"), common_name)
        command = ["openssl", "req", "-x509", "-config", self.path("openssl.cnf"), *key, "-nodes",
                   "-days", "30", "-subj", f"/O=Demo/CN={common_name}",
                   "-keyout", pair.key, "-out", pair.cert]
        if issuer:
            command += ["-CA", issuer.cert, "-CAkey", issuer.key]
        for extension in extensions:
            command += ["-addext", extension]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return pair

    def authority(self, *what):
        """Has the CA do something that the other command cannot."""
        with open(self.path("ca.cnf"), "w", encoding="ascii") as config:
            config.write(f"[ca]\ndefault_ca=it\n[it]\ndatabase={self.path('index')}\n"
                         f"new_certs_dir={self.folder}\nrand_serial=yes\npolicy=any\n"
                         "default_md=sha256\ndefault_crl_days=30\n[any]\ncommonName=supplied\n")
        with open(self.path("index"), "w", encoding="ascii"):
            pass
        for one in what:
            subprocess.run(["openssl", "ca", "-batch", "-config", self.path("ca.cnf"), "-cert", self.ca.cert,
                            "-keyfile", self.ca.key, *one], check=True, capture_output=True, timeout=120)

    def revoke(self, pair):
        """The CA's revocation list with that certificate in it."""
        path = self.path("crl.pem")
        self.authority(("-revoke", pair.cert), ("-gencrl", "-out", path))
        return path

    def expired(self, name, common_name):
        """A pair that was valid in 2020."""
        return self.dated(name, common_name, "20200101000000Z", "20210101000000Z")

    def dated(self, name, common_name, begin, end):
        """A pair that is valid at that time."""
        pair, request = Pair(self.path(name + ".crt"), self.path(name + ".key"), common_name), self.path(name + ".csr")
        subprocess.run(["openssl", "req", "-new", "-config", self.path("openssl.cnf"), *EC, "-nodes", "-subj",
                        f"/CN={common_name}", "-keyout", pair.key, "-out", request],
                       check=True, capture_output=True, timeout=120)
        self.authority(("-in", request, "-notext", "-out", pair.cert, "-startdate", begin, "-enddate", end))
        return pair

    def encrypted(self, pair, password):
        """The pair with its key in a file that asks for a password."""
        path = pair.key + ".encrypted"
        subprocess.run(["openssl", "pkey", "-in", pair.key, "-aes256", "-passout", "pass:" + password, "-out", path],
                       check=True, capture_output=True, timeout=120)
        return pair._replace(key=path)
