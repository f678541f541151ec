# SPDX-License-Identifier: GPL-2.0-or-later
"""The module knows the cores it was made for, and refuses another, or one that is not what it says, with a sentence."""
import glob
import os
import re
import shutil
import struct

import pytest

import settings
import sip
from server import BINARY
from test_bad_config import complaint

# Variables of the core whose sizes the module knows, and what it says when one is another.
SIZES = {"tls_hook": "the size of the TLS hooks", "tcp_default_cfg": "the size of the TCP settings",
         "_shm_root": "the size of the memory's functions", "event_rt": "the size of a list of routes",
         "tcp_cnts_h": "the size of the TCP counters"}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def release():
    """What the installed core says it is."""
    return re.search(rb"kamailio (\d+\.\d+\.\d+) \(", read(BINARY))[1]


def another(number):
    """A release of the same length that is none. Its end stays, because other strings may lie in it."""
    return b"9" + number[1:]


def program(path, content):
    """Writes a core that runs."""
    path.write_bytes(content)
    os.chmod(path, 0o755)
    return str(path)


def resized(binary, name):
    """An ELF file whose symbol table says that a variable is a byte bigger."""
    sections, = struct.unpack_from("<Q", binary, 40)
    size, count = struct.unpack_from("<HH", binary, 58)
    headers = [struct.unpack_from("<IIQQQQIIQQ", binary, sections + i * size) for i in range(count)]
    table = next(header for header in headers if header[1] == 11)  # SHT_DYNSYM
    strings = headers[table[6]][4]
    for at in range(table[4], table[4] + table[5], 24):
        word, *_, length = struct.unpack_from("<IBBHQQ", binary, at)
        if binary[strings + word:].startswith(name.encode() + b"\0"):
            return binary[:at + 16] + struct.pack("<Q", length + 1) + binary[at + 24:]
    raise AssertionError(f"{BINARY} has no {name}")


@pytest.fixture
def ends(refused):
    """ends(...) runs a server that must not start, with a module in another folder on request; its log."""
    def run(folder=None, **options):
        server = refused(**options)
        if folder:
            with open(server.config, encoding="utf-8") as config:
                text = config.read()
            with open(server.config, "w", encoding="utf-8") as config:
                config.write(text.replace(settings.MODULE, str(folder / "tls.so")))
        code, log = server.run_to_end("-DD")
        assert code != 0, log
        server.check_log_for_crashes()
        return log
    return run


def renumbered(folder):
    """The installed core, which says that it is another release."""
    version = release()
    core = read(BINARY).replace(b"kamailio " + version, b"kamailio " + another(version)).replace(
        b"\0" + version + b"\0", b"\0" + another(version) + b"\0")
    return program(folder / "kamailio", core)


def test_other_version(ends, tmp_path):
    version = release()
    log = ends(binary=renumbered(tmp_path), load=())
    assert complaint(log, "tls.so", another(version).decode(), f" {version.decode()} ", "-DKAMAILIO_SOURCE_DIR"), \
        f"no line says what it knows:\n{log}"


@pytest.mark.parametrize("flags, said", [((b"USE_FUTEX", b"USE_MUTEX"), "with USE_MUTEX"),
                                         ((b", HAVE_RESOLV_RES", b", MEM_JOIN_FREE\0\0"), "without HAVE_RESOLV_RES")])
def test_other_options(ends, tmp_path, flags, said):
    """A core that was built with other options is laid out otherwise, or locks otherwise."""
    core = read(BINARY)
    assert flags[0] in core
    log = ends(binary=program(tmp_path / "kamailio", core.replace(*flags)), load=())
    assert f"module: ser-ktls, which is not made for a core built {said}" in log, log


@pytest.mark.parametrize("symbol", SIZES)
def test_other_sizes(ends, tmp_path, symbol):
    """A core that says it is the same release, but has another layout."""
    log = ends(binary=program(tmp_path / "kamailio", resized(read(BINARY), symbol)), load=())
    assert complaint(log, "not laid out as the module knows it", SIZES[symbol], "-DKAMAILIO_SOURCE_DIR"), log


def test_alone(ends, tmp_path):
    """tls.so without the part for this core."""
    shutil.copy(settings.MODULE, tmp_path)
    log = ends(tmp_path, load=())
    assert complaint(log, "cannot open its part for this core", f"{tmp_path}/tls-"), log


def test_wrong_part(ends, tmp_path):
    """The part for another release than the core says it is, which lies there by the name of the right one."""
    number, folder = release(), os.path.dirname(settings.MODULE)
    for path in glob.glob(os.path.join(folder, "tls-*.so")):
        shutil.copy(path, tmp_path)
    known = read(settings.MODULE).replace(b"\0" + number + b"\0", b"\0" + another(number) + b"\0")
    (tmp_path / "tls.so").write_bytes(known)
    log = ends(tmp_path, binary=renumbered(tmp_path), load=())
    assert complaint(log, "not laid out as the module knows it: its release differs"), log


def test_same_version(refused, tmp_path):
    """The copy itself is no reason."""
    copy = tmp_path / "kamailio"
    shutil.copy(BINARY, copy)
    server = refused(binary=str(copy))
    server.start()
    server.stop()
    server.check_log()


def test_connections_of_one_address(start):
    """tcp_accept_iplimit: connections over TLS count, and one that ends makes room."""
    if b"\0tcp_accept_iplimit\0" not in read(BINARY) and b"ksr_tcp_accept_iplimit\0" not in read(BINARY):
        pytest.skip("this core has no tcp_accept_iplimit")
    ser = start(core=["tcp_accept_iplimit=3"])
    ser.wait_idle()
    clients = [sip.TlsClient(ser.address()).handshake() for _ in range(3)]
    for client in clients:
        client.ask()
    fourth = sip.TlsClient(ser.address())
    with pytest.raises((OSError, sip.Ended)):
        fourth.handshake().ask()
    fourth.sock.close()
    assert ser.logged(r"ERROR: tls: connection from .* refused: its address has as many as tcp_accept_iplimit "
                      r"allows$", 1), ser.log()
    for client in clients:
        client.ask()
        client.close()
    ser.wait_idle()
    with sip.TlsClient(ser.address()) as again:
        again.ask()


@pytest.mark.parametrize("setting", ["tcp_main_threads=1", "tls_connection_match_domain=yes"])
def test_settings_that_cannot_be_followed(ends, setting):
    """Of newer releases."""
    name = setting.partition("=")[0]
    if name.encode() + b"\0" not in read(BINARY):
        pytest.skip(f"this core has no {name}")
    log = ends(core=[setting], load=())
    assert complaint(log, "tls: ", name), log
