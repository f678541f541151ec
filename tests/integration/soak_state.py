# SPDX-License-Identifier: GPL-2.0-or-later
"""What SER has when nobody is there, to compare with later, and counters that have to add up."""
import re

import memory
import settings
from server import Usage

ENGINE_SLACK = 16 * 1024 * 1024  # bytes that an engine may keep of what a flood took
# Descriptors that a process may keep to send again, of connections that are gone as well: ours, and the core's.
CACHED = 64 + 8
GAUGES = "opened_connections", "handshakes_under_way", "relayed_connections"
REASONS = "user_ktls_off", "user_not_taken", "user_no_rekey", "user_fragments", "user_refused"
NEVER = "engine_messages_refused", "connections_lost", "supervisor_hangs", "accept_pauses", "limit_handshakes"
ALWAYS = ("handshakes_ok", "handshakes_failed", "handshakes_resumed", "records_user", "records_relayed", "relays_lost",
          "limit_connections", "limit_memory", "limit_source_connections", "evicted_silent", "engine_hangs", "connects_ok",
          "connects_failed", "handshakes_unused")


def of_the_core(ser):
    """Names of the processes that the core knows."""
    return {int(pid): name for pid, name in re.findall(r"(\d+)\s+(.*)", ser.text("core.ps"))}


def without_cache(ser):
    """Processes that send nothing for scripts, so that they keep no descriptor."""
    return {f"engine {engine['engine']}" for engine in ser.engines()} | {
        pid for pid, name in of_the_core(ser).items() if re.search("tcp main|supervisor|attendant", name)}


def gauges(ser):
    """What is there now. Sockets in the kernel are as many as descriptors."""
    stats = ser.command("tls.stats")
    return {**{name: stats[name] for name in GAUGES},
            "first bytes": sum(engine["ready"] for engine in ser.engines()),
            "all connections": ser.command("core.tcp_info")["opened_connections"], "bytes that wait": ser.queued(),
            "WebSockets": ser.counter("ws_current_connections"), "transactions": ser.command("tm.stats")["current"],
            "former engines": len(ser.processes() - set(of_the_core(ser))) - len(ser.engines())}


class AtRest:
    """Of an idle server."""

    def __init__(self, ser):
        self.ser = ser
        self.settle_down()
        self.usage, self.private = Usage(ser), memory.private(ser)
        self.strict = without_cache(ser)

    def settle_down(self):
        """Transactions, WebSockets and engines of former configurations live on for a moment."""
        self.ser.settle(lambda: not any(gauges(self.ser).values()), lambda: f"there are {gauges(self.ser)}",
                        2 * settings.PATIENCE)

    def descriptors_kept(self):
        """By process: more of them than it had, and than it may keep."""
        was = self.usage.descriptors
        return {process: (was.get(process), now) for process, now in self.ser.descriptors().items()
                if now is not None and now > (was.get(process) or 0) + (0 if process in self.strict else CACHED)}

    def memory_kept(self):
        """The same for memory of its own."""
        return {process: (was, now) for process, (was, now) in memory.kept(self.ser, self.private).items()
                if not str(process).startswith("engine") or now > was + ENGINE_SLACK}

    def check(self):
        """All that was taken since was given back."""
        ser = self.ser
        self.settle_down()
        ser.settle(lambda: ser.shared_memory() <= self.usage.memory + Usage.SLACK,
                   lambda: f"shared memory in use is {ser.shared_memory()} bytes, was {self.usage.memory}")
        ser.settle(lambda: not self.descriptors_kept(),
                   lambda: f"descriptors by process, before and now: {self.descriptors_kept()}")
        if not settings.PRELOAD:  # a sanitizer keeps what was freed for a while
            ser.settle(lambda: not self.memory_kept(),
                       lambda: f"private memory by process, before and now: {self.memory_kept()}")


def check_counters(ser, done, answered):
    """Of a server since its start; done: what was done to it, answered: connections that had an answer."""
    now = ser.command("tls.stats")
    up = now["handshakes_ok"] + now["connects_ok"]
    kept = sum(now[f"records_{home}"] for home in ("kernel", "user", "relayed"))
    deaths = done["kill_engine"] + done["freeze_engine"]
    assert not [name for name in ALWAYS if not now[name]], now
    assert not [name for name in NEVER if now[name]], now
    assert (now["engine_deaths"], now["engine_hangs"]) == (deaths, done["freeze_engine"]), now
    assert now["handshakes_resumed"] <= now["handshakes_ok"] and now["connects_resumed"] <= now["connects_ok"], now
    assert answered <= up, f"{answered} connections were answered: {now}"
    # Who dies between two counts has counted one; whoever leaves at once is up, but nowhere.
    assert abs(now["records_user"] - sum(now[name] for name in REASONS)) <= deaths, now
    lost = now["handshakes_unused"] + now["handshakes_failed"] + now["connects_failed"]
    assert -deaths <= up - kept <= deaths + lost, now
