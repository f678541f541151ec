# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages: made in a bare root of each release, installed in another, used as docs/install.md says, removed."""
import os
import re

import pytest

from roots import REPO, Scratch

pytestmark = [pytest.mark.timeout(1800),
              pytest.mark.skipif(os.geteuid() != 0, reason="only root can make and enter roots")]
HERE = REPO / "tests" / "packages"
OURS = "ser-ktls libserktls0 libserktls-dev".split()
SET_UP = """
cd /etc/kamailio
cp /usr/share/doc/ser-ktls/examples/kamailio-local.cfg .
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout kamailio-selfsigned.key \\
	-out kamailio-selfsigned.pem
chgrp kamailio kamailio-selfsigned.key
chmod 640 kamailio-selfsigned.key
"""
TAKE_BACK = "rm /etc/kamailio/kamailio-local.cfg /etc/kamailio/kamailio-selfsigned.*"
BUILD_PROGRAM = r"""
cd /tmp
awk '/^```/ { in_it = /c$/ && ++n == 1; next } in_it' /usr/share/doc/libserktls-dev/library.md >server.c
cc server.c $(pkg-config --cflags --libs serktls)
ldd a.out
./a.out 2>&1 || echo "status $?"
"""


def install(root, packages):
    """With apt, which gets what they depend on; skips where it has no mirror."""
    try:
        root.run("apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", "update")
    except AssertionError as error:
        pytest.skip(f"apt cannot get what the packages depend on: {error}")
    root.run("apt-get", "-qq", "--no-install-recommends", "install", *packages)


def lines(root):
    """All that is in the root."""
    return set(root.run(HERE / "snapshot").splitlines())


def test_lintian(debian):
    """Debian's own checker finds nothing wrong."""
    said = debian.builder.run("lintian", "--allow-root", "--fail-on", "error,warning", *debian.packages)
    assert not re.search("^[EW]:", said, re.M), said


def test_serves_and_goes(debian):
    """Beside Debian's own, with its configuration; nothing of others' is changed, nothing stays."""
    with Scratch(debian.bare) as root:
        before = lines(root)
        install(root, debian.packages)
        assert not before - lines(root)
        root.run("sh", "-ec", SET_UP)
        said = root.run(HERE / "serve")
        assert said.startswith("SIP/2.0 200 ") and re.search(r"\bestablished: 1\n", said), said
        root.run("sh", "-ec", TAKE_BACK)
        root.run("apt-get", "-qq", "purge", *OURS)
        root.run("apt-get", "-qq", "autoremove", "--purge")
        assert not lines(root) ^ before


def test_library(debian):
    """The first program in docs/library.md is built with the packages of the library alone."""
    with Scratch(debian.builder.folder) as root:
        install(root, [path for path in debian.packages if path.name.startswith("lib")])
        said = root.run("sh", "-ec", BUILD_PROGRAM)
    assert "libserktls.so.0 => /" in said and said.endswith("usage: server PORT CERTIFICATE KEY\nstatus 2\n"), said
