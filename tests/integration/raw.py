# SPDX-License-Identifier: GPL-2.0-or-later
"""A client that makes its records itself after the handshake: of any type, content and length."""
import ctypes
import hashlib
import hmac
import os
import struct
import tempfile

import sip

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
TAG, GET_TAG = 16, 0x10  # EVP_CTRL_AEAD_GET_TAG


def header(kind, length, version=b"\x03\x03"):
    """Of a record."""
    return bytes([kind]) + version + struct.pack(">H", length)


def expand(digest, secret, seed, length):
    """HKDF-Expand of RFC 5869 with TLS 1.3's labels made by the caller."""
    out, last, number = b"", b"", 1
    while len(out) < length:
        last = hmac.digest(secret, last + seed + bytes([number]), digest)
        out, number = out + last, number + 1
    return out[:length]


def expand_label(digest, secret, label, length):
    """RFC 8446 7.1 with an empty context."""
    name = b"tls13 " + label
    return expand(digest, secret, struct.pack(">HB", length, len(name)) + name + b"\0", length)


def prf(digest, secret, seed, length):
    """RFC 5246 5."""
    out, a = b"", seed
    while len(out) < length:
        a = hmac.digest(secret, a, digest)
        out += hmac.digest(secret, a + seed, digest)
    return out[:length]


class Cipher:
    """AES of the OpenSSL that Python's ssl module works with."""

    def __init__(self):
        self.crypto = ctypes.CDLL("libcrypto.so.3")
        self.crypto.EVP_CIPHER_CTX_new.restype = self.crypto.EVP_get_cipherbyname.restype = ctypes.c_void_p

    def encrypt(self, name, key, iv, data, aad=None):
        """AES-GCM with its tag, or AES-CBC of whole blocks."""
        crypto, out, length = self.crypto, ctypes.create_string_buffer(len(data) + 32), ctypes.c_int()
        ctx = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
        cipher = ctypes.c_void_p(crypto.EVP_get_cipherbyname(name))
        assert ctx and cipher and crypto.EVP_EncryptInit_ex(ctx, cipher, None, key, iv) == 1
        crypto.EVP_CIPHER_CTX_set_padding(ctx, 0)
        if aad is not None:
            assert crypto.EVP_EncryptUpdate(ctx, None, ctypes.byref(length), aad, len(aad)) == 1
        assert crypto.EVP_EncryptUpdate(ctx, out, ctypes.byref(length), data, len(data)) == 1
        assert length.value == len(data)
        result = out.raw[:len(data)]
        assert crypto.EVP_EncryptFinal_ex(ctx, out, ctypes.byref(length)) == 1
        if aad is not None:
            tag = ctypes.create_string_buffer(TAG)
            assert crypto.EVP_CIPHER_CTX_ctrl(ctx, GET_TAG, TAG, tag) == 1
            result += tag.raw
        crypto.EVP_CIPHER_CTX_free(ctx)
        return result


class Client(sip.TlsClient):
    """Knows the suites that homes.py leads to: AES-256-GCM with SHA-384, and AES-128-CBC with SHA-1."""

    def __init__(self, ser, home):
        self.home, self.first, self.number, self.aes = home, b"", 0, Cipher()
        context = home.context()
        with tempfile.TemporaryDirectory(prefix="keys-") as folder:
            context.keylog_filename = os.path.join(folder, "log")
            super().__init__(ser.address(), context, offload=home.offload)
            self.handshake()
            with open(context.keylog_filename, encoding="ascii") as log:
                self.secrets = {words[0]: list(map(bytes.fromhex, words[1:]))
                                for words in (line.split() for line in log) if not words[0].startswith("#")}
        self.take_keys()

    def feed(self):
        data = self.sock.recv(65536)
        self.first = (self.first + data)[:100]
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def take_keys(self):
        """Those of what the client sends."""
        suite = self.tls.cipher()[0]
        if self.home.version == "1.3":
            assert suite == "TLS_AES_256_GCM_SHA384"
            secret = self.secrets["CLIENT_TRAFFIC_SECRET_0"][1]
            self.key = expand_label("sha384", secret, b"key", 32)
            self.iv = expand_label("sha384", secret, b"iv", 12)
            return
        client_random, master = self.secrets["CLIENT_RANDOM"]
        seed = b"key expansion" + self.first[11:43] + client_random
        self.number = 1  # Finished was the first
        if suite.endswith("GCM-SHA384"):
            block = prf("sha384", master, seed, 72)
            self.key, self.iv = block[:32], block[64:68]
        else:
            assert suite.endswith("-AES128-SHA")
            block = prf("sha256", master, seed, 104)
            self.mac, self.key = block[:20], block[40:56]

    def record(self, kind, data=b"", padding=0, spoil=0):
        """
        One that the server accepts as far as its keys are concerned. padding bytes are more than there have to be; with CBC
        they are whole blocks, and a bit of the first one is wrong on request.
        """
        number, self.number = struct.pack(">Q", self.number), self.number + 1
        if self.home.version == "1.3":
            inner = data + bytes([kind]) + bytes(padding)
            nonce = bytes(a ^ b for a, b in zip(self.iv, bytes(4) + number))
            head = header(DATA, len(inner) + TAG)
            return head + self.aes.encrypt(b"AES-256-GCM", self.key, nonce, inner, head)
        if self.home.name != "relayed":
            sealed = number + self.aes.encrypt(b"AES-256-GCM", self.key, self.iv + number, data,
                                               number + header(kind, len(data)))
            return header(kind, len(sealed)) + sealed
        # Encrypt-then-MAC, which OpenSSL negotiates (RFC 7366).
        fill, nonce = 15 - len(data) % 16 + padding, os.urandom(16)
        tail = bytes([fill ^ spoil]) + bytes([fill]) * fill
        sealed = nonce + self.aes.encrypt(b"AES-128-CBC", self.key, nonce, data + tail)
        sealed += hmac.new(self.mac, number + header(kind, len(sealed)) + sealed, hashlib.sha1).digest()
        return header(kind, len(sealed)) + sealed

    def seal(self, data):
        return b"".join(self.record(DATA, data[start:start + sip.RECORD])
                        for start in range(0, len(data), sip.RECORD))

    @property
    def peer(self):
        """How the server's log names us, as a pattern."""
        return "127[.]0[.]0[.]1:" + str(self.sock.getsockname()[1])
