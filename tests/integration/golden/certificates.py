# SPDX-License-Identifier: GPL-2.0-or-later
"""
Certificates whose fields expected.tsv knows: names in several encodings, alternative names good and odd, serial
numbers and dates, all fixed. Keys are made anew each time. The numbers and texts are those for which answers of
SER's own module were recorded.
"""
import datetime
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.name import _ASN1Type as Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID as Oid

from pki import Pair

PARTS = {"C": Oid.COUNTRY_NAME, "ST": Oid.STATE_OR_PROVINCE_NAME, "L": Oid.LOCALITY_NAME, "O": Oid.ORGANIZATION_NAME,
         "OU": Oid.ORGANIZATIONAL_UNIT_NAME, "UID": Oid.USER_ID, "CN": Oid.COMMON_NAME, "E": Oid.EMAIL_ADDRESS}
EMAIL, DNS, URI, IP = 1, 2, 6, 7  # tags of GeneralName (RFC 5280)
CLIENT, SERVER = (Usage.CLIENT_AUTH,), (Usage.SERVER_AUTH, Usage.CLIENT_AUTH)


def utc(*when):
    """A time."""
    return datetime.datetime(*when, tzinfo=datetime.timezone.utc)


BEGIN, END = utc(2024, 1, 2, 3, 4, 5), utc(2039, 12, 31, 23, 59, 59)


def name(*parts):
    """A distinguished name. A part is (type, text) or (type, text, encoding); a list of them shares one RDN."""
    def attribute(kind, text, encoding=None):
        return x509.NameAttribute(PARTS[kind], text, encoding, _validate=False)
    return x509.Name([x509.RelativeDistinguishedName([attribute(*one) for one in
                                                      (part if isinstance(part, list) else [part])])
                      for part in parts])


def element(tag, content):
    """DER: tag, length, content."""
    length = len(content)
    size = bytes([length]) if length < 128 else \
        (lambda octets: bytes([128 + len(octets)]) + octets)(length.to_bytes((length.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + size + content


def raw_names(*names):
    """Alternative names of any bytes: (tag, content)."""
    return x509.UnrecognizedExtension(x509.oid.ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
                                      element(0x30, b"".join(element(0x80 | tag, text) for tag, text in names)))


def names_of(who):
    """Two and more of each kind, behind kinds that nobody asks for."""
    other = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), element(0x0c, b"other"))
    texts = [x509.RFC822Name(f"{who}@a.example"), x509.RFC822Name(f"{who}2@b.example"),
             x509.DNSName(f"{who}.example.org"), x509.DNSName("*.example.org"), x509.DNSName("xn--mnchen-3ya.example"),
             x509.UniformResourceIdentifier("sip:example.org"),
             x509.UniformResourceIdentifier(f"sip:{who}@example.org"),
             x509.UniformResourceIdentifier("sips:example.net")]
    addresses = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("192.0.2.10", "2001:db8::1")]
    return x509.SubjectAlternativeName([other, x509.DirectoryName(name(("CN", "dir"))),
                                        x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")), *texts, *addresses])


def dns(text):
    """One host."""
    return x509.SubjectAlternativeName([x509.DNSName(text)])


def full_name(common, uid):
    """A name with all parts, some twice."""
    return name(("C", "DE"), ("ST", "Bayern"), ("L", "München"), ("O", "Größe & Söhne GmbH"), ("OU", "Sales"),
                ("OU", "Développement"), ("UID", uid), ("CN", common), ("E", f"{uid}@subject.example"))


ROOT = name(("C", "AT"), ("ST", "Kärnten"), ("L", "Villach"), ("O", "Prüf-CA GmbH"), ("OU", "Root One"),
            ("OU", "Root Two"), ("UID", "ca-uid"), ("CN", "Golden Root CA"), ("E", "ca@root.example"))


def common_name(text):
    """Nothing but a common name."""
    return name(("CN", text))


class Authority:
    """A name and a key that sign."""

    def __init__(self, subject, key=None):
        self.subject, self.key = subject, key or ec.generate_private_key(ec.SECP256R1())


class Certificates:
    """All of them, as PEM files in a folder; self.pairs by name."""

    def __init__(self, folder):
        self.folder, self.pairs = folder, {}
        self.root = Authority(ROOT)
        self.make("ca", ROOT, 1, usage=None, authority=True, key=self.root.key)
        self.ca = self.pairs["ca"]
        middle = Authority(common_name("Golden Intermediate"))
        self.make("middle", middle.subject, 3, usage=None, authority=True, key=middle.key)
        self.make_servers()
        self.make_clients(middle)
        self.crl = self.make_list(0x201a)

    def write(self, file, data):
        """A file of the folder; gives its path."""
        path = os.path.join(self.folder, file)
        with open(path, "wb") as out:
            out.write(data)
        return path

    def keep(self, label, pem, key):
        """Puts certificate and key down."""
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                    serialization.NoEncryption())
        self.pairs[label] = Pair(self.write(label + ".crt", pem), self.write(label + ".key", private), label)

    def builder(self, subject, serial, issuer, key, dates):
        """The parts that every certificate has."""
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject)
                .public_key(key.public_key()).serial_number(serial)
                .not_valid_before(dates[0]).not_valid_after(dates[1]))

    def make(self, label, subject, serial, *, names=None, critical=False, usage=CLIENT, issuer=None, key=None,
             dates=(BEGIN, END), authority=False, below=()):
        """A pair signed by issuer, the root unless told; below: certificates that follow in its file."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        issuer = issuer or self.root
        made = self.builder(subject, serial, issuer, key, dates)
        if authority:
            made = made.add_extension(x509.BasicConstraints(True, None), True)
        if names:
            made = made.add_extension(names, critical)
        if usage:
            made = made.add_extension(x509.ExtendedKeyUsage(usage), False)
        pem = made.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.keep(label, pem + b"".join(self.pem(other) for other in below), key)

    def make_version_1(self, label, subject, serial):
        """Without the version and without extensions, which the library cannot make by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self.builder(subject, serial, self.root, key, (BEGIN, END)).sign(self.root.key, hashes.SHA256())
        body = made.tbs_certificate_bytes
        version = element(0xa0, b"\x02\x01\x02")
        content = element(0x30, body[body.index(version) + len(version):])
        signature = self.root.key.sign(content, ec.ECDSA(hashes.SHA256()))
        algorithm = element(0x30, bytes.fromhex("06082a8648ce3d040302"))  # ecdsa-with-SHA256
        der = element(0x30, content + algorithm + element(0x03, b"\0" + signature))
        self.keep(label, x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM), key)

    def make_list(self, serial):
        """The root's revocation list with one number in it."""
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(BEGIN).build()
        made = (x509.CertificateRevocationListBuilder().issuer_name(self.root.subject).last_update(BEGIN)
                .next_update(END).add_revoked_certificate(revoked).sign(self.root.key, hashes.SHA256()))
        return self.write("crl.pem", made.public_bytes(serialization.Encoding.PEM))

    def pem(self, label):
        """The first certificate of a file."""
        with open(self.pairs[label].cert, "rb") as file:
            end = b"-----END CERTIFICATE-----\n"
            return file.read().split(end)[0] + end

    def make_servers(self):
        """What the server shows."""
        self.make("s_full", full_name("sip.example.org", "srv-1"), 0x1001, names=names_of("srv"), usage=SERVER,
                  key=rsa.generate_private_key(65537, 2048))
        self.make("s_bare", common_name("bare-server"), 0x1002, usage=None)
        self.make("s_sni", common_name("sni.example.com"), 0x1003, names=dns("sni.example.com"), usage=SERVER)
        self.make("s_nocn", name(("O", "No CN Org")), 0x1004, usage=SERVER,
                  names=x509.SubjectAlternativeName([x509.UniformResourceIdentifier("sip:nocn.example"),
                                                     x509.DNSName("nocn.example")]))

    def make_clients(self, middle):
        """What clients show."""
        self.make("full", full_name("Bob", "u-1001"), 0x2001, names=names_of("bob"))
        self.make("rsa", common_name("Bob RSA"), 0x2002, names=dns("rsa.example"),
                  key=rsa.generate_private_key(65537, 2048))
        self.make("bare", common_name("bare"), 5, usage=None)
        self.make("v4mapped", common_name("v4mapped"), 0x2004,
                  names=x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("::ffff:192.0.2.1"))]))
        self.make("empty", name(), 0x2005, names=dns("empty-subject.example"), critical=True)
        self.make("mrdn", name([("OU", "inside"), ("CN", "multi rdn")]), 0x2008)
        self.make("bmp", name(("CN", "Ωmega", Encoding.BMPString), ("O", "Universal Ж", Encoding.UniversalString),
                              ("L", "plain", Encoding.T61String)), 0x2009)
        self.make("crlf", common_name("Bob\r\nX-Injected: yes"), 0x200b,
                  names=raw_names((URI, b"sip:a\r\nX-Injected2: yes"), (DNS, b"d\r\nX: y")))
        self.make("ip3", common_name("ip of 3 bytes"), 0x2010, names=raw_names((IP, b"\x0a\x00\x00")))
        self.make("ip8", common_name("ip with mask, 8 bytes"), 0x2012,
                  names=raw_names((IP, b"\x0a\x00\x00\x00\xff\x00\x00\x00")))
        self.make("long1024", name(("O", "o" * 1024), ("CN", "long1024")), 0x2014, names=raw_names((DNS, b"d" * 1024)))
        self.make("expired", common_name("expired"), 0x2016, dates=(utc(2020, 1, 1), utc(2021, 1, 1)))
        self.make("eku", common_name("server EKU only"), 0x2018, usage=(Usage.SERVER_AUTH,))
        self.make("unkca", common_name("unknown issuer"), 0x2019, issuer=Authority(common_name("Unknown CA")))
        self.make("revoked", common_name("revoked"), 0x201a)
        alone = Authority(common_name("self signed"))
        self.make("self", alone.subject, 0x201b, issuer=alone, key=alone.key)
        self.make("chain", common_name("below intermediate"), 0x201c, issuer=middle, below=("middle",))
        self.make("killer", common_name("SER-Killer"), 0x201d)
        self.make_version_1("v1", name(("O", "Old Org"), ("CN", "version one")), 77)
