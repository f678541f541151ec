# SPDX-License-Identifier: GPL-2.0-or-later
"""A Kamailio that runs a configuration of docs/other-modules.md with the addresses, ports and files of a test."""
import os
import re

import server
import whole

ADDRESSES = {"192.0.2.1": "127.0.0.1", "[2001:db8::1]": "[::1]", "10.0.0.5": "127.0.0.1"}  # theirs and ours
FOLDER = "/etc/kamailio/"


class OnPage(whole.Whole):
    """
    pairs: those of the certificates that the page calls NAME.pem and NAME.key. files: what is to be written there, by
    the page's names. places: other texts and what takes their place, or a function that makes it of the server.
    """

    def __init__(self, pki, text, pairs, files=None, places=None):
        self.own = {**{f"{FOLDER}{name}.pem": pair.cert for name, pair in pairs.items()},
                    **{f"{FOLDER}{name}.key": pair.key for name, pair in pairs.items()}, FOLDER + "ca.pem": pki.ca.cert}
        self.page, self.files, self.places = text, files or {}, places or {}
        self.theirs = re.findall(r"^listen=tls:(\S+):(\d+)", text, re.M)
        super().__init__(pki, listen=[f"tls:{ADDRESSES[address]}" for address, _ in self.theirs])

    def here(self, text):
        """What the page says, as it is here."""
        for (address, port), (where, ours) in zip(self.theirs, self.ports, strict=True):
            text = text.replace(f"{address}:{port}", f"{where.removeprefix('tls:')}:{ours}")
        for name, place in self.places.items():
            assert name in self.page + "".join(self.files.values())
            text = text.replace(name, place(self) if callable(place) else place)
        for name, path in self.own.items():
            text = text.replace(name, path)
        return text

    def lines(self, core, load):
        for name, text in self.files.items():
            self.own[FOLDER + name] = path = os.path.join(os.path.dirname(self.config), name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.here(text))
        yield from ("debug=2", "fork=yes", "children=1", "tcp_children=2", "auto_aliases=no", *server.OWN_TIMEOUTS)
        yield self.mpath()
        first = 'loadmodule "tls.so"\n'
        assert self.page.count(first) == 1
        text = self.here(self.page.replace(first, first + 'loadmodule "ctl.so"\n'))
        assert FOLDER not in text, text
        yield text


def run(stack, *args, **kwargs):
    """One that runs until the stack's end."""
    return stack.enter_context(whole.running(OnPage(*args, **kwargs)))[0]
