# SPDX-License-Identifier: GPL-2.0-or-later
"""Who comes to SER in a soak: each function is a round of one client or peer, good or bad, that ends by itself."""
import contextlib
import random
import struct
import time

import homes
import outbound
import peers
import phones
import sip

SECURE, WITHOUT_KERNEL, PLAIN = range(3)  # SER's listeners
LISTEN = ("tls:127.0.0.1", "tls:127.0.0.1", "tcp:127.0.0.1")
DIRECT = homes.DIRECT + homes.USER
RELAYED = homes.Home("relayed", "1.2", "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA")  # certificates change
LOST = (sip.Ended, OSError)
CLOSE = struct.pack("!BB4x", 0x88, 0x80)  # a WebSocket's last frame


def somewhere():
    """
    An address of loopback that nobody else has. Where a connection is gone, the core sends its answers to whoever has
    come from the same address and port since (tcp_send()).
    """
    return f"127.{random.randrange(1, 256)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def client(ser, home, **more):
    """One whose connection has that home."""
    index = WITHOUT_KERNEL if home.ktls == 0 else SECURE
    return sip.TlsClient(ser.address(index), more.pop("context", None) or home.context(), offload=home.offload,
                         source=somewhere(), **more)


def talk(ser, generator):
    """A direct connection: whatever happens to engines, it loses nothing once it is up."""
    one = client(ser, generator.choice(DIRECT))
    try:
        one.handshake()
        one.ask()
    except LOST:  # the engine died under its handshake, or there was no room
        one.sock.close()
        return
    for _ in range(generator.randrange(200)):
        one.ask()
    one.close()


def talk_relayed(ser, generator):
    with contextlib.suppress(*LOST), client(ser, RELAYED) as one:
        for _ in range(generator.randrange(100)):
            one.ask("MESSAGE", body=b"x" * generator.randrange(9000))


def talk_over_a_web_socket(ser, generator):
    """Like any other direct connection; the core forgets who does not say that he goes only after minutes."""
    home = generator.choice(homes.DIRECT)
    one = phones.WebSocketPhone(ser.address(SECURE), home.context(), offload=home.offload, source=somewhere())
    try:
        one.handshake()
        status = one.upgrade()
    except LOST:
        one.sock.close()
        return
    assert status.startswith("HTTP/1.1 101 "), status
    for _ in range(generator.randrange(50)):
        message = one.send_request("MESSAGE", "test")
        answer = one.take()
        answer.check(home.offload)
        assert answer.call_id == sip.call_id(message)
    one.put(one.seal(CLOSE))
    one.receive()  # SER's last frame
    one.close()


def come_again(ser, generator):
    """With the session of the time before."""
    home = generator.choice((*homes.DIRECT, RELAYED))
    context, session = home.context(), None
    with contextlib.suppress(*LOST):
        for _ in range(generator.randrange(2, 20)):
            with client(ser, home, context=context, session=session) as one:
                one.ask()
                session = one.tls.session


def call_out(ser, generator):
    """SER connects to a peer, good or bad; whoever sent the request is told what became of it."""
    home = generator.choice((*homes.DIRECT, RELAYED))
    kind = generator.choice((peers.Peer, peers.Closes, peers.Mute, peers.ResetsAtHello, peers.ResetsAfterHandshake))
    made = peers.context(ser.pki.server, home.version, home.ciphers)
    with kind(made, offload=home.offload) as peer, outbound.Client(ser, PLAIN, somewhere()) as one:
        for _ in range(generator.randrange(1, 10) if kind in (peers.Peer, peers.Closes) else 1):
            status = one.forward(peer).status
            assert status in (200, *outbound.FAILED), status


def call_nobody(ser, _):
    with outbound.Client(ser, PLAIN, somewhere()) as one:
        status = one.forward(outbound.closed_port()).status
        assert status in outbound.FAILED, status


def shake_and_reset(ser, generator):
    one = client(ser, generator.choice((*DIRECT, RELAYED)))
    with contextlib.suppress(*LOST):
        one.handshake()
    one.reset()


def stop_in_the_middle(ser, generator):
    with contextlib.suppress(*LOST), sip.Wire(ser.address(), somewhere()) as one:
        one.put(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".ljust(300, b"\x01")[:generator.randrange(1, 300)])
        time.sleep(generator.random() * 3)


def send_garbage(ser, generator):
    with contextlib.suppress(*LOST), sip.Wire(ser.address(), somewhere()) as one:
        one.put(generator.randbytes(generator.randrange(1, 2000)))
        one.end()


def break_a_record(ser, generator):
    with contextlib.suppress(*LOST), client(ser, generator.choice(DIRECT)) as one:
        one.ask()
        record = bytearray(one.seal(sip.request()))
        record[-1] ^= 1
        one.put(bytes(record))
        one.end()


def never_read(ser, generator):
    with contextlib.suppress(*LOST), client(ser, generator.choice((*DIRECT, RELAYED))) as one:
        one.ask()
        one.sock.settimeout(1)
        data = b"".join(sip.request("MESSAGE", headers=["X-Conn: " + "p" * 900]) for _ in range(8))
        for _ in range(500):
            one.send(data)


# With the number of those that are there at a time.
EVERYBODY = {talk: 4, talk_relayed: 2, talk_over_a_web_socket: 2, come_again: 2, call_out: 3, call_nobody: 1,
             shake_and_reset: 4, stop_in_the_middle: 2, send_garbage: 1, break_a_record: 1, never_read: 2}
