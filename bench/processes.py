# SPDX-License-Identifier: GPL-2.0-or-later
"""Child processes that are stopped with all their children, and the CPU time these spend."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_LIMIT = 10.0


@contextlib.contextmanager
def signals_held():
    """No stop signal comes in between; one that arrived is delivered afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def proc_stat(pid):
    """ppid, group, session, CPU ticks and start time of a process; None when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return {
        "state": fields[0],
        "parent": int(fields[1]),
        "group": int(fields[2]),
        "session": int(fields[3]),
        "ticks": int(fields[11]) + int(fields[12]),
        "start": int(fields[19]),
    }


def family(root):
    """The processes that descend from root or share its group or session: {pid: stat}."""
    every = {int(p): proc_stat(p) for p in os.listdir("/proc") if p.isdigit()}
    every = {pid: stat for pid, stat in every.items() if stat}
    found = {pid for pid, stat in every.items() if root in (pid, stat["group"], stat["session"])}
    while True:
        more = {pid for pid, stat in every.items() if stat["parent"] in found} - found
        if not more:
            return {pid: every[pid] for pid in found}
        found |= more


def cpu_by_process(before, after):
    """CPU seconds each process spent between the two looks, the busiest first."""
    tick = os.sysconf("SC_CLK_TCK")
    spent = {pid: (s["ticks"] - before.get(pid, {"ticks": 0})["ticks"]) / tick for pid, s in after.items()}
    return dict(sorted(((pid, cpu) for pid, cpu in spent.items() if cpu), key=lambda item: -item[1]))


def private_memory(pids):
    """Bytes of private memory; a page several processes still share after fork counts once in all."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            found = re.search(r"^Pss_Anon:\s*(\d+) kB", text, re.M)
            total += int(found[1]) * 1024 if found else 0
    return total


class Process:
    """A child in a session of its own, stopped with all its children."""

    def __init__(self, command, output, stdout=None, stdin=subprocess.DEVNULL):
        self.popen = None
        self.killed = False
        with signals_held():
            self.popen = subprocess.Popen(
                [str(word) for word in command],
                stdin=stdin,
                stdout=stdout or output,
                stderr=output,
                start_new_session=True,
                preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS),
            )
            Process.running.append(self)

    running = []

    def status(self):
        """None while it runs, else (signal, exit code). It is not reaped, so its pid stays ours."""
        if self.popen.returncode is not None:
            code = self.popen.returncode
            return (-code, None) if code < 0 else (None, code)
        info = os.waitid(os.P_PID, self.popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if info is None:
            return None
        return (None, info.si_status) if info.si_code == os.CLD_EXITED else (info.si_status, None)

    def wait(self, seconds):
        """True once it has ended."""
        end = time.monotonic() + seconds
        while self.status() is None:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def signal(self, number):
        if self.status() is None:
            os.kill(self.popen.pid, number)

    def stop(self, limit=STOP_LIMIT):
        """SIGTERM to the process, then SIGKILL for what is left of its family."""
        if self not in Process.running:
            return
        with signals_held():
            members = family(self.popen.pid)
            self.signal(signal.SIGTERM)
            self.killed = not self.wait(limit)
            members.update(family(self.popen.pid))
            for pid, seen in members.items():
                kill_if_same(pid, seen)
            self.popen.wait()
            Process.running.remove(self)


def kill_if_same(pid, seen):
    """Kills a process unless its pid meanwhile belongs to another one."""
    now = proc_stat(pid)
    if now is None or now["start"] != seen["start"] or now["state"] == "Z":
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
