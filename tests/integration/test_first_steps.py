# SPDX-License-Identifier: GPL-2.0-or-later
"""What somebody new types and configures: README.md, and docs/install.md without a package."""
import os
import re
import shlex
import shutil
import subprocess

import pytest

import settings
import sip
import whole
from kernel import TALLY, counters
from manual import ROOT, SUDO, block, commands, read
from server import MODULES
from test_ser_manual import status

BUILD = os.path.dirname(os.path.dirname(settings.MODULE or ""))
# In the place of cmake: what is tested is built already.
CMAKE = f"#!/bin/sh\nmkdir -p build/release/ser\ncp {shlex.quote(BUILD)}/ser/tls*.so build/release/ser\n"


def run(*command, status_wanted=0, **options):
    """What a command prints."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=5 * settings.PATIENCE, check=False, **options)
    assert bool(done.returncode) == bool(status_wanted), f"{command}\n{done.stdout}"
    return done.stdout


def packages(name):
    """Those of a list in .ci/packages.sh."""
    return set(re.search(rf'^{name}="([^"]*)"', read(".ci/packages.sh"), re.M)[1].split())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a network where no port is in use")
@pytest.mark.skipif(bool(settings.PRELOAD), reason="./run does not know sanitizers")
def test_run(tmp_path):
    """./run --once, in a folder with blanks, quotes, an & and a bar, with a user's path, prints what the page shows."""
    assert re.findall(r"^(\S+) +# ", block("README.md", "./run "), re.M) == ["./run", "./check"]
    folder = tmp_path / "a & \"b\" |c"
    for part in ".ci", "docs/demo", "ser/host/facts":
        shutil.copytree(f"{ROOT}/{part}", folder / part)
    shutil.copy(f"{ROOT}/run", folder)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cmake").write_text(CMAKE, encoding="utf-8")
    (tmp_path / "bin" / "cmake").chmod(0o755)
    before = counters()
    users = [folder for folder in os.environ["PATH"].split(":") if folder not in ("/usr/sbin", "/sbin")]
    printed = run("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" --once', str(folder / "run"),
                  env={**os.environ, "PATH": ":".join([f"{tmp_path}/bin", *users])})
    TALLY.started(before)
    wanted = block("README.md", "Bob called ").splitlines()
    found = printed[printed.index("Bob called "):].splitlines()
    if settings.EXPECT == "kernel":
        assert wanted.pop().startswith("Why user space: ")
        wanted[-1] = wanted[-1].replace("user", "kernel")
    else:
        assert wanted.pop().split(":")[0] == found.pop().split(":")[0]
    assert found == wanted


def test_check():
    """It has the parts that the page names."""
    usage = run(f"{ROOT}/check", "--help")
    for name in re.findall(r"`\.\/check (\w+)`", read("README.md")):
        assert re.search(rf"\b{name}\b", usage), name


class Readme(whole.Whole):
    """The page's configuration with this machine's address and files, and an end for its last route."""

    def lines(self, core, load):
        text = block("README.md", "enable_tls=yes\n")
        for theirs, ours in {"192.0.2.1:5061": f"127.0.0.1:{self.ports[0][1]}", "/path/to/tls.so": settings.MODULE,
                             "server.pem": self.pki.server.cert, "server.key": self.pki.server.key,
                             "ca.pem": self.pki.ca.cert, "\t...\n": '\tsl_send_reply("200", "OK");\n}\n'}.items():
            assert text.count(theirs) == 1, theirs
            text = text.replace(theirs, ours)
        yield from (f'mpath="{MODULES}"', 'loadmodule "sl.so"', 'loadmodule "ctl.so"', text)


def test_configuration(pki):
    with whole.running(Readme(pki)) as (ser,):
        for pair, answer in (pki.bob, b"200 OK"), (pki.one, b"403 You are not Bob"), (None, b"403 You are not Bob"):
            assert status(sip.TlsClient(ser.address(), sip.context(pair))) == b"SIP/2.0 " + answer


def test_install_without_a_package(refused, tmp_path):
    """The page's commands build, without a package that it does not name, and install what Kamailio loads."""
    if not os.access(ROOT, os.W_OK):
        pytest.skip("cmake needs a checkout that can be written to")
    apt, configure, compile_it, *install = commands(block("docs/install.md", "sudo apt install gcc"))
    assert set(apt.split()[3:]) == packages("RUN_PACKAGES") - {"openssl", "python3", "kamailio"}
    assert apt == commands(block("docs/library.md", "sudo apt install "))[0]
    run(*configure.split(), "-B", str(tmp_path / "build"), cwd=ROOT)
    assert compile_it == "cmake --build --preset release"
    run("cmake", "--build", str(tmp_path / "build"), "--", "-n")
    (tmp_path / "checkout" / "build").mkdir(parents=True)
    os.symlink(BUILD, tmp_path / "checkout" / "build" / "release")
    os.symlink(f"{ROOT}/docs", tmp_path / "checkout" / "docs")
    assert [line.count("/usr/local/") for line in install] == [1, 1]
    run("sh", "-ec", SUDO + "\n".join(install).replace("/usr/local/", f"{tmp_path}/usr/"), cwd=tmp_path / "checkout")
    assert sorted(os.listdir(tmp_path / "usr" / "share" / "man" / "man7")) == ["ser-ktls.7"]
    ser = refused()
    with open(ser.config, encoding="utf-8") as config:
        text = config.read()
    with open(ser.config, "w", encoding="utf-8") as config:
        config.write(text.replace(f'"{settings.MODULE}"', f'"{tmp_path}/usr/lib/ser-ktls/tls.so"'))
    code, log = ser.run_to_end("-c")
    assert not code, log


def test_other_kamailio(tmp_path):
    """The page's command looks for the source tree, and says what that lacks."""
    command, = commands(block("docs/install.md", "cmake --preset release -DTESTS=OFF -DKAMAILIO"))
    assert command.endswith("=/usr/src/kamailio")
    printed = run(*command.replace("/usr/src", str(tmp_path)).split(), "-B", str(tmp_path / "build"), cwd=ROOT,
                  status_wanted=1)
    assert f"{tmp_path}/kamailio/src/config.mak is not there: run `make cfg`" in " ".join(printed.split()), printed
