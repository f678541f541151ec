# SPDX-License-Identifier: GPL-2.0-or-later
"""What the module says about kernel TLS (log, tls.info), and that connections are as it says."""
import pytest

import kernel
import settings
import sip
import tools
from homes import USER

AEADS = "AES-128-GCM", "AES-256-GCM", "AES-128-CCM", "CHACHA20-POLY1305"
PORTIONS = "tls12", "tls13"
# By name of tls.info: the suites that OpenSSL has for it.
SUITES = {"tls12_AES-128-GCM": "ECDHE-ECDSA-AES128-GCM-SHA256",
          "tls12_AES-256-GCM": "ECDHE-ECDSA-AES256-GCM-SHA384",
          "tls12_AES-128-CCM": "ECDHE-ECDSA-AES128-CCM",
          "tls12_CHACHA20-POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
          "tls13_AES-128-GCM": "TLS_AES_128_GCM_SHA256",
          "tls13_AES-256-GCM": "TLS_AES_256_GCM_SHA384",
          "tls13_CHACHA20-POLY1305": "TLS_CHACHA20_POLY1305_SHA256"}
OFF = "no: the parameter ktls is 0"


def home_of(info, name):
    """Where records of a suite have to be, by tls.info."""
    in_kernel = [info["ktls"], info[f"ktls_{name}_tx"], info[f"ktls_{name}_rx"]] == ["yes"] * 3
    return "kernel" if in_kernel else "user"


def client_of(ser, name, offload):
    """s_client that offers one suite only."""
    host, port = ser.address()
    options = ["-tls1_3", "-ciphersuites"] if name.startswith("tls13") else ["-tls1_2", "-cipher"]
    return tools.Command(["openssl", "s_client", "-connect", f"{host}:{port}", "-ign_eof", "-quiet", *options,
                          SUITES[name]], offload)


@pytest.fixture
def all_suites(share):
    return share("all suites", tls={"cipher_list": "ALL"})


def test_fields(ser):
    """All there are, each with "yes" or a reason, and the numbers of connections."""
    info = ser.info()
    ktls = {key for key in info if key.startswith("ktls")}
    assert ktls == {"ktls", "ktls_rekey", "ktls_max_fragment", *(f"ktls_{portion}_{aead}_{way}" for portion in PORTIONS
                                            for aead in AEADS for way in ("tx", "rx"))}
    assert all(info[key] for key in ktls)
    ser.wait_idle()
    assert ser.command("tls.info")["opened_connections"] == 0
    with sip.TlsClient(ser.address()) as client:
        client.ask()
        assert ser.command("tls.info")["opened_connections"] == 1


def test_fields_agree_with_expectation(ser):
    """The suites every kernel with TLS has are there, or none at all."""
    info = ser.info()
    if settings.EXPECT == "kernel":
        assert info["ktls"] == "yes"
        assert home_of(info, "tls12_AES-128-GCM") == home_of(info, "tls13_AES-128-GCM") == "kernel"
        assert kernel.counters()["TlsTxSw"] and kernel.counters()["TlsRxSw"]
        assert ser.logged("NOTICE: tls: records go to the kernel for TLS 1[.]2 [(]AES-128-GCM, ", 1)
    else:
        assert "yes" not in {value for key, value in info.items() if key.startswith("ktls")}, info
        assert ser.logged("NOTICE: tls: records stay in user space: ", 1)


@pytest.mark.parametrize("name", SUITES)
def test_suite(all_suites, name):
    """AES-CCM among them, which the default list leaves out: the home is the one tls.info names."""
    offload = home_of(all_suites.info(), name)
    all_suites.wait_idle()
    kernel.wait_current(0)
    before = kernel.counters()
    with client_of(all_suites, name, offload) as client:
        for _ in range(3):
            answer = client.ask()
            assert answer, client.text()
            assert answer.select("tls.cipher") == SUITES[name] and answer.select("tls.offload") == offload
        now = kernel.counters()
        for counter in "TlsTxSw", "TlsRxSw":
            assert now.get(counter, 0) - before.get(counter, 0) == (offload == "kernel")
    all_suites.wait_idle()


@pytest.mark.parametrize("name", SUITES)
def test_switched_off(share, name):
    """ktls=0: the same suites, and the kernel has no part in it."""
    ser = share("all suites off", tls={"cipher_list": "ALL", "ktls": 0})
    before = kernel.counters()
    with client_of(ser, name, "user") as client:
        for _ in range(3):
            answer = client.ask()
            assert answer, client.text()
            assert answer.select("tls.cipher") == SUITES[name] and answer.select("tls.offload") == "user"
    ser.wait_idle()
    assert kernel.counters() == before


def test_switched_off_is_said(start):
    """At the start and by tls.info; other fields still tell what the kernel could do."""
    ser = start(tls={"ktls": 0})
    assert ser.logged("NOTICE: tls: records stay in user space: the parameter ktls is 0$", 1)
    assert not ser.log_count("records go to the kernel")
    info = ser.info()
    assert info["ktls"] == OFF
    assert (info["ktls_tls12_AES-128-GCM_tx"] == "yes") == (settings.EXPECT == "kernel")


def test_switched_off_counts_nothing(start, pki):
    """Large messages and several connections: /proc/net/tls_stat stays as it is after the start."""
    ser = start(tls={"ktls": 0})
    before = kernel.counters()
    for home in USER:
        for _ in range(3):
            with home.client(ser, home.context(pki.bob)) as client:
                client.ask("MESSAGE", size=12000)
                client.ask()
    ser.wait_idle()
    assert kernel.counters() == before


def at(index, value):
    """A parameter's value for one of the server's listeners."""
    def text(ser):
        where, port = ser.ports[index]
        return f"{where.split(':', 1)[1]}:{port}={value}"
    return text


# Lines of the parameter, and which listeners of three have the kernel's help with them.
BY_LISTENER = {
    "one-off": ([at(1, 0)], (1, 0, 1)),
    "ipv6-off": ([at(2, "off")], (1, 1, 0)),
    "two-off": ([at(1, 0), at(2, "no")], (1, 0, 0)),
    "all-but-one-off": ([0, at(0, 1)], (1, 0, 0)),
    "one-off-then-others-on": ([at(1, 0), 1], (1, 0, 1)),
    "last-line-counts": ([at(1, 1), at(1, 0), at(2, 0), at(2, 1)], (1, 0, 1)),
}


@pytest.mark.parametrize("case", BY_LISTENER)
def test_by_listener(start, case):
    """A value for one address holds there only."""
    lines, expected = BY_LISTENER[case]
    ser = start(tls={"ktls": lines}, listen=("tls:127.0.0.1", "tls:127.0.0.1", "tls:[::1]"))
    for index, on in enumerate(expected):
        for version in "1.2", "1.3":
            with sip.TlsClient(ser.address(index), sip.context(version=version),
                               offload=settings.EXPECT if on else "user") as client:
                client.ask()
    if settings.EXPECT == "kernel":
        assert ser.info()["ktls"] == "yes"


@pytest.mark.parametrize("name,value", [("ktls", 2), ("ktls", -1), ("ktls_rekey_required", 2)])
def test_value_out_of_range(start, name, value):
    """One in range is taken for it, with a warning, as for the stock module's attributes."""
    ser = start(tls={name: value})
    assert ser.logged(f"WARNING: tls: .*{name}: .*{value}")


@pytest.mark.parametrize("name,value", [("send_timeout", 0), ("send_timeout", 3601)])
def test_bad_value(refused, name, value):
    """Refused at the start, and the log names the parameter."""
    server = refused(tls={name: value})
    code, log = server.run_to_end("-DD")
    assert code and any("ERROR: tls: " in line and name in line for line in log.split("\n")), log


def test_rekey_required_is_said(start):
    """Where the kernel has TLS but no rekey, TLS 1.3 is not announced for it."""
    ser = start(tls={"ktls_rekey_required": 1})
    kept = settings.EXPECT == "kernel" and ser.info()["ktls_rekey"] != "yes"
    assert ser.log_count("TLS 1[.]3 [(]none: ktls_rekey_required[)]") == kept
