# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers and certificates. After each test every server's log and the kernel's counters are checked."""
import contextlib
import os
import shutil
import tempfile

import pytest

pytest.register_assert_rewrite("kernel", "server", "sip", "tools")  # so that failures there show values, too

import faults  # noqa: E402
import kernel  # noqa: E402
import pki as certificates  # noqa: E402
import settings  # noqa: E402
from server import Server  # noqa: E402

LIVE = []
FAILED_FIRST = {}  # why, by test, where --reruns gives it a second try
# Files that take longest come first: a process that tests beside others gets one file after the other.
LONGEST = ("memory", "stalled", "outbound_life", "outbound_traffic", "soak", "sockets", "watch", "outbound_failures",
           "settings", "limits")


class AtOnce:
    """A failure is named when it happens, and not only at the end."""

    def __init__(self, config):
        self.config = config

    def pytest_runtest_logreport(self, report):
        if not report.failed and report.outcome != "rerun":
            return
        crash = getattr(report.longrepr, "reprcrash", None)
        why = crash.message[:300] if crash else ""
        if report.outcome == "rerun":
            FAILED_FIRST[report.nodeid] = f"{report.when}: {why}"
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter:
            reporter.write_line(f"\n{report.outcome.upper()} {report.nodeid} ({report.when}): {why}")


def pytest_configure(config):
    settings.check()
    config.pluginmanager.register(AtOnce(config))


def pytest_xdist_auto_num_workers():
    """For -n auto: most tests wait most of the time. The kernel's counters do not say whose connections they count."""
    return 0 if settings.EXPECT == "kernel" else 3 * len(os.sched_getaffinity(0))


def pytest_runtest_setup(item):
    """At the second try the results say why the first failed."""
    if item.nodeid in FAILED_FIRST:
        item.user_properties.append(("again", FAILED_FIRST[item.nodeid]))


def pytest_collection_modifyitems(items):
    def place(item):
        name = item.path.stem.removeprefix("test_")
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)
    items.sort(key=place)


def pytest_report_header():
    return f"module under test: {settings.MODULE}, record keys expected: {settings.EXPECT}"


def pytest_terminal_summary(terminalreporter):
    if os.geteuid():
        terminalreporter.write_line("not run as root: the open descriptors of the engine were not counted")


@pytest.fixture(scope="session")
def pki():
    """The demo CA and its certificates."""
    folder = tempfile.mkdtemp(prefix="pki-")
    yield certificates.Pki(folder)
    shutil.rmtree(folder, ignore_errors=True)


def end(servers):
    """Stops servers with all checks; none is left running whatever they say."""
    failures = []
    for server in [server for server in servers if server in LIVE]:
        LIVE.remove(server)
        try:
            if not server.ended:
                server.stop()
            server.check_log()
        except Exception as failure:  # pylint: disable=broad-exception-caught
            failures.append(str(failure) or repr(failure))
        finally:
            server.clean_up()
    assert not failures, "\n".join(failures)


@pytest.fixture(scope="session")
def shared():
    """Servers that several tests use, by a name."""
    servers = {}
    yield servers
    end(servers.values())


@pytest.fixture(scope="module")
def shared_here():
    """Those that the tests of one module use: a ring is not cheap."""
    servers = {}
    yield servers
    end(servers.values())


@pytest.fixture
def share_here(pki, shared_here):
    """share_here(name, ...) starts a server, with certificates of its own on request, unless one of that name runs."""
    def get(name, **options):
        if shared_here.get(name) not in LIVE:
            shared_here[name] = launch(**{"pki": pki, **options})
        return shared_here[name]
    return get


@pytest.fixture
def share(pki, shared):
    """share(name, ...) starts a server unless one of that name runs."""
    def get(name, **options):
        if shared.get(name) not in LIVE:
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
    end(own)


@pytest.fixture
def refused(pki):
    """refused(...) makes a server and does not start it: for configurations that must not run."""
    own = []

    def make(**options):
        own.append(Server(pki, **options))
        return own[-1]
    yield make
    for server in own:
        server.clean_up()


@pytest.fixture
def stack():
    """What is entered in it ends with the test."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def control(tmp_path_factory):
    """What makes calls fail in a server that has its environment."""
    return faults.Faults(tmp_path_factory.mktemp("faults"))


@pytest.fixture(autouse=True)
def checked(start):  # pylint: disable=unused-argument
    """Set up after, so torn down before, the test's own servers."""
    watch = kernel.Watch()
    yield
    watch.check()
    for server in list(LIVE):
        if not server.ended and not server.running():
            log = server.log()
            LIVE.remove(server)
            server.clean_up()
            raise AssertionError(f"SER ended during the test:\n{log[-3000:]}")
        server.check_log()
