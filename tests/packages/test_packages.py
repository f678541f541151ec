# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages: made in a bare root of each release, installed in another, used as docs/install.md says, removed."""
import os
import re

import pytest

from manual import block
from roots import REPO, Scratch

pytestmark = [pytest.mark.timeout(1800),
              pytest.mark.skipif(os.geteuid() != 0, reason="only root can make and enter roots")]
HERE = REPO / "tests" / "packages"
OURS = "ser-ktls libserktls0 libserktls-dev".split()
REGISTER = """
for _ in $(seq 20); do
	answer=$( {}) || true
	[ "${{answer#SIP/2.0 200 OK}}" = "$answer" ] || break
done
echo "$answer"
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


def test_scripts_and_the_keeper(debian):
    """An update leaves it alone, because it may hold connections just then; a removal ends it."""
    others = "--exclude=./control --exclude=./md5sums"
    scripts = "".join(debian.builder.run("sh", "-ec", f"dpkg-deb --ctrl-tarfile {package} | tar -xO {others}")
                      for package in debian.packages)
    assert "restart" not in scripts
    assert re.search(r"= remove .*\n.*stop .*ser-ktls-keeper.service", scripts), scripts


@pytest.fixture
def installed(debian):
    """A root where the packages are, beside Debian's own; at the end nothing of them is left, and nothing else changed."""
    with Scratch(debian.bare) as root:
        before = lines(root)
        install(root, debian.packages)
        assert not before - lines(root)
        yield root
        root.run("sh", "-ec", TAKE_BACK)
        root.run("apt-get", "-qq", "purge", *OURS)
        root.run("apt-get", "-qq", "autoremove", "--purge")
        assert not lines(root) ^ before


def test_serves_and_goes(installed):
    """With Debian's configuration, as the page says, and back."""
    said = installed.run(HERE / "follow", "".join([
        block("docs/install.md", "sudo apt install kamailio "), block("docs/install.md", "echo 'mpath="),
        REGISTER.format(block("docs/install.md", "(printf ")), block("docs/install.md", "sudo kamcmd tls.engines"),
        block("docs/install.md", "sudo sed "), block("docs/install.md", "sudo kamcmd tls.engines")]))
    assert re.search(r"^SIP/2.0 200 OK\r?$", said, re.M) and re.search(r"\bestablished: [1-9]", said), said
    assert said.endswith("error: 500 - command tls.engines not found\n"), said


def test_serves_in_the_place_of_stock(installed):
    """Without a change of the configuration, as the page says, and back."""
    said = installed.run(HERE / "follow", "".join([
        block("docs/install.md", "sudo apt install kamailio "), block("docs/install.md", "sudo dpkg-divert "),
        block("docs/install.md", "sudo kamcmd tls.engines"), block("docs/install.md", "sudo rm "),
        block("docs/install.md", "sudo kamcmd tls.engines")]))
    assert re.search(r"\bestablished: 0\n", said), said
    assert said.endswith("error: 500 - command tls.engines not found\n"), said


def test_library(debian):
    """The first program in docs/library.md is built with the packages of the library alone."""
    with Scratch(debian.builder.folder) as root:
        install(root, [path for path in debian.packages if path.name.startswith("lib")])
        said = root.run("sh", "-ec", BUILD_PROGRAM)
    assert "libserktls.so.0 => /" in said and said.endswith("usage: server PORT CERTIFICATE KEY\nstatus 2\n"), said
