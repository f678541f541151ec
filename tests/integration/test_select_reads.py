# SPDX-License-Identifier: GPL-2.0-or-later
"""What reading costs: no lock, no line in the log, no memory; and where else than in a request's own process it works."""
import threading

import pytest

import settings
import sip
from phones import WebSocketPhone
from server import Usage, value_lines
from test_golden import SELECTS, chunks, script

CONNECTIONS, ROUNDS, REQUESTS = 50, 3, 2


def talk(ser, context, rounds, requests, failures):
    """One client: a connection, some requests with a list of selects each, and from the start."""
    methods = [f"SEL{number}" for number in range(len(chunks(SELECTS)))]
    try:
        for number in range(rounds):
            with sip.TlsClient(ser.address(), context) as client:
                for request in range(requests):
                    method = methods[(number * requests + request) % len(methods)]
                    answer = client.ask(method)
                    assert len(answer.headers) > 20
                client.close()
    except Exception as failure:  # pylint: disable=broad-except
        failures.append(repr(failure))


def read_much(ser, pki, connections=CONNECTIONS, rounds=ROUNDS, requests=REQUESTS):
    """That many clients at once; gives the number of selects that were read."""
    failures = []
    contexts = [sip.context(pair, version) for pair in (None, pki.bob) for version in ("1.2", "1.3")]
    threads = [threading.Thread(target=talk, daemon=True,
                                args=(ser, contexts[i % len(contexts)], rounds, requests, failures))
               for i in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(settings.PATIENCE)
        assert not thread.is_alive(), "a client hangs"
    assert not failures, failures[:3]
    return connections * rounds * requests * 60


def test_reads_leave_no_trace(start, pki):
    ser = start(tls={"tls_log": 3}, script=list(script()))
    read_much(ser, pki, connections=4)
    idle, lines = Usage(ser), len(ser.log().split("\n"))
    before = ser.command("tls.stats")["lookups"]
    read_much(ser, pki)
    assert ser.command("tls.stats")["lookups"] == before == 0
    assert len(ser.log().split("\n")) == lines, ser.log()[-2000:]
    idle.check()


def test_another_process(share_here):
    """A route that runs later and elsewhere has the same answers; each read there is counted."""
    later = ["route[LATER] {", *value_lines("peer", "@tls.peer"), *value_lines("version", "$tls_version"),
             *value_lines("verified", "is_peer_verified", "is_peer_verified()"), 't_reply("200", "OK");', "exit; }"]
    later = [line.replace("= is_peer_verified;", '= "yes";') for line in later]
    ser = share_here("async", core=("async_workers=2",), modules=("tm", "async"), routes=later,
                script=('if ($rm == "INVITE") { t_newtran(); async_task_route("LATER"); exit; }',))
    before = ser.command("tls.stats")["lookups"]
    with sip.TlsClient(ser.address(), sip.context(ser.pki.bob)) as client:
        message = sip.request("INVITE")
        client.send(message)
        data = b""
        while b"200 OK" not in data or not data.endswith(b"\r\n\r\n"):
            data += client.receive()
        head = data[data.index(b"SIP/2.0 200"):]
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        client.counted = True
        sip.TALLY.add(answered=1)
    assert {name: headers["X-" + name] for name in ("peer", "version", "verified")} == {
        name: "H" + value.encode().hex() for name, value in (("peer", "Bob"), ("version", "TLSv1.3"),
                                                             ("verified", "yes"))}
    # "defined" and the value are a read each.
    assert ser.command("tls.stats")["lookups"] == before + 5


def test_websocket(share_here):
    """The connection of a WebSocket over TLS has the same answers, although the core no longer calls it TLS."""
    route = ("event_route[xhttp:request] {", 'if (@tls.peer == "Bob") { if (ws_handle_handshake()) exit; }',
             'xhttp_reply("403", "Forbidden", "", "");', "}")
    ser = share_here("websocket", core=("tcp_accept_no_cl=yes",), routes=route,
                script=(*value_lines("peer", "@tls.peer"), *value_lines("v-peer", "$tls_peer_subject_cn"),
                        'if (is_peer_verified()) append_to_reply("X-verified: yes\\r\\n");',
                        'append_to_reply("X-proto: $proto\\r\\n");'),
                modules=("xhttp", "websocket"))
    with WebSocketPhone(ser.address(), sip.context(ser.pki.bob)) as client:
        assert client.upgrade().startswith("HTTP/1.1 101 ")
        for _ in range(2):
            client.send_request("MESSAGE", "test")
            answer = client.take()
            answer.check()
            assert (answer.select("peer"), answer.select("v-peer")) == ("Bob", "Bob")
            assert (answer.headers["X-verified"], answer.headers["X-proto"]) == ("yes", "wss")


def memory_of(ser, connect, count=50):
    """Bytes of shared memory that one of several idle connections takes."""
    ser.wait_idle()
    before = ser.shared_memory()
    clients = [connect() for _ in range(count)]
    try:
        for client in clients:
            client.ask("MESSAGE")
        return (ser.shared_memory() - before) / count
    finally:
        for client in clients:
            client.sock.close()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_memory(start, version):
    """An idle connection without a client's certificate takes less than 1 KB more than one over TCP."""
    ser = start(listen=("tls:127.0.0.1", "tcp:127.0.0.1"))
    context = sip.context(None, version)
    plain = memory_of(ser, lambda: sip.Wire(ser.address(1)))
    ser.settle(lambda: ser.command("core.tcp_info")["opened_connections"] == 0, "TCP connections left")
    protected = memory_of(ser, lambda: sip.TlsClient(ser.address(0), context).__enter__())
    assert protected - plain <= 1024, (plain, protected)
