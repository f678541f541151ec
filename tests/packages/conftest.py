# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages of each Debian release, made in a bare root of it."""
import collections
import re
import shutil

import pytest

from roots import REPO, Root, make

KAMAILIO = "kamailio kamailio-tls-modules openssl iproute2".split()

Debian = collections.namedtuple("Debian", "release bare builder packages")


def packaging():
    """What packaging/build needs, as .ci/packages.sh lists it."""
    text = (REPO / ".ci" / "packages.sh").read_text(encoding="utf-8")
    return re.search(r'^PACKAGING_PACKAGES="([^"]*)"', text, re.M)[1].split()


@pytest.fixture(scope="session", params=["bookworm", "trixie"])
def debian(request):
    """A release: a root with its Kamailio, one that builds, and what packaging/build makes in that."""
    release = request.param
    bare = make(release, f"{release}.bare", KAMAILIO)
    builder = Root(make(release, f"{release}.packaging", [*packaging(), "ccache", "lintian"], bare))
    folder = REPO / "build" / "packages" / release
    shutil.rmtree(folder, ignore_errors=True)
    builder.run(REPO / "packaging" / "build", folder)
    packages = sorted(path for path in folder.glob("*.deb") if "-dbgsym_" not in path.name)
    return Debian(release, bare, builder, packages)
