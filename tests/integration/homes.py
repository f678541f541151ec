# SPDX-License-Identifier: GPL-2.0-or-later
"""Where records live: the same scenario is run with them in the kernel, in user space and in the engine."""
from typing import NamedTuple, Optional

import pytest

import settings
import sip


class Home(NamedTuple):
    """A kind of connection, and what makes a server and a client have it."""
    name: str
    version: str
    ciphers: Optional[str] = None  # of the client, TLS 1.2
    ktls: Optional[int] = None  # the server's parameter
    rsa: bool = False  # the server's certificate

    def __str__(self):
        return "-".join(filter(None, (self.name, self.version, self.ciphers)))

    @property
    def offload(self):
        """What @tls.offload has to say."""
        return settings.EXPECT if self.name == "direct" else "user"

    @property
    def log(self):
        """How the log names it."""
        if self.name == "relayed":
            return "user space, relayed by the engine"
        return "the kernel" if self.offload == "kernel" else "user space"

    def options(self, pki, tls=None, **options):
        """What a server is started with."""
        own = {"ktls": self.ktls, **(tls or {})}
        if self.rsa:
            own.update(certificate=pki.server_rsa.cert, private_key=pki.server_rsa.key)
        return {"tls": own, **options}

    def shared(self, share, pki, name, **options):
        """A server several tests use; those of one kind have it together."""
        kind = ("user " if self.ktls == 0 else "") + ("rsa " if self.rsa else "")
        return share(f"home {kind}{name}", **self.options(pki, **options))

    def context(self, pair=None):
        """A client's settings."""
        return sip.context(pair, self.version, self.ciphers)

    def client(self, ser, context=None, session=None):
        """A client whose connection has this home."""
        return sip.TlsClient(ser.address(), context or self.context(), session, offload=self.offload)

    def resumable(self, ser, pair=None):
        """A client context and a session the server will resume."""
        context = self.context(pair)
        with self.client(ser, context) as client:
            client.ask()
            return context, client.tls.session


DIRECT = Home("direct", "1.2"), Home("direct", "1.3")
USER = Home("user", "1.2", ktls=0), Home("user", "1.3", ktls=0)
RELAYED = (Home("relayed", "1.2", "ECDHE-ECDSA-AES128-SHA"),
           Home("relayed", "1.2", "ECDHE-RSA-AES256-SHA384", rsa=True),
           Home("relayed", "1.2", "AES128-SHA", rsa=True))
ALL = DIRECT + USER + RELAYED
HOMES = pytest.mark.parametrize("home", ALL, ids=str)
HOMES_13 = pytest.mark.parametrize("home", [home for home in ALL if home.version == "1.3"], ids=str)
