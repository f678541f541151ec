# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers and certificates for the tests; every server's log and the kernel's counters are checked after each test."""
import shutil
import tempfile

import pytest

import kernel
import pki as certificates
import settings
from server import Server

LIVE = []


def pytest_configure():
    settings.check()


def pytest_report_header():
    return f"module under test: {settings.MODULE}, record keys expected: {settings.EXPECT}"


@pytest.fixture(scope="session")
def pki():
    """The demo CA and its certificates."""
    folder = tempfile.mkdtemp(prefix="pki-")
    yield certificates.Pki(folder)
    shutil.rmtree(folder, ignore_errors=True)


def end(server):
    """Stops a server with all checks, and forgets it whatever they say."""
    LIVE.remove(server)
    try:
        if not server.ended:
            server.stop()
        server.check_log()
    finally:
        server.clean_up()


@pytest.fixture(scope="session")
def shared():
    """Servers that several tests use, by a name."""
    servers = {}
    yield servers
    failures = []
    for server in servers.values():
        try:
            if server in LIVE:
                end(server)
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.fixture
def share(pki, shared):
    """share(name, ...) starts a server unless one of that name runs."""
    def get(name, **options):
        if name in shared and shared[name] in LIVE and not shared[name].running():
            LIVE.remove(shared[name])  # the test that lost it has failed
            shared[name].clean_up()
        if name not in shared or shared[name] not in LIVE:
            shared[name] = launch(pki, **options)
        return shared[name]
    return get


def launch(pki, **options):
    """A running server."""
    server = Server(pki, **options)
    try:
        server.start()
    except BaseException:
        server.clean_up()
        raise
    LIVE.append(server)
    return server


@pytest.fixture
def ser(share):
    """The server with default parameters; it asks for a client certificate and does without."""
    return share("default")


@pytest.fixture
def start(pki):
    """start(...) gives a server of the test's own."""
    own = []

    def begin(**options):
        own.append(launch(pki, **options))
        return own[-1]
    yield begin
    for server in own:
        if server in LIVE:
            end(server)


@pytest.fixture
def refused(pki):
    """refused(...) makes a server that is not started by the fixture: for configurations that must not run."""
    own = []

    def make(**options):
        own.append(Server(pki, **options))
        return own[-1]
    yield make
    for server in own:
        server.clean_up()


@pytest.fixture(autouse=True)
def checked(start):  # pylint: disable=unused-argument
    """Set up after, so torn down before, the test's own servers."""
    watch = kernel.Watch()
    yield
    watch.check()
    for server in list(LIVE):
        assert server.ended or server.running(), f"SER ended during the test:\n{server.log()[-3000:]}"
        server.check_log()
