# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/containers.md: the image of docs/examples is made of our package and runs in containers of podman, with the page's
profile and without."""
import errno
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from manual import block, commands
from roots import REPO
from test_packages import HERE

pytestmark = [pytest.mark.timeout(1800),
              pytest.mark.skipif(os.geteuid() != 0, reason="only root can make and enter roots")]
PATIENCE = 600  # seconds for a command
START = block("docs/containers.md", "sudo chown ").split("\n", 1)
BASE = """
tar -C {bare} --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' -c . |
	podman import --quiet - docker.io/library/debian:{version}
"""
CERTIFICATE = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.pem"
PROFILE = pathlib.Path("/usr/share/containers/seccomp.json")
VERSIONS = {"bookworm": 12, "trixie": 13}
REFUSED = ("ERROR: tls: the TLS engine cannot start: io_uring is not allowed here: set sysctl kernel.io_uring_disabled to "
           "0, and let the seccomp filter of the service or container permit io_uring_setup, io_uring_enter and "
           "io_uring_register")
CALLS = ["io_uring_setup", "io_uring_enter", "io_uring_register"]
LIMITS = ["nofile=1024:4096", "nproc=1024:1024"]  # podman's own are more than a sandbox may give away
# Whose mounts are gone with it, and in whose network no port is in use.
HOLD = "mount -t tmpfs tmpfs /dev/shm && ip link set lo up && echo ready && cat"
SUDO = 'sudo() { "$@"; }\n'
# Again, because podman itself clears up behind a container that has ended, and gets in the way.
CLEAR = """
while podman container exists sip; do
	podman rm --force --time 0 sip >/dev/null || sleep 0.1
done
"""
READY = """
until podman exec sip kamcmd core.uptime >/dev/null 2>&1; do
	[ "$(podman inspect -f '{{.State.Status}}' sip)" = running ] || exit
	sleep 0.1
done
"""


class Podman:
    """Images and containers of its own in a folder; to be used in a with statement."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="podman-"))
        self.context = self.folder / "build" / "packages"
        self.context.mkdir(parents=True)
        (self.folder / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{self.folder}/root"\nrunroot = "{self.folder}/run"\n')
        (self.folder / "containers.conf").write_text(
            f'[containers]\nnetns = "host"\ndefault_ulimits = {json.dumps(LIMITS)}\n'
            f'[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\nevents_logger = "none"\n'
            f'tmp_dir = "{self.folder}/tmp"\n')
        self.environment = {**os.environ, "CONTAINERS_CONF": f"{self.folder}/containers.conf",
                            "CONTAINERS_STORAGE_CONF": f"{self.folder}/storage.conf"}
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "--propagation", "private", "--", "sh", "-c", HOLD],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            pytest.skip("this system gives podman no network of its own")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.attempt("podman rm --all --force --time 0")
        self.holder.stdin.close()
        self.holder.stdout.close()
        self.holder.wait()
        shutil.rmtree(self.folder)

    def attempt(self, script, *, network="--net"):
        """Exit status and output of a script of bash."""
        done = subprocess.run(
            ["nsenter", f"--target={self.holder.pid}", "--mount", *filter(None, [network]), "--", "bash", "-ec",
             SUDO + f'cd "{self.folder}"\n' + script],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE,
            env=self.environment, check=False)
        return done.returncode, done.stdout

    def run(self, script, **options):
        """Output of one that must succeed."""
        code, said = self.attempt(script, **options)
        assert code == 0, f"{script}\n{said}"
        return said


@pytest.fixture(scope="module")
def podman(debian):
    """With the page's image, profile and key."""
    if not PROFILE.exists():
        pytest.skip("podman is not installed")
    version = VERSIONS[debian.release]
    with Podman() as here:
        code, said = here.attempt(BASE.format(bare=debian.bare, version=version) +
                                  f"podman run --rm debian:{version} true")
        if code:
            pytest.skip(f"podman runs no container here: {said}")
        for package in debian.packages:
            shutil.copy(package, here.context)
        build, copy, make = commands(block("docs/containers.md", "packaging/build"))
        assert build == "packaging/build"
        here.run(copy.replace("docs/", f"{REPO}/docs/"))
        name = here.context / "Containerfile"
        text = name.read_text(encoding="utf-8")
        assert text.count("FROM debian:12\n") == 1
        name.write_text(text.replace("debian:12", f"debian:{version}"), encoding="utf-8")
        code, said = here.attempt(make, network="")  # of the host, with apt's mirror
        if code and "apt-get" in said and "Unable to fetch" in said:
            pytest.skip(f"apt cannot get what the packages depend on: {said}")
        assert code == 0, said
        here.run(block("docs/containers.md", "jq "))
        here.run(CERTIFICATE)
        here.run(START[0])
        yield here


def started(old, new):
    """The page's command with other words. Its volume belongs to the user of the container that was there before."""
    assert old in START[1]
    return CLEAR + "podman volume rm --force run >/dev/null\n" + START[1].replace(old, new)


@pytest.fixture
def sip(podman):
    """sip(OLD, NEW) starts the page's container with other words; it is gone when the test is over."""
    def start(old="", new=""):
        podman.run(started(old, new) + READY)
    yield start
    podman.run(CLEAR)


def check_serves(podman):
    """A handshake and an answer, and an engine as confined as the kernel can."""
    log = podman.run("podman logs sip")
    assert "SIP/2.0 200 Keepalive" in podman.run(f"{HERE}/ask"), log
    confined = re.search("confined: (.*)", podman.run("podman exec sip kamcmd tls.engines"))[1]
    assert {"memory", "ring", "system calls"} <= set(confined.split(", ")), log


def status(podman):
    """Of SER's first process in the container."""
    text = podman.run("podman exec sip cat /proc/1/status")
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_serves(podman, sip):
    """As the page starts it, without a capability, and to the end."""
    sip()
    check_serves(podman)
    found = status(podman)
    assert {int(found[kind], 16) for kind in ("CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb")} == {0}
    assert found["NoNewPrivs"] == "1"
    said = podman.run(block("docs/containers.md", "sudo podman exec "))
    assert re.search(r"^\s*ktls: ", said, re.M), said
    assert podman.run("podman inspect -f '{{.State.ExitCode}}' sip") == "0\n"
    log = podman.run("podman logs sip")
    assert "tls: records go to the kernel" in log or "run 'modprobe tls'" in log, log


def attempt(podman, old, new):
    """Exit status and log of one that does not start."""
    return podman.attempt(started(old, new).replace("--detach", "--rm"))


def test_without_the_profile(podman):
    """With what podman has instead: one clear line, and it ends."""
    code, log = attempt(podman, "--security-opt seccomp=ser-ktls.json ", "")
    assert code == 255 and f"{REFUSED} ({os.strerror(errno.ENOSYS)})" in log, log


def test_refused_as_by_docker(podman):
    """The same with the answer that its profile has for these calls."""
    profile = json.loads(PROFILE.read_text(encoding="utf-8"))
    profile["syscalls"].append({"names": CALLS, "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM, "errno": "EPERM"})
    (podman.folder / "refuses.json").write_text(json.dumps(profile), encoding="utf-8")
    code, log = attempt(podman, "ser-ktls.json", "refuses.json")
    assert code == 255 and f"{REFUSED} ({os.strerror(errno.EPERM)})" in log, log


def test_user_namespace(podman, sip):
    """With little locked memory, and without /dev/shm, which SER has no use for."""
    podman.run("chmod 644 server.key")
    try:
        limits = " ".join(f"--ulimit {limit}" for limit in [*LIMITS, "memlock=65536:65536"])
        sip("--read-only", f"--read-only --uidmap 0:100000:65536 {limits} --shm-size 64k")
        check_serves(podman)
    finally:
        podman.run("chmod 600 server.key")


def test_keys_of_others_as_root(podman, sip):
    """Only with the capability that the page names."""
    code, log = attempt(podman, "--cap-drop all", "--user root")
    assert code == 255, log
    assert "private_key: cannot read '/etc/kamailio/kamailio-selfsigned.key': Permission denied" in log
    sip("--cap-drop all", "--user root --cap-add DAC_READ_SEARCH")
    check_serves(podman)
