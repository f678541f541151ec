# SPDX-License-Identifier: GPL-2.0-or-later
"""
A network card that encrypts is seen in what scripts and commands say. There is no such card here: the kernel's own answers
are changed on their way (nic.c).
"""
import os
import platform
import re
import subprocess

import pytest

import settings
import sip
from kernel import TALLY

HERE = os.path.dirname(os.path.abspath(__file__))
RELEASE = tuple(int(number) for number in platform.release().split(".")[:2])
TELLS_ALL = RELEASE >= (6, 15)  # before, only those who have CAP_NET_ADMIN, and a supervisor has not
LINE = "a network card of this machine encrypts TLS, .* shown as kernel: this kernel tells it only to processes with"


class Card:
    """What the server is started with. It works from work() on."""

    def __init__(self, folder):
        self.path = folder / "works"
        library = folder / "nic.so"
        subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-fno-builtin", "-Wall", "-Wextra", "-o", library,
                        os.path.join(HERE, "nic.c")], check=True, timeout=120)
        self.environment = {"LD_PRELOAD": str(library), "NIC": str(self.path)}

    def work(self):
        """As if it had been put in."""
        self.path.touch()


@pytest.fixture
def card(tmp_path):
    """It does not work yet."""
    return Card(tmp_path)


def shown(ser):
    """What a script and tls.list say about one more connection."""
    ser.wait_idle()
    with sip.TlsClient(ser.address(), offload=None) as client:
        client.send(sip.request())
        answer = None
        while not answer:
            client.buffer += client.receive()
            answer, client.buffer = sip.take_answer(client.buffer)
        TALLY.add(made=1, answered=1)
        return [answer.select("tls.offload"), *re.findall(r"offload_[tr]x: (\w+)", ser.text("tls.list"))]


def test_card(start, card):
    """From then on that the kernel has counted a connection on one, and only where the kernel has the keys."""
    ser = start(environment=card.environment)
    assert shown(ser) == [settings.EXPECT] * 3
    card.work()
    if settings.EXPECT == "user":
        assert shown(ser) == ["user"] * 3 and not ser.log_count(LINE)
    elif TELLS_ALL:
        ser.settle(lambda: shown(ser) == ["nic", "nic", "kernel"], "the card is seen")
        assert shown(ser) == ["nic", "nic", "kernel"]
    else:
        ser.settle(lambda: shown(ser) == ["kernel"] * 3 and ser.log_count(LINE), "the log says why it is not")
        assert shown(ser) == ["kernel"] * 3 and ser.logged(LINE, count=1)
