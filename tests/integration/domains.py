# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers whose domains are in a tls.cfg."""
import os

# What Server sets unless told, and a file of domains would make meaningless.
AWAY = dict.fromkeys(("certificate", "private_key", "ca_list", "verify_certificate"))


def write(server, text):
    """Puts a tls.cfg beside the server's configuration; "{ports[0]}" is the port of its first listener."""
    path = os.path.join(os.path.dirname(server.config), "tls.cfg")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.format(ports=[port for _, port in server.ports]))
    return path


def section(place, pair=None, **attributes):
    """The text of a section."""
    if pair:
        attributes = {"certificate": pair.cert, "private_key": pair.key, **attributes}
    return "\n".join([f"[{place}]", *(f"{name} = {value}" for name, value in attributes.items()), "", ""])


def from_file(*sections, **tls):
    """Parameters for a Server with these sections."""
    return {**AWAY, "config": lambda server: write(server, "".join(sections)), **tls}
