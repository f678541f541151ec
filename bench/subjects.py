# SPDX-License-Identifier: GPL-2.0-or-later
"""What is compared: a module (or none), how it is set, and what its clients ask for."""

from typing import NamedTuple, Optional, Tuple

TLS13 = ("--ciphers", "TLS_AES_256_GCM_SHA384")
GCM12 = ("--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384")
RSA12 = ("--tls-max", "1.2", "--ciphers", "ECDHE-RSA-AES256-GCM-SHA384")
CBC12 = ("--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES256-SHA")


class Subject(NamedTuple):
    name: str
    module: Optional[str] = None  # "ours" or "stock", or a proxy in front of plain TCP; None is plain TCP
    client: Tuple[str, ...] = ()  # options of the generator
    ktls: Optional[int] = None  # parameter of our module
    home: Optional[str] = None  # where the records of our connections have to be: kernel, user or relayed
    nice: int = 0  # parameter engine_nice of our module
    certificate: str = "server"  # a name that make_certificates() has
    engines: int = 1  # parameter of our module
    keeper: bool = False  # parameter keeper of our module, with one that runs
    aead: bool = False  # plain TCP with the calls of OpenSSL that records would take (aead.c)


TCP = Subject("tcp")
AEAD = Subject("tcp with AEAD", aead=True)
STOCK = Subject("stock", "stock", TLS13)
OURS = Subject("ours", "ours", TLS13)
OURS_NICE = Subject("ours, engine_nice 10", "ours", TLS13, nice=10)
KEPT = Subject("ours, keeper", "ours", TLS13, keeper=True)
MAIN = (OURS, STOCK, TCP)

USER = Subject("ours user 1.3", "ours", TLS13, 0, "user")
USER12 = Subject("ours user 1.2", "ours", GCM12, 0, "user")
RELAYED = Subject("ours relayed 1.2 CBC", "ours", CBC12, None, "relayed")
KERNEL = Subject("ours kernel 1.3", "ours", TLS13, None, "kernel")
KERNEL12 = Subject("ours kernel 1.2", "ours", GCM12, None, "kernel")
STOCK12 = Subject("stock 1.2", "stock", GCM12)
STOCK_CBC = Subject("stock 1.2 CBC", "stock", CBC12)


def chosen(subjects, words):
    """Those whose module is among the words the user gave."""
    return [s for s in subjects if (s.module or "tcp") in words]
