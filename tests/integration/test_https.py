# SPDX-License-Identifier: GPL-2.0-or-later
"""A page over HTTPS, with the configuration of docs/other-modules.md."""
import re
import shlex
import subprocess

import settings
from kernel import TALLY
from manual import block, read
from on_page import run


def test_http(pki, stack):
    """curl gets the page that the manual shows with the call that it shows."""
    ser = run(stack, pki, block("docs/other-modules.md", "# Pages over HTTPS"), {"sip": pki.server})
    text = re.search(r"^`(curl .*?)` prints `(.*?)`", read("docs/other-modules.md"), re.M)
    host, port = ser.address()

    def curl(command, *more):
        TALLY.add(made=1, answered=1)
        words = [{"ca.pem": pki.ca.cert}.get(word, word) for word in shlex.split(command)]
        words += ["--silent", "--show-error", "--connect-to", f"sip.example.org:443:{host}:{port}", "--max-time",
                  str(settings.PATIENCE), *more]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        return done.stdout
    assert curl(text[1]) == text[2] + "\n"
    url = shlex.split(text[1])[-1]
    assert curl(f"{text[1]}/more") == "There is only /tls.\n"
    twice = curl(text[1], url, "--tls-max", "1.2", "--write-out", "%{http_code} %{num_connects}\n")
    assert re.fullmatch(r"TLSv1\.2 (\S+) http/1\.1\n200 1\nTLSv1\.2 \1 http/1\.1\n200 0\n", twice), twice
