# SPDX-License-Identifier: GPL-2.0-or-later
"""
The tables of docs/parameters.md have the names, types, defaults and ranges that the code has, and its examples do what
stands beside them.
"""
import os
import re

import outbound
import peers
from domains import AWAY, write
from manual import block
from test_ser_manual import shown

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# A type of cfg/attribute.c, and how the manual calls it.
TYPES = {"METHOD": "method", "BOOL": "bool", "INT": "int", "VERIFY_CLIENT": "word", "STRING": "text", "PATH": "path",
         "KEY": "path or URI", "SECRET": "password", "NAME": "host name", "PROTOCOLS": "list"}


def read(*path):
    """A file of the source."""
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def names_of(group):
    """The X(name) of a list in ser/module/params_names.h."""
    text = re.search(rf"#define {group}\(X\)(.*?)\n\n", read("ser", "module", "params_names.h"), re.DOTALL)[1]
    return re.findall(r"X\((\w+)\)", text)


OF_DOMAINS, OF_THE_MODULE, WITHOUT_MEANING = (names_of("PARAMS_" + group) for group in (
    "OF_DOMAINS", "OF_THE_MODULE", "WITHOUT_MEANING"))


def constants():
    """Numbers that the tables of the code name."""
    found = {"INT_MAX": 2 ** 31 - 1}
    for path in (("ser", "shared", "log.h"), ("ser", "shared", "scoreboard.h"), ("cfg", "attribute.c")):
        found.update((name, int(value)) for name, value in re.findall(r"\b([A-Z_]+) = (-?\d+),", read(*path)))
    modes = re.search(r"enum cfg_name_mode \{(.*?)\}", read("cfg", "domain.h"), re.DOTALL)[1]
    found.update((name, number) for number, name in enumerate(re.findall(r"CFG_NAME_\w+", modes)))
    return found


def number(expression):
    """The value of a C expression of numbers and their names."""
    assert re.fullmatch(r"[\w\s*<+-]+", expression), expression
    return eval(expression, {"__builtins__": {}}, constants())  # pylint: disable=eval-used


def numbers():
    """Rows of numbers[] in ser/shared/params.c: default, least, most by name."""
    rows = re.findall(r"\tNUMBER\((\w+), ([^,]+), ([^,]+), ([^,]+?)\),", read("ser", "shared", "params.c"))
    return {name: tuple(map(number, values)) for name, *values in rows}


def attributes():
    """Rows of cfg/attribute.c: names, type, most (int only)."""
    rows = re.findall(r'\{ROW\(CFG_\w+, CFG_TYPE_(\w+), \w+, ((?:"\w+"(?:, )?)+)\)(?:, \.max = (\w+))?',
                      read("cfg", "attribute.c"))
    return [(re.findall(r"\w+", names), kind, number(most) if most else None) for kind, names, most in rows]


def stock():
    """Rows of cfg/stock_params.c: use, type, first version, reason by name."""
    text = read("cfg", "stock_params.c")
    reasons = {name: "".join(re.findall(r'"(.*?)"(?=[\s;])', value.replace('\\"', "\0"))).replace("\0", '"')
               for name, value in re.findall(r"static const char (\w+)\[\] =(.*?;)\n", text, re.DOTALL)}
    found = {}
    for use, name, kind, since, reason in re.findall(
            r'\t(ATTRIBUTE|MODULE|NO_MEANING)\("(\w+)", (\w+), "([\d.]+)"(?:,\s*("?[^)]*?(?:\([A-Z]+\))?"?))?\),\n', text):
        found[name] = (use, kind, since, reasons.get(reason, reason.strip('"')))
    return found


def stock_types():
    """INT or STR by name, as the stock module declares it."""
    return {name: row[1] for name, row in stock().items()}


def table(heading):
    """Rows of the table below a heading of the manual: lists of cells."""
    part = read("docs", "parameters.md").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in part.split("\n") if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    assert rows and len({len(row) for row in rows}) == 1, [len(row) for row in rows]
    return rows


def code(cell):
    """What stands in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


def test_of_domains():
    """Names in tls.cfg and of modparams, types, ranges, whether the kind of domain matters."""
    rows = {tuple(code(row[0])): row for row in table("Of a domain")}
    assert [*rows] == [tuple(names) for names, _, _ in attributes()]
    for names, kind, most in attributes():
        row = rows[tuple(names)]
        assert row[2] == TYPES[kind], row
        if most is not None:
            assert row[4] == f"0 to {most}", row
    assert sorted(name for row in rows.values() for name in code(row[1])) == sorted(OF_DOMAINS)
    assert all(set(code(row[1])) <= set(names) for names, row in rows.items())


def test_defaults_of_domains(start, pki):
    """As a server says that was told nothing."""
    def config(server):
        for source in pki.server.cert, pki.server.key:
            with open(source, encoding="ascii") as file, \
                    open(os.path.join(os.path.dirname(server.config), "cert.pem"), "a", encoding="ascii") as both:
                both.write(file.read())
        return write(server, "")
    ser = start(tls={**AWAY, "config": config})
    options, compared = ser.info("tls.options"), 0
    for row in table("Of a domain"):
        name = code(row[0])[0]
        if name in options:
            compared += 1
            default = (code(row[3]) or [""])[0]
            assert os.path.basename(options[name]) == default, row
    assert compared == 16, f"tls.options has {compared} of them"


def test_of_the_module():
    rows = {code(row[0])[0]: row for row in table("Of the module")}
    assert sorted(rows) == sorted(OF_THE_MODULE)
    assert set(numbers()) == {name for name, row in rows.items() if row[1] == "int"}
    for name, (default, least, most) in numbers().items():
        assert (rows[name][2], rows[name][3]) == (f"`{default}`", f"{least} to {most}"), rows[name]
    texts = re.findall(r'\{"(\w+)", offsetof\(struct params, \w+\), ([01])\}', read("ser", "shared", "params.c"))
    assert {name: "path" if path == "1" else "text" for name, path in texts} == \
        {name: row[1] for name, row in rows.items() if row[1] != "int"}


def test_without_meaning():
    rows = {code(row[0])[0]: row[1:] for row in table("Accepted without a meaning")}
    known = {name: row for name, row in stock().items() if row[0] == "NO_MEANING"}
    assert sorted(rows) == sorted(known) == sorted(WITHOUT_MEANING)
    for name, (_, kind, since, reason) in known.items():
        assert rows[name] == [{"INT": "int", "STR": "text"}[kind], since, reason], name


def test_while_it_runs():
    """The settings that can be changed, in both languages."""
    changeable = re.search(r"changeable\[\] = \{(.*?)\};", read("ser", "manage", "settings.c"), re.DOTALL)[1]
    assert sorted(code(row[0])[0] for row in table("While it runs")) == sorted(re.findall(r'"(\w+)"', changeable))


def test_all_of_the_stock_module():
    """Each of its parameters is one of ours."""
    where = {"ATTRIBUTE": OF_DOMAINS, "MODULE": OF_THE_MODULE, "NO_MEANING": WITHOUT_MEANING}
    assert all(name in where[use] for name, (use, *_) in stock().items())
    assert len(stock()) == len(re.findall(r"^\t(?:ATTRIBUTE|MODULE|NO_MEANING)\(", read("cfg", "stock_params.c"), re.M))


PLACES = "tls:127.0.0.1", "tcp:127.0.0.1", "tls:[::1]", "tls:127.0.0.2"


def here(text, server, pki, peer):
    """An example with this machine's addresses and the peer's, and its files beside the server's configuration."""
    folder = os.path.dirname(server.config)
    for name, pair in ("cert", pki.server), ("other", pki.one), ("v6", pki.two), ("sip", pki.two), ("ours", pki.one):
        with open(os.path.join(folder, f"{name}.pem"), "wb") as both:
            both.write(b"".join(open(part, "rb").read() for part in (pair.cert, pair.key)))
    for theirs, where, port in (("192.0.2.1", "127.0.0.1", server.ports[0][1]), ("[2001:db8::1]", "[::1]", server.ports[2][1]),
                                ("198.51.100.7", *peer.address)):
        text = text.replace(f"{theirs}:5061", f"{where}:{port}")
    return text


def call_out(ser, peer):
    """The certificate that SER shows to a peer."""
    with outbound.Client(ser) as client:
        assert client.forward(peer).status == 200
    return [connection.certificate for connection in peer.connections]


def test_domains_as_modparams(start, pki):
    text = block("docs/parameters.md", 'modparam("tls", "certificate"')
    values = re.findall(r'^modparam\("tls", "certificate", "(.*)"\) +# ', text, re.M)
    assert len(values) == len(text.splitlines())
    with peers.Peer(peers.context(pki.server, ca=pki.ca)) as peer:
        ser = start(**outbound.options(listen=PLACES, tls={**AWAY, "certificate": [
            lambda server, value=value: here(value, server, pki, peer) for value in values]}))
        assert [shown(ser, index, None)[0] for index in (0, 2, 3)] == \
            ["sni1.example.org", "sni2.example.org", "sip.example.org"]
        assert call_out(ser, peer) == ["sni1.example.org"]


def test_domains_as_a_file(start, pki):
    text = block("docs/parameters.md", "[server:default]")
    with peers.Peer(peers.context(pki.server, ca=pki.ca)) as peer:
        ser = start(**outbound.options(listen=PLACES, tls={
            **AWAY, "config": lambda server: write(server, here(text, server, pki, peer))}))
        assert [shown(ser, index, None, name)[0] for index, name in (
            (0, None), (2, None), (2, "sip.example.org"))] == ["sni1.example.org", "sip.example.org", "sni2.example.org"]
        assert call_out(ser, peer) == ["sni1.example.org"]
