# SPDX-License-Identifier: GPL-2.0-or-later
"""The script in docs/operations.md that fetches OCSP responses, and what stands around it."""
import os
import re
import subprocess


import settings
from domains import from_file
from kernel import TALLY
from manual import block
from ocsp import Authority
from ports import free_port
from server import KAMCMD, PATH

NAME = "sip.example.org"


class Cron:
    """The script, changed to use a folder of the test's; its kamcmd speaks to this server."""

    def __init__(self, folder, pair, issuer):
        self.folder, self.cert = folder, folder / f"{NAME}.pem"
        with open(self.cert, "wb") as file:
            for path in pair.cert, issuer.cert, pair.key:
                with open(path, "rb") as part:
                    file.write(part.read())
        text = block("docs/operations.md", "#!/bin/sh\n# Fetches")
        assert f"/etc/kamailio/tls/{NAME}.pem" in text
        self.script = folder / "script"
        self.script.write_text(text.replace("/etc/kamailio/tls", str(folder)))

    def section(self):
        """Of tls.cfg."""
        text = block("docs/operations.md", "ocsp_file = ").replace("/etc/kamailio/tls", str(self.folder))
        return f"[server:default]\ncertificate = {self.cert}\n{text}"

    def run(self, ser):
        """As cron does it."""
        kamcmd = self.folder / "kamcmd"
        kamcmd.write_text(f'#!/bin/sh\nexec {KAMCMD} -s unix:{ser.control} "$@"\n')
        kamcmd.chmod(0o755)
        return subprocess.run(["sh", str(self.script)], env={"PATH": f"{self.folder}:{PATH}"}, capture_output=True,
                              text=True, timeout=3 * settings.PATIENCE, check=False)


def told(ser):
    """What the page's command prints."""
    command = block("docs/operations.md", "openssl s_client -connect")
    host, port = ser.address()
    assert f"{NAME}:5061" in command
    TALLY.add(made=1)
    done = subprocess.run(["sh", "-c", command.replace(f"{NAME}:5061", f"{host}:{port}")], capture_output=True, text=True,
                          timeout=settings.PATIENCE, check=False)
    return done.stdout


def test_script(start, pki, tmp_path):
    authority, port = Authority(pki), free_port()
    pair = pki.make("stapled", NAME, pki.ca, (f"authorityInfoAccess=OCSP;URI:http://127.0.0.1:{port}/stapled",))
    cron, pairs = Cron(tmp_path, pair, pki.ca), {"stapled": pair}
    ser = start(tls=from_file(cron.section()))
    assert "no response sent" in told(ser)
    with authority.responder(port, pairs):
        done = cron.run(ser)
        assert (done.returncode, done.stderr) == (0, ""), done
        assert "Cert Status: good" in told(ser)
        # What is of no use replaces nothing.
        before = os.stat(f"{cron.cert}.ocsp")
        pairs.clear()
        done = cron.run(ser)
        assert done.returncode and "is not replaced" in done.stderr and re.search("try ?later", done.stderr), done
        pairs["stapled"] = pki.server
        done = cron.run(ser)
        assert done.returncode and "unknown" in done.stderr, done
    assert os.stat(f"{cron.cert}.ocsp") == before and "Cert Status: good" in told(ser)
