# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages of each Debian release, made in a bare root of it."""
import collections
import concurrent.futures
import fnmatch
import re
import shutil
import sys

import pytest

from roots import REPO, Root, make

sys.path.append(str(REPO / "tests" / "integration"))
from manual import block, commands  # noqa: E402

KAMAILIO = "kamailio kamailio-tls-modules openssl iproute2".split()

Debian = collections.namedtuple("Debian", "release bare builder packages")


def packaging():
    """What packaging/build needs, as .ci/packages.sh lists it."""
    text = (REPO / ".ci" / "packages.sh").read_text(encoding="utf-8")
    return re.search(r'^PACKAGING_PACKAGES="([^"]*)"', text, re.M)[1].split()


def build(release):
    """A root with its Kamailio, one that builds, and what docs/install.md's command makes in that."""
    bare = make(release, f"{release}.bare", KAMAILIO)
    builder = Root(make(release, f"{release}.packaging", [*packaging(), "ccache", "lintian"], bare))
    folder = REPO / "build" / "packages" / release
    shutil.rmtree(folder, ignore_errors=True)
    called, use = commands(block("docs/install.md", "packaging/build"))
    builder.run(called, folder)
    packages = sorted(path for path in folder.glob("*.deb") if "-dbgsym_" not in path.name)
    assert len(fnmatch.filter([f"sudo apt install ./build/packages/{path.name}" for path in packages], use)) == 1
    return Debian(release, bare, builder, packages)


@pytest.fixture(scope="session")
def builds(request):
    """Those of all releases that tests are to be run for, beside each other: apt and dpkg leave a processor idle."""
    wanted = {item.callspec.params["debian"] for item in request.session.items if "debian" in item.fixturenames}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        yield {release: pool.submit(build, release) for release in wanted}


@pytest.fixture(scope="session", params=["bookworm", "trixie"])
def debian(request, builds):
    """A release."""
    return builds[request.param].result()
