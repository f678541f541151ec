# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is probably a mistake, and what the stock module takes all the same: SER starts, and a warning names file and line,
from kamailio -c, at the start and in a reload alike.
"""
import pytest

import domains
import sip
from test_reload import reload

# What stands in tls.cfg behind a good [server:default], and the warning for its line of that number.
ODD = {
    "nobody-listens": ("[server:127.0.0.1:5999]\ncertificate = {cert}\nprivate_key = {key}\n", 1,
                       "[server:127.0.0.1:5999]: no connection will come in there, because nothing listens at that address"),
    "empty-value": ("[client:default]\nca_list = \"\"\n", 2, "[client:default]: ca_list: the value is empty"),
    "empty-key": ("[client:default]\nprivate_key = \"\"\n", 2, "[client:default]: private_key: the value is empty"),
    "wildcard": ("[server:any]\nserver_name = *.example.org\ncertificate = {cert}\nprivate_key = {key}\n", 2,
                 "[server:any]: server_name: no client can ask for '*.example.org'"),
    "section-twice": ("[client:default]\nverify_depth = 3\n[client:default]\nverify_depth = 4\n", 1,
                      "[client:default]: has no effect, because it is defined again in "),
    # The stock module takes only the last section of a file as a second one.
    "address-twice": ("[client:127.0.0.1:5999]\nverify_depth = 3\n[client:127.0.0.1:5999]\nverify_depth = 4\n"
                      "[client:127.0.0.1:5998]\n", 1,
                      "[client:127.0.0.1:5999]: has no effect, because it is defined again in "),
    "attribute-twice": ("[client:default]\nverify_depth = 3\nverify_depth = 4\n", 3,
                        "[client:default]: verify_depth: is set a second time, first in line "),
    "number-out-of-range": ("[client:default]\nverify_depth = 1000\n", 2,
                            "[client:default]: verify_depth: 1000 is not a number from 0 to 100; 100 is used"),
    "no-folder-of-cas": ("[client:default]\nca_path = /no/such/folder\n", 2,
                         "[client:default]: ca_path: cannot read '/no/such/folder'"),
}


class Config:
    """A tls.cfg that can be changed."""

    def __init__(self, pki):
        self.pki = pki
        self.good = domains.section("server:default", pki.server)

    def parameters(self, text=""):
        """Of a server that begins with that behind what is good."""
        return {**domains.AWAY, "config": lambda server: self.write(server, text)}

    def write(self, server, text):
        """Returns the file's name."""
        return domains.write(server, self.good + text.format(cert=self.pki.server.cert, key=self.pki.server.key))

    def warning(self, server, number, sentence):
        """With file and line."""
        line = self.good.count("\n") + number
        return f"{server.config[:-len('ser.cfg')]}tls.cfg:{line}: {sentence}"


@pytest.fixture
def config(pki):
    return Config(pki)


@pytest.mark.parametrize("case", ODD)
def test_check(refused, config, case):
    text, number, sentence = ODD[case]
    ser = refused(tls=config.parameters(text))
    code, log = ser.run_to_end("-c")
    assert code == 0, log
    assert f"WARNING: tls: {config.warning(ser, number, sentence)}" in log, log


@pytest.mark.parametrize("case", ODD)
def test_start(start, config, case):
    text, number, sentence = ODD[case]
    ser = start(tls=config.parameters(text))
    assert f"WARNING: tls: {config.warning(ser, number, sentence)}" in ser.log(), ser.log()


def test_reload(start, config):
    """The answer has them behind the domains, and the next one, of a good file, has none."""
    ser = start(tls=config.parameters())
    for text, number, sentence in ODD.values():
        config.write(ser, text)
        answer, done = reload(ser)
        assert done, answer
        assert f"\nwarning: {config.warning(ser, number, sentence)}" in answer, answer
        assert answer.index("[server:default]") < answer.index("\nwarning: ")
        config.write(ser, "")
        answer, done = reload(ser)
        assert done and "warning: " not in answer, answer
    with sip.TlsClient(ser.address()) as client:
        client.ask()


def test_addresses_that_somebody_listens_at(refused, config):
    """Ports of their own, all ports, other protocols than these."""
    text = "".join(f"[server:127.0.0.1:{port}]\ncertificate = {{cert}}\nprivate_key = {{key}}\nserver_name = {name}\n"
                   for port, name in (("{ports[0]}", "a"), ("0", "b")))
    parameters = {**domains.AWAY, "config": lambda server: domains.write(
        server, config.good + text.replace("{cert}", config.pki.server.cert).replace("{key}", config.pki.server.key))}
    code, log = refused(tls=parameters).run_to_end("-c")
    assert code == 0 and "nothing listens" not in log, log
    code, log = refused(tls=parameters, listen=("tls:127.0.0.2", "udp:127.0.0.1")).run_to_end("-c")
    assert code == 0 and log.count("nothing listens") == 2, log
