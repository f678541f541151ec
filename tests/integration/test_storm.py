# SPDX-License-Identifier: GPL-2.0-or-later
"""Twenty clients shake hands and reset as fast as they can, while one that matters sends on."""
import threading

import pytest

import settings
import sip
from server import Usage

THREADS = 20


def handshake_and_reset(ser, number, client_context):
    """One of the storm; every third leaves earlier or later than right after the handshake."""
    client = sip.TlsClient(ser.address(), client_context)
    try:
        if number % 3 == 1:
            sip.TALLY.add(made=1)
            with pytest.raises(sip.ssl.SSLWantReadError):
                client.tls.do_handshake()
            client.flush()
        else:
            client.handshake()
            if number % 3 == 2:
                client.send(sip.request())
    finally:
        client.reset()


def storm(ser, pki, count):
    """Starts it; its threads, and a list that gets what goes wrong in them."""
    contexts = [sip.context(pair, version) for pair in (None, pki.bob) for version in ("1.2", "1.3")]
    failures = []
    numbers = iter(range(count))
    lock, everybody = threading.Lock(), threading.Barrier(THREADS + 1)

    def run():
        everybody.wait(settings.PATIENCE)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                handshake_and_reset(ser, number, contexts[number % len(contexts)])
            except Exception as failure:  # pylint: disable=broad-except
                failures.append(repr(failure))
    threads = [threading.Thread(target=run, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    everybody.wait(settings.PATIENCE)
    return threads, failures


def test_storm(start, pki):
    ser = start()
    with sip.TlsClient(ser.address(), sip.context(pki.bob)) as steady:
        threads, _ = storm(ser, pki, THREADS)
        for thread in threads:
            thread.join(settings.PATIENCE)
        steady.ask()
    before = Usage(ser)
    with sip.TlsClient(ser.address(), sip.context(pki.bob)) as steady:
        threads, failures = storm(ser, pki, settings.STORM)
        asked = 0
        while any(thread.is_alive() for thread in threads):
            steady.ask("MESSAGE")
            asked += 1
        assert asked, "the storm was over before anything was asked"
        assert not failures
        assert steady.ask().select("tls.peer") == "Bob"
    assert ser.running()
    before.check()
