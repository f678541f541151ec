# SPDX-License-Identifier: GPL-2.0-or-later
"""Any step between a handshake and SER's own processes may fail: it costs that connection at the most."""
import errno
from typing import NamedTuple, Optional

import pytest

import settings
import sip
from faults import LOST, REACHABLE, Call
from homes import DIRECT, RELAYED, Home
from server import Usage

LOSSES = 8


class Case(NamedTuple):
    """A call that fails once."""
    home: Home
    call: Call
    error: int
    log: Optional[str]
    survives: bool = False
    offload: Optional[str] = None  # where records are then, if elsewhere
    supervisor: bool = False

    def __str__(self):
        where = "-supervisor" if self.supervisor else ""
        return f"{self.home}-{self.call.name.lower()}-{errno.errorcode[self.error]}{where}"


def cases():
    """Those this kernel can have."""
    for home in DIRECT if settings.EXPECT == "kernel" else ():
        for call, error, why in ((Call.ULP, errno.ENOENT, "the kernel has no tls module loaded: run 'modprobe tls'"),
                                 (Call.ULP, errno.ENOMEM, "the kernel's memory is used up"),
                                 (Call.KEYS_TX, errno.EINVAL, "this kernel does not take this suite"),
                                 (Call.KEYS_TX, errno.ENOMEM, "the kernel's memory is used up")):
            yield Case(home, call, error, "the kernel refused them: " + why, survives=True, offload="user")
        for error in errno.EINVAL, errno.ENOMEM:
            yield Case(home, Call.KEYS_RX, error, "took the keys for sending but not those for receiving")
    for home in *DIRECT, RELAYED[0]:
        yield Case(home, Call.NONBLOCK, errno.EBADF, "failed: the system says 'Bad file descriptor'")
        for supervisor, who in (False, "the engine's supervisor does not take it: "), \
                               (True, "tcp_main does not take it over: "):
            yield Case(home, Call.GIVE_AWAY, errno.EAGAIN, None, survives=True, supervisor=supervisor)
            yield Case(home, Call.GIVE_AWAY, errno.EPIPE, who + "the process at the other end has ended", supervisor=supervisor)
    for error, why in ((errno.EMFILE, r"no descriptor is left: raise the limit of open files \(LimitNOFILE, ulimit -n\)"),
                       (errno.ENFILE, "the machine has no descriptor left: raise fs.file-max"),
                       (errno.ENOBUFS, "memory is used up: free some, or raise the service's limit"),
                       (errno.EPERM, r"it is forbidden here: see SystemCallFilter")):
        yield Case(RELAYED[0], Call.PAIR, error, "failed: " + why)


@pytest.fixture
def ser(share, control):
    """With the library in all its processes; only the engine's calls fail."""
    server = share("faults", tls=REACHABLE, environment=control.environment)
    control.find_engine(server)
    return server


def problems(ser):
    """Lines of the log that say what went wrong."""
    return ser.log_count(r" (WARNING|ERROR): tls: ")


@pytest.mark.parametrize("case", cases(), ids=str)
def test_step(ser, control, case):
    home = case.home
    with home.client(ser) as good:
        good.ask()
    before = Usage(ser)
    lines, all_lines = case.log and ser.log_count(case.log), problems(ser)
    client = sip.TlsClient(ser.address(), home.context(), offload=case.offload or home.offload)
    with control.armed(case.call, error=case.error, supervisor=case.supervisor):
        if case.survives:
            with client:
                client.ask()
                client.ask()
        else:
            with pytest.raises(LOST):
                with client:
                    client.ask()
        assert control.failed == 1
    if case.log:
        ser.settle(lambda: ser.log_count(case.log) == lines + 1, ser.log)
    assert problems(ser) == all_lines + bool(case.log), ser.log()
    with home.client(ser) as good:
        good.ask()
    before.check()


@pytest.mark.parametrize("case", [case for case in cases() if not case.survives], ids=str)
def test_nothing_leaks(ser, control, case):
    """What a lost connection had in shared memory is more than Usage overlooks if it happens so often."""
    before = Usage(ser)
    for _ in range(LOSSES):
        with control.armed(case.call, error=case.error, supervisor=case.supervisor):
            with pytest.raises(LOST):
                with case.home.client(ser) as client:
                    client.ask()
            assert control.failed == 1
    with case.home.client(ser) as good:
        good.ask()
    before.check()
