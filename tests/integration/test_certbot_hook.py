# SPDX-License-Identifier: GPL-2.0-or-later
"""The deploy hook for certbot in docs/operations.md, what the page types and what it puts in tls.cfg."""
import grp
import os
import pwd
import shutil
import stat
import subprocess
import tempfile

import pytest

import settings
import sip
from domains import from_file
from manual import SUDO, block
from server import KAMCMD, PATH

USER = "kamailio"  # as Debian's package makes it
NAME = "sip.example.org"
HOOK = "/etc/letsencrypt/renewal-hooks/deploy/kamailio"


def has_user():
    """The hook gives a file to its group."""
    try:
        return not os.geteuid() and bool(grp.getgrnam(USER))
    except KeyError:
        return False


pytestmark = pytest.mark.skipif(not has_user(), reason=f"only root can run it, and there must be a group {USER}")


class Certbot:
    """Its folders, in one that all may enter, and the hook changed to use a folder beside them."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="certbot-")
        os.chmod(self.root, 0o755)
        self.tls = os.path.join(self.root, "tls")
        self.file = os.path.join(self.tls, NAME + ".pem")
        self.lineage = os.path.join(self.root, "live", NAME)
        os.makedirs(self.lineage, mode=0o700)
        os.chmod(os.path.dirname(self.lineage), 0o700)
        self.hook = os.path.join(self.root, "hook")
        text = block("docs/operations.md", "#!/bin/sh\n# Puts")
        assert "/etc/kamailio/tls/" in text
        with open(self.hook, "w", encoding="utf-8") as hook:
            hook.write(text.replace("/etc/kamailio/tls/", self.tls + "/"))
        os.chmod(self.hook, 0o755)

    def renew(self, cert, key):
        """The files that certbot would have made."""
        for source, name in (cert, "fullchain.pem"), (key, "privkey.pem"):
            shutil.copy(source, os.path.join(self.lineage, name))
            os.chmod(os.path.join(self.lineage, name), 0o600)

    def section(self):
        """Of tls.cfg, with the file that the hook makes."""
        text = block("docs/operations.md", "certificate = ").replace("/etc/kamailio/tls", self.tls)
        assert self.file in text
        return f"[server:default]\n{text}"

    def run(self, ser=None):
        """The hook as it is run by hand, which is as certbot runs it; its kamcmd speaks to this server."""
        command = block("docs/operations.md", "sudo RENEWED_LINEAGE=")
        for theirs, ours in (f"/etc/letsencrypt/live/{NAME}", self.lineage), (HOOK, self.hook):
            assert theirs in command
            command = command.replace(theirs, ours)
        bin_folder = os.path.join(self.root, "bin")
        os.makedirs(bin_folder, exist_ok=True)
        kamcmd = os.path.join(bin_folder, "kamcmd")
        with open(kamcmd, "w", encoding="utf-8") as script:
            script.write(f'#!/bin/sh\nexec {KAMCMD} -s unix:{ser.control if ser else self.root + "/nobody"} "$@"\n')
        os.chmod(kamcmd, 0o755)
        return subprocess.run(["sh", "-c", SUDO + command], env={"PATH": f"{bin_folder}:{PATH}"}, capture_output=True,
                              text=True, timeout=2 * settings.PATIENCE, check=False)


@pytest.fixture
def certbot():
    own = Certbot()
    yield own
    shutil.rmtree(own.root)


def shown(ser):
    """The certificate that a new client is shown."""
    with sip.TlsClient(ser.address()) as client:
        client.ask()
        return client.tls.getpeercert(binary_form=True)


def may_read(path, user):
    """Whether that user can."""
    entry = pwd.getpwnam(user)
    done = subprocess.run(["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups", "cat", path],
                          capture_output=True, text=True, check=False, timeout=settings.PATIENCE)
    assert not done.returncode or done.stderr.endswith("Permission denied\n"), done
    return not done.returncode


def test_renewal(start, pki, certbot):
    certbot.renew(pki.server.cert, pki.server.key)
    assert certbot.run().returncode, "nobody was there to load it"
    ser = start(tls=from_file(certbot.section()))
    before = shown(ser)
    certbot.renew(pki.server_rsa.cert, pki.server_rsa.key)
    done = certbot.run(ser)
    assert (done.returncode, done.stderr) == (0, ""), done
    after = shown(ser)
    assert after != before
    # What cannot be used: the hook fails, with the reason, and everything stays as it was.
    certbot.renew(pki.server.cert, pki.server_rsa.key)
    done = certbot.run(ser)
    assert done.returncode and "does not belong to the certificate" in done.stderr, done
    assert shown(ser) == after
    certbot.renew(pki.server.cert, pki.server.key)
    assert not certbot.run(ser).returncode
    assert shown(ser) == before


def test_permissions(certbot, pki):
    """SER's user reads the copy, others do not, and only root can change it."""
    certbot.renew(pki.server.cert, pki.server.key)
    certbot.run()
    for path in certbot.tls, certbot.file:
        state = os.stat(path)
        assert (state.st_uid, state.st_gid) == (0, grp.getgrnam(USER).gr_gid)
        assert not state.st_mode & (stat.S_IWGRP | stat.S_IRWXO), oct(state.st_mode)
    assert may_read(certbot.file, USER)
    assert not may_read(certbot.file, "nobody")
    assert not may_read(os.path.join(certbot.lineage, "privkey.pem"), USER)
