# SPDX-License-Identifier: GPL-2.0-or-later
"""What the module may do: load the kernel's module at the start, read keys of other owners; an engine nothing."""
import os
import pwd
import shutil
import tempfile

import pytest

import server
import sip
from test_reload import reload

READ_SEARCH = 1 << 2  # CAP_DAC_READ_SEARCH
NOBODY = pwd.getpwnam("nobody")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


def status(process):
    """Fields of /proc/PID/status."""
    with open(f"/proc/{process}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def capabilities(process, *kinds):
    """Those sets of them."""
    return [int(status(process)[kind], 16) for kind in kinds]


def key_holders(ser):
    """An engine and its supervisor: none of the core's is without capabilities when SER runs as root."""
    found = [process for process in ser.processes() if status(process)["NoNewPrivs"] == "1"]
    engine = ser.engines()[0]
    assert sorted(found) == sorted([engine["pid"], engine["supervisor"]])
    return engine["pid"], engine["supervisor"]


def test_capabilities(ser):
    with sip.TlsClient(ser.address()) as client:
        client.ask()
        engine, supervisor = key_holders(ser)
        assert capabilities(engine, "CapInh", "CapPrm", "CapEff", "CapAmb") == [0, 0, 0, 0]
        assert capabilities(supervisor, "CapInh", "CapEff", "CapAmb") == [0, 0, 0]
        assert capabilities(supervisor, "CapPrm")[0] & ~READ_SEARCH == 0


def test_without_the_right_to_load_modules(start, pki):
    """SER runs; where the kernel's module is not there yet, its log says what to do."""
    ser = start(binary=server.behind(pki, words="setpriv --bounding-set=-net_admin"))
    with sip.TlsClient(ser.address()) as client:
        client.ask()
    log = ser.log()
    assert "records go to the kernel" in log or "modprobe tls" in log


class Owned:
    """A certificate and its key, which somebody else owns, in a folder that all may enter."""

    def __init__(self, pki, owner, mode=0o600):
        self.folder = tempfile.mkdtemp(prefix="owned-")
        os.chmod(self.folder, 0o755)
        self.cert, self.key = (shutil.copy(path, self.folder) for path in (pki.server.cert, pki.server.key))
        os.chmod(self.cert, 0o644)
        os.chown(self.key, owner, owner)
        os.chmod(self.key, mode)
        self.tls = {"certificate": self.cert, "private_key": self.key, "ca_list": None, "verify_certificate": 0}


@pytest.fixture
def owned(pki):
    """owned(UID) makes such files."""
    made = []

    def make(owner, **options):
        made.append(Owned(pki, owner, **options))
        return made[-1]
    yield make
    for files in made:
        shutil.rmtree(files.folder)


@AS_ROOT
def test_key_of_another_owner(start, owned):
    """SER runs as root: what root may read, it may, at the start and at a reload, and an engine must not."""
    ser = start(tls=owned(NOBODY.pw_uid).tls)
    text, done = reload(ser)
    assert done, text
    with sip.TlsClient(ser.address()) as client:
        client.ask()
    engine, supervisor = key_holders(ser)
    assert capabilities(engine, "CapPrm", "CapEff") == [0, 0]
    assert capabilities(supervisor, "CapEff") == [0]


@AS_ROOT
@pytest.mark.parametrize("options", [["-DD"], ["-c"]], ids=["start", "check"])
def test_rights_of_the_user_that_ser_will_have(refused, owned, options):
    """Root checks, and nobody runs: a key that only root may read is a mistake."""
    files = owned(0)
    ser = refused(tls=files.tls)
    code, log = ser.run_to_end(*options, "-u", "nobody", "-g", "nogroup")
    assert code != 0, log
    assert f"private_key: cannot read '{files.key}'" in log, log


@AS_ROOT
def test_check_with_the_rights_of_the_user(refused, owned):
    """And one that it may read is none, but it must also be able to read tls.cfg again."""
    files = owned(NOBODY.pw_uid)
    ser = refused(tls={**files.tls, "session_ticket_keys": os.path.join(files.folder, "tickets")})
    with open(os.path.join(files.folder, "tickets"), "wb") as tickets:
        tickets.write(os.urandom(80))
    os.chmod(tickets.name, 0o600)
    code, log = ser.run_to_end("-c", "-u", "nobody", "-g", "nogroup")
    assert code == 0, log
    assert f"session_ticket_keys: SER's user may not read '{tickets.name}', so tls.reload will fail" in log, log
    assert "who may read everything" not in log


@AS_ROOT
def test_check_as_root_says_what_it_cannot_tell(refused):
    code, log = refused().run_to_end("-c")
    assert code == 0, log
    assert "kamailio -c runs as root, who may read everything" in log
