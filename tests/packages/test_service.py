# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kamailio.service with our package, in a guest that boots with systemd: with the service as it is, with
docs/examples/hardened.conf, as root, and with AppArmor's profile of docs/examples SER answers, and its engine is as confined
as the kernel can. What docs/install.md types is run there."""
import collections
import contextlib
import os
import pathlib
import re
import signal
import subprocess

import pytest

from manual import block
from roots import Scratch, make
from test_packages import HERE, install

pytestmark = [pytest.mark.timeout(3600),
              pytest.mark.skipif(os.geteuid() != 0, reason="only root can make and enter roots")]
MODULES = pathlib.Path("/usr/lib/uml/modules")
SET_UP = """
cd /etc/kamailio
cp /usr/share/doc/ser-ktls/examples/kamailio-local.cfg .
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout kamailio-selfsigned.key \\
	-out kamailio-selfsigned.pem
chgrp kamailio kamailio-selfsigned.key
chmod 640 kamailio-selfsigned.key
"""
# What is typed in the guest.
TYPED = {
    "kernel": block("docs/install.md", "sudo systemctl restart systemd-modules-load"),
    "hardened": block("docs/install.md", "sudo install -D -m 644 /usr/share/doc"),
    "apparmor": block("docs/install.md", "sudo apt install apparmor"),
    "keeper": block("docs/operations.md", "sudo systemctl enable --now ser-ktls-keeper") + """
sed -i '/^modparam("tls", "config"/r /guest/modparam' /etc/kamailio/kamailio.cfg
""",
    "usrloc": """
install -d -o kamailio -g kamailio /var/lib/kamailio/dbtext
install -o kamailio -g kamailio -m 600 /usr/share/kamailio/dbtext/kamailio/{location,version} /var/lib/kamailio/dbtext
cat >>/etc/kamailio/kamailio-local.cfg <<'END'
#!define WITH_NAT
#!define WITH_USRLOCDB
#!define DBURL "text:///var/lib/kamailio/dbtext"
loadmodule "db_text.so"
END
""",
    "modparam": block("docs/operations.md", 'modparam("tls", "keeper"'),
    "root": """
mkdir -p /etc/systemd/system/kamailio.service.d
printf '[Service]\\nUser=root\\nGroup=root\\n' >/etc/systemd/system/kamailio.service.d/root.conf
systemctl daemon-reload
systemctl restart kamailio
""",
}
PREPARE = f"""
mkdir -p /results /guest /usr/lib/modules
cp {HERE}/ask {HERE}/phones {HERE}/guest /guest
cat >/etc/systemd/system/guest.service <<'END'
[Unit]
After=kamailio.service
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/guest/guest
[Install]
WantedBy=multi-user.target
END
systemctl enable guest.service kamailio.service
systemctl mask apparmor.service
"""
WAYS = "debian", "hardened", "root", "apparmor"
PACKAGES = "systemd-sysv kmod baresip-core apparmor".split()
PATIENCE = 900  # seconds for a guest

Guest = collections.namedtuple("Guest", "kernel kernel_tls kept called denied ways")


def boot(folder, image):
    """A guest with systemd as its first process, until it is off; returns its console."""
    environment = {name: value for name, value in os.environ.items() if name != "TMPDIR"}  # for the guest's memory
    with open(folder / "console", "w", encoding="utf-8") as console:
        guest = subprocess.Popen(
            ["linux.uml", "mem=512M", f"ubd0={image}", "root=/dev/ubda", "rw", "con=null", "con0=null,fd:1", "quiet",
             "panic=-1", "security=apparmor", "systemd.firstboot=no", "systemd.default_timeout_start_sec=600",
             f"uml_dir={folder}/"],
            stdin=subprocess.DEVNULL, stdout=console, stderr=console, env=environment, start_new_session=True)
    try:
        guest.wait(PATIENCE)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(guest.pid, signal.SIGKILL)  # its helpers, too
        guest.wait()
    return (folder / "console").read_text(encoding="utf-8", errors="replace")


def make_image(debian, image):
    """The file system of a guest: the release with our packages."""
    like = make(debian.release, f"{debian.release}.systemd", PACKAGES, debian.bare)
    with Scratch(like) as root:
        install(root, debian.packages)
        root.run("sh", "-ec", SET_UP)
        root.run("sh", "-ec", PREPARE)
        for name, text in TYPED.items():
            root.run("sh", "-ec", 'printf %s "$1" >"/guest/$0"', name, text)
        root.run_outside("cp", "-r", f"{MODULES}/.", f"{root.folder}/usr/lib/modules")
        root.run_outside("mkfs.ext4", "-q", "-d", root.folder, image, "2G")


def show(debian, folder):
    """What the guest showed."""
    image, results = folder / "image", folder / "results"
    make_image(debian, image)
    console = boot(folder, image)
    subprocess.run(["debugfs", "-R", f"rdump /results {folder}", image], capture_output=True, check=True)
    image.unlink()
    assert (results / WAYS[-1]).exists(), console
    ways = {way: (results / way).read_text(encoding="utf-8") for way in WAYS}
    return Guest(*((results / name).read_text(encoding="utf-8") for name in
                   ("kernel", "kernel-tls", "kept", "called", "denied")), ways)


@pytest.fixture(scope="module")
def guest(debian, tmp_path_factory):
    """Booted once for all tests."""
    return show(debian, tmp_path_factory.mktemp("guest"))


@pytest.mark.parametrize("way", WAYS)
def test_service(guest, way):
    """It starts, answers, has kernel TLS, is confined as the kernel can, and stops."""
    said = guest.ways[way]
    for line in ("ActiveState=active", "SIP/2.0 200 Keepalive", "Result=success", "ExecMainStatus=0", "ktls: yes"):
        assert re.search(rf"^\s*{re.escape(line)}", said, re.M), said
    if "landlock" in guest.kernel:
        assert "the TLS engine is confined (memory, ring, files, system calls)\n" in said, said
    else:
        assert "is confined in part (memory, ring, system calls): this kernel has no Landlock" in said, said


def test_apparmor(guest):
    """The profile of docs/examples holds all of SER's processes, and what they do is within it; it is for them alone."""
    for way in WAYS:
        label = "kamailio (enforce)" if way == "apparmor" else "unconfined"
        assert re.findall("^label: (.*)", guest.ways[way], re.M) == [label], guest.ways[way]
    denied = re.findall('apparmor="DENIED".* comm="(.*?)"', guest.denied)
    assert denied and set(denied) == {"cat"}, guest.denied


def test_kernel_tls(guest):
    """There without another boot, with the page's commands."""
    assert re.search(r"^\s*ktls: yes$", guest.kernel_tls, re.M), guest.kernel_tls


def test_restart(guest):
    """A connection outlives `systemctl restart`, which ends every process of the service."""
    assert guest.kept.count("SIP/2.0 200 Keepalive") == 2, guest.kept
    for counted in "taken_back: 1", "not_taken_back: 0", "handshakes_ok: 0":
        assert re.search(rf"^\s*{counted}$", guest.kept, re.M), guest.kept


def test_call_after_restart(guest):
    """Two phones registered before it, and a call between them goes from INVITE to BYE, without a handshake."""
    said = guest.called
    for counted in "taken_back: 2", "not_taken_back: 0", "handshakes_ok: 0":
        assert re.search(rf"^\s*{counted}$", said, re.M), said
    for name in "alice", "bob":
        assert len(re.findall(rf"^{name}: REGISTER ", said, re.M)) == 1, said
        assert re.search(rf"^{name}: .*Call established", said, re.M), said
    assert re.search(r"^bob: BYE ", said, re.M), said


@pytest.mark.parametrize("way, user, limits", [
    ("debian", "kamailio", {"NoNewPrivs": "0", "CapEff": "0" * 16}),
    ("hardened", "kamailio", {"NoNewPrivs": "1", "CapEff": "0" * 16, "CapBnd": "0" * 16, "Seccomp": "2"}),
    ("root", "root", {"NoNewPrivs": "0"})])
def test_rights(guest, way, user, limits):
    """The main process has the rights that the service gives it, and no others."""
    said = guest.ways[way]
    assert f"\nUser={user}\n" in f"\n{said}", said
    for name, value in limits.items():
        assert re.search(rf"^{name}:\s*{value}$", said, re.M), said
