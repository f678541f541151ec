# SPDX-License-Identifier: GPL-2.0-or-later
"""Roots of Debian releases in build/roots, and commands in them; and roots whose changes are thrown away."""
import os
import pathlib
import shutil
import subprocess

import pytest

REPO = pathlib.Path(__file__).resolve().parent.parent.parent
ROOTS = REPO / "build" / "roots"
TOOLS = REPO / "tests" / "debian"
ENVIRONMENT = {"PATH": "/usr/lib/ccache:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "CCACHE_DIR": str(REPO / "build" / "ccache")}
OVERLAY = """
root=$1 place=$(mktemp -d) || exit
mount -t tmpfs tmpfs "$place" && cd "$place" && mkdir changes work root &&
	mount -t overlay -o "lowerdir=$root,upperdir=changes,workdir=work" overlay root && echo "$place/root" && cat
cd / && umount -l "$place/root" "$place" && rmdir "$place"
"""


def run(*command, **options):
    """Standard output of a command that must succeed."""
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def make(release, name, packages, like=None):
    """The folder of a root with these packages; skips where it cannot be had."""
    folder = ROOTS / name
    if like and not folder.exists():
        shutil.rmtree(f"{folder}.part", ignore_errors=True)
        run("cp", "-a", like, f"{folder}.part")
        os.rename(f"{folder}.part", folder)
    done = subprocess.run([TOOLS / "root", release, folder, *packages], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no root of Debian {release}: {done.stdout.strip() or done.stderr.strip()}")
    return folder


class Root:
    """Commands in a root."""

    def __init__(self, folder, before=()):
        self.folder, self.before = folder, before

    def run(self, *command):
        """Standard output of a command that must succeed."""
        return run(*self.before, TOOLS / "enter", self.folder, *command, cwd=REPO, env={**os.environ, **ENVIRONMENT})


class Scratch(Root):
    """A root that looks like another, which it never changes; to be used in a with statement."""

    def __init__(self, like):
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", OVERLAY, "sh", like],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        folder = self.process.stdout.readline().strip()
        if not folder:
            self.__exit__()
            pytest.skip("this system cannot lay a file system over another")
        super().__init__(folder, ("nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "--"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def run_outside(self, *command):
        """The same on the host, which sees the root's folder there only."""
        return run(*self.before, *command)
