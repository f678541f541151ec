# SPDX-License-Identifier: GPL-2.0-or-later
"""A core that says it is a known release and has another layout: all that it shows of that is looked at."""
import glob
import os
import re
import shutil
import subprocess

import pytest

import faults
import settings
from test_bad_config import complaint

HERE = os.path.dirname(os.path.abspath(__file__))
# Of the core. misfit.c has them with another first letter.
FUNCTIONS = ("tcpconn_new", "tcpconn_exists", "tcpconn_add_alias", "pv_get_null", "pv_parse_index",
             "sr_kemi_xval_null", "tcp_get_info", "faked_msg_get_new", "free_sip_msg")
# What misfit.c is told, where a position is a sum of members, or a size, named as in ser/host/facts; what the log says differs.
MISFITS = {
    # A connection that the core has just made. Members that are not here are zero, whatever they are.
    "tls 0": "its descriptors",
    "tls tcp_connection_fd": "its descriptors",
    "tls tcp_connection_id": "the connection's id",
    "tls tcp_connection_rcv": "the peer's address",
    "tls tcp_connection_rcv + 8": "the peer's address",
    "tls tcp_connection_rcv + 32": "the local address",
    "tls tcp_connection_rcv + 48": "the peer's address",
    "tls tcp_connection_rcv + 50": "the local address",
    "tls tcp_connection_rcv + receive_info_src_su": "the peer's socket address",
    "tls tcp_connection_rcv + receive_info_bind_address": "the listener",
    "tls tcp_connection_req + 8": "the read buffer",
    "tls tcp_connection_req + tcp_req_pos": "the read buffer",
    "tls tcp_connection_req + tcp_req_b_size": "the size of the read buffer",
    "tls tcp_connection_state": "state, flags or locks",
    "tls tcp_connection_initstate": "the first state",
    "tls tcp_connection_timer + timer_data": "the timer",
    "tcp tcp_connection_rcv + receive_info_proto": "the protocol",
    "tcp tcp_connection_type": "the protocol",
    "tcp tcp_connection_lifetime": "the lifetime",
    "tcp tcp_connection_timeout + 2": "the timeout",
    # Zero, but these are looked at.
    "tls tcp_connection_write_lock": "state, flags or locks",
    "tls tcp_connection_refcnt": "state, flags or locks",
    "tls tcp_connection_flags": "state, flags or locks",
    "tls tcp_connection_wbuf_first": "state, flags or locks",
    # How it is found.
    "rows more": "the table of connections",
    "rows less": "the table of connections",
    "next": "the next connection",
    "bad": "the state of a broken connection",
    "lost": "finding a connection by its addresses",
    "parameters": "the number of tcpconn_exists()'s parameters",
    "alias tcp_connection_aliases": "a connection's addresses",
    "alias tcp_connection_aliases + 24": "a connection's addresses",
    "alias tcp_connection_aliases + 26": "the table of addresses",
    "alias tcp_connection_aliases_count": "the number of a connection's addresses",
    # The rest.
    "null value_i": "the value of a variable",
    "null value_flags": "the value of a variable",
    "index variable_param_index_type + 8": "the index of a variable",
    "kept": "the index of a variable",
    "kemi 0": "the value of a function for scripts",
    "kemi 16": "the value of a function for scripts",
    "info tcp_gen_info_tls_connections_no": "the number of connections",
    "message sip_msg_rcv": "where a message is from",
    "message sip_msg_rcv + 48": "where a message is from",
    "message sip_msg_rcv + 50": "where a message is from",
    "message sip_msg": "the size of a message",
    "short": "the size of a message",
    "hooks 0": "the TLS hooks",
    "listener socket_info_su": "a listener's address",
    "listener socket_info_port_no": "a listener's address",
}


def told(misfit, positions):
    """For misfit.c, or None if this core has no such member."""
    function, _, place = misfit.partition(" ")
    if function not in ("tls", "tcp", "alias", "null", "index", "kemi", "info", "message", "hooks", "listener"):
        return misfit
    names = place.split(" + ")
    if not all(name.isdigit() or name in positions for name in names):
        return None
    return f"{function} {sum(int(positions.get(name, name)) for name in names)}"


@pytest.fixture(scope="module", name="misfits")
def fixture_misfits(tmp_path_factory):
    """A copy of the module that calls misfit.c in place of the core, what to preload for it, and this core's layout."""
    folder = tmp_path_factory.mktemp("misfits")
    library = folder / "misfit.so"
    facts = faults.facts()
    subprocess.run(["cc", f'-DHOST_FACTS="{facts}"', "-I", faults.ROOT, "-shared", "-fPIC", "-Wall", "-Wextra",
                    "-o", library, os.path.join(HERE, "misfit.c")], check=True, timeout=120)
    shutil.copy(settings.MODULE, folder)
    for path in glob.glob(os.path.join(os.path.dirname(settings.MODULE), "tls-*.so")):
        with open(path, "rb") as file:
            part = file.read()
        for name in FUNCTIONS:
            old, new = (b"\0" + text.encode() + b"\0" for text in (name, "X" + name[1:]))
            assert old in part, f"{path} does not take {name} from the core"
            part = part.replace(old, new)
        (folder / os.path.basename(path)).write_bytes(part)
    with open(facts, encoding="utf-8") as header:
        return folder / "tls.so", library, dict(re.findall(r"#define FACT_(?:AT|SIZE)_host_(\w+) +(\d+)", header.read()))


def server(refused, misfits, environment, **options):
    """With the copy."""
    module, library, _ = misfits
    made = refused(environment={"LD_PRELOAD": str(library), **environment}, **options)
    with open(made.config, encoding="utf-8") as config:
        text = config.read()
    with open(made.config, "w", encoding="utf-8") as config:
        config.write(text.replace(settings.MODULE, str(module)))
    return made


@pytest.mark.parametrize("misfit", MISFITS)
def test_misfit(refused, misfits, misfit):
    """SER does not start, and one line says what differs."""
    words = told(misfit, misfits[2])
    if words is None:
        pytest.skip("this core has no such member")
    ser = server(refused, misfits, {"MISFIT": words}, load=())
    code, log = ser.run_to_end("-DD")
    assert code != 0, log
    ser.check_log_for_crashes()
    assert ser.log_count("not laid out as the module knows it") == 1, log
    assert complaint(log, "not laid out as the module knows it", f": {MISFITS[misfit]} differs;",
                     "-DKAMAILIO_SOURCE_DIR"), log


def test_nothing_differs(refused, misfits):
    """The copy itself is no reason."""
    ser = server(refused, misfits, {})
    ser.start()
    ser.stop()
    ser.check_log()
