# SPDX-License-Identifier: GPL-2.0-or-later
"""SER ends and starts again, and its connections do not notice: they are with the keeper meanwhile."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

import domains
import outbound
import peers
import settings
import sip
from crowd import Crowd
from homes import DIRECT, HOMES, RELAYED, USER
from keeping import Keeper
from kernel import TALLY, counters
from manual import block, read
from patience import settle
from ports import free_port
from server import Server, select_lines
from test_key_update import client_of, follows, updates_are_followed

KEPT = pytest.mark.parametrize("home", DIRECT + USER, ids=str)
SEEN = "tls.version", "tls.cipher", "tls.peer.subject", "tls.peer.verified", "tls.me", "tls.offload", "tls.alpn"
GO_ON = r"(\d+) TLS connections of the SER before go on, (\d+) could not be taken back"

# To be preloaded: an alarm that comes once never comes. tcp_main's comes again and again.
NO_ALARM = """
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
int setitimer(__itimer_which_t which, const struct itimerval *new, struct itimerval *old)
{
	static const struct itimerval off;
	return syscall(SYS_setitimer, which, new->it_interval.tv_usec ? new : &off, old);
}
"""

# The same: the main process cannot fork any more after an engine's supervisor, when the file FAIL is there.
NO_FORK = """
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static pid_t main_process;
static int forks;
int pipe2(int ends[2], int flags)
{
	main_process = getpid();
	forks = 0;
	return syscall(SYS_pipe2, ends, flags);
}
pid_t fork(void)
{
	pid_t (*real)(void) = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork");
	if (getpid() != main_process || !forks++)
		return real();
	while (access(getenv("FAIL"), F_OK))
		usleep(1000);
	errno = EAGAIN;
	return -1;
}
"""


def build(folder, source):
    """What is to be preloaded."""
    library = folder / "preload.so"
    subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-x", "c", "-o", library, "-"], input=source, text=True,
                   check=True)
    return {"LD_PRELOAD": str(library)}


class Chain:
    """One SER after another, each with the listeners of the one before."""

    def __init__(self, pki, keeper):
        self.pki, self.keeper, self.options, self.ser, self.gone = pki, keeper, {}, None, []

    def make(self, tls=None, **options):
        """A server that is not started."""
        return Server(self.pki, tls={"keeper": self.keeper.path, **(tls or {})}, **options)

    def begin(self, **options):
        """The first one."""
        self.options = options
        self.ser = self.make(**options)
        self.ser.start()
        # Who asked whether it runs is gone, or would be kept, too.
        self.ser.settle(lambda: not sum(engine["handshakes"] + engine["ready"] for engine in self.ser.engines()), self.ser.engines)
        self.ser.wait_idle()
        return self.ser

    def end(self):
        """Until it is gone."""
        self.ser.stop()
        self.ser.check_log()

    def again(self, only=None, **options):
        """
        The next one, with the same configuration or another, when it has taken back what there was. only: the number
        of the one listener that it has.
        """
        old, before = self.ser, counters()
        if old.running():
            self.end()
        self.gone.append(old)
        self.ser = self.make(**{**self.options, **options})
        self.ser.move_to(old, only)
        self.ser.spawn("-DD")
        self.ser.wait_for_ports()
        self.ser.logged(GO_ON)
        # Not in the middle of its start: then the core may miss a SIGTERM.
        self.ser.settle(lambda: not self.result()[0] or self.ser.tls_connections(), "tcp_main does not run")
        TALLY.started(before)
        return self.ser

    def result(self):
        """How many connections go on, and how many do not."""
        return tuple(map(int, re.search(GO_ON, self.ser.log()).groups()))

    def clean_up(self):
        """With all checks; nothing is left running whatever they say."""
        try:
            if self.ser and self.ser.running():
                self.end()
        finally:
            for server in [*self.gone, *filter(None, [self.ser])]:
                server.clean_up()


@pytest.fixture
def keeper():
    """One that keeps connections longer than any test takes."""
    folder = tempfile.mkdtemp(prefix="keep-")
    try:
        with Keeper(os.path.join(folder, "socket"), "--seconds", "1000") as running:
            yield running
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def chain(pki, keeper):
    made = Chain(pki, keeper)
    try:
        yield made
    finally:
        made.clean_up()


def knowing(**options):
    """What a server is started with whose script knows all of it."""
    return {"script": [*select_lines(["tls.alpn"])], **options}


def facts(answer):
    """What the script knows of a connection."""
    return {name: answer.select(name) for name in SEEN}


def test_page(chain):
    """What it types and configures is what the service and the tests use, and SER says what it shows."""
    started, = re.findall("^ExecStart=/usr/sbin/(.*)$", read("packaging/systemd/ser-ktls-keeper.service"), re.M)
    assert block("docs/operations.md", "ser-ktls-keeper ") == f"{started} &\n"
    program, path = started.split()
    assert program == os.path.basename(chain.keeper.process.args[0])
    assert block("docs/operations.md", 'modparam("tls", "keeper"') == f'modparam("tls", "keeper", "{path}")\n'
    chain.begin()
    chain.end()
    shown = block("docs/operations.md", "10000 TLS connections of the SER before ")
    chain.again()
    assert chain.ser.logged(re.escape(shown.strip().replace("10000", "0")) + "$")
    with sip.TlsClient(chain.ser.address()) as client:
        client.ask()


@KEPT
def test_goes_on(chain, pki, home):
    chain.begin(**knowing(**home.options(pki, tls={"alpn": "sip/2"})))
    context = home.context(pki.bob)
    context.set_alpn_protocols(["sip/2"])
    with home.client(chain.ser, context) as client:
        known = facts(client.ask())
        assert known["tls.alpn"] == "sip/2"
        for _ in range(3):
            chain.end()
            message = sip.request()
            client.send(message)  # while there is no SER
            chain.again()
            answer, = client.answers(1)
            assert answer.call_id == sip.call_id(message) and facts(answer) == known
            assert facts(client.ask()) == known
            assert chain.result() == (1, 0)
            assert chain.ser.counters()["taken_back"] == 1 and not chain.ser.counters()["handshakes_ok"]
            assert chain.ser.tls_connections() == 1


@KEPT
def test_half_a_message(chain, pki, home):
    """What SER had read of it goes along, and so does half a record."""
    chain.begin(**home.options(pki))
    messages = [sip.request(size=12000), sip.request()]
    with home.client(chain.ser) as read, home.client(chain.ser) as record:
        read.ask()
        record.ask()
        half = read.seal(messages[0][:300])
        rest = read.seal(messages[0][300:])
        read.put(half)
        sealed = record.seal(messages[1])
        record.put(sealed[:100])
        # Both have been read before, so a later answer on another connection says that these were, too.
        with home.client(chain.ser) as other:
            other.ask()
            chain.again()
            assert chain.result() == (3, 0)
            read.put(rest)
            record.put(sealed[100:])
            for client, message in zip((read, record), messages):
                answer, = client.answers(1)
                assert answer.call_id == sip.call_id(message)
                client.ask()


def test_last_message(chain, tmp_path):
    """A worker whose connection ended with the message ends with SER at once, not when its patience is over."""
    chain.begin(environment=build(tmp_path, NO_ALARM))
    with sip.TlsClient(chain.ser.address()) as stays, sip.TlsClient(chain.ser.address()) as ends:
        stays.ask()
        ends.ask()
        ends.tls.write(sip.request("MESSAGE"))
        ends.close()  # with it: both go in one write
        chain.ser.settle(lambda: chain.ser.tls_connections() == 1, "it does not end")
        chain.again()
        assert chain.result() == (1, 0)
        stays.ask()


@pytest.mark.parametrize("how", ["k", "K"], ids=["update", "update-and-ask-for-one"])
def test_keys_change(chain, how):
    """As before: by the peer's wish, after a change and a restart, and in the kernel where it can."""
    chain.begin(tls={"ktls_rekey_required": 1})
    where = settings.EXPECT if follows(chain.ser) else "user"
    with client_of(chain.ser, where) as client:
        updates_are_followed(client, how)
        for _ in range(2):
            chain.again()
            updates_are_followed(client, how)
    assert not chain.ser.counters()["handshakes_ok"]


class Talk:
    """Sends requests over its clients, several at a time and in pieces, and checks that each is answered once."""

    def __init__(self, clients, each):
        self.clients, self.each, self.said = clients, each, [0] * -(-len(clients) // each)

    def __call__(self, number):
        for client in self.clients[number * self.each:][:self.each]:
            self.talk(client, number)

    def talk(self, client, number):
        """Some requests."""
        said = self.said[number]
        messages = [sip.request("MESSAGE", body=b"x" * (said * 37 % 900)) for _ in range(1 + said % 3)]
        data = b"".join(messages)
        cut = said * 131 % len(data)
        client.send(data[:cut] or data)
        if cut:
            client.send(data[cut:])
        found = client.answers(len(messages))
        assert sorted(answer.call_id for answer in found) == sorted(map(sip.call_id, messages))
        assert not client.buffer, "more than was asked for"
        self.said[number] += len(messages)


# As systemd does it, and as the main process does it.
ALL, MAIN = "all processes get SIGTERM", "the main process does"


@pytest.mark.parametrize("told", [ALL, MAIN])
@outbound.BOTH
def test_traffic(chain, stack, how, told):
    """Nothing is lost and nothing is answered twice, wherever SER's processes are when it ends."""
    chain.begin(core=(*outbound.ASYNC[how], "tcp_children=3"), memory=128, script=['usleep("1000");'],
                modules=("cfgutils",))
    clients = [stack.enter_context(sip.TlsClient(chain.ser.address(), sip.context(version=version)))
               for version in ("1.2", "1.3") * 10]
    for client in clients:
        client.ask()  # until then the engine may have it
    talk = Talk(clients, 5)
    with Crowd(talk, 4) as crowd:
        for _ in range(4):
            said = list(talk.said)
            settle(lambda: crowd.errors or all(now > before for now, before in zip(talk.said, said)), crowd.errors)
            if told == ALL:
                os.killpg(chain.ser.process.pid, signal.SIGTERM)
                assert not chain.ser.process.wait(settings.PATIENCE)
            chain.again()
            assert chain.result() == (len(clients), 0)
    assert not chain.ser.counters()["handshakes_ok"]


def test_many(chain, stack):
    chain.begin(memory=256)
    clients = [stack.enter_context(sip.TlsClient(chain.ser.address())) for _ in range(300)]
    for client in clients:
        client.ask()
    chain.again()
    assert chain.result() == (300, 0)
    for client in clients:
        client.ask()


@pytest.mark.parametrize("home", RELAYED[:1], ids=str)
def test_relayed(chain, pki, home):
    """The engine that has its SSL object ends with SER."""
    chain.begin(**home.options(pki))
    with home.client(chain.ser) as client, DIRECT[1].client(chain.ser) as direct:
        client.ask()
        direct.ask()
        chain.end()
        assert client.end() in ("close_notify", "fin")
        assert chain.ser.logged(r"the keeper has 1 TLS connections for the next start, ")
        chain.again()
        direct.ask()


@outbound.BOTH
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_outbound(chain, pki, stack, version, how):
    """Those that SER opened: messages still find the one with their identity."""
    chain.begin(**outbound.options(core=outbound.ASYNC[how]))
    peer = stack.enter_context(peers.Peer(peers.context(pki.server, version)))
    for _ in range(3):
        with outbound.Client(chain.ser) as client:
            assert client.forward(peer).status == 200
            assert client.forward(peer, id="one").status == 200
            assert client.forward(peer, id="two").status == 200
        chain.again()
        assert chain.result() == (3, 0)
    assert [len(connection.requests) for connection in peer.connections] == [3, 3, 3]
    assert not chain.ser.counters()["connects_ok"]


def test_behind_a_proxy(chain):
    """Addresses are those of its header, as before."""
    chain.begin(core=["tcp_accept_haproxy=yes"], preamble=b"PROXY UNKNOWN\r\n",
                script=['append_to_reply("X-From: $si:$sp\\r\\n");'])
    with sip.TlsClient(chain.ser.address(), preamble=b"PROXY TCP4 192.0.2.1 198.51.100.1 1234 5061\r\n") as client:
        assert client.ask().headers["X-From"] == "192.0.2.1:1234"
        chain.again()
        assert client.ask().headers["X-From"] == "192.0.2.1:1234"


def test_alias(chain):
    """The port that the script gave a connection leads to it."""
    port = free_port()
    chain.begin(script=[f'if (is_present_hf("X-Alias")) force_tcp_alias({port});'])
    with sip.TlsClient(chain.ser.address()) as phone, sip.TlsClient(chain.ser.address()) as caller:
        phone.ask(headers=["X-Alias: yes"])
        caller.ask()
        chain.again()

        def rings():
            caller.send(sip.request("MESSAGE", headers=[f"X-To: sip:127.0.0.1:{port};transport=tls"]))
            return not phone.silent(1)
        settle(rings, "nothing comes over the connection with the alias")


def test_no_keeper(chain, keeper):
    """It is not running: a start and an end as without one, and both say so."""
    assert not keeper.stop()
    chain.begin()
    assert chain.ser.logged(r"keeper '.*': nobody answers there; start ser-ktls-keeper; a restart ends all")
    with sip.TlsClient(chain.ser.address()) as client:
        client.ask()
        chain.end()
        assert client.end() == "close_notify"
    assert chain.ser.logged(r"no TLS connection outlives SER: keeper '.*': nobody answers there")


def test_keeper_dies(chain, keeper):
    """Connections end with it, and the next SER starts as ever."""
    chain.begin()
    with sip.TlsClient(chain.ser.address()) as client:
        client.ask()
        chain.end()
        keeper.process.kill()
        assert client.end() in ("fin", "reset")
    with Keeper(keeper.path):
        chain.again()
        assert chain.result() == (0, 0)
        with sip.TlsClient(chain.ser.address()) as client:
            client.ask()


def test_peers_end_meanwhile(chain):
    chain.begin()
    with sip.TlsClient(chain.ser.address()) as stays:
        stays.ask()
        closes = sip.TlsClient(chain.ser.address()).handshake()
        resets = sip.TlsClient(chain.ser.address()).handshake()
        closes.ask()
        resets.ask()
        chain.end()
        closes.close()
        resets.reset()
        chain.again()
        chain.ser.settle(lambda: chain.ser.tls_connections() == 1, "three are open")
        stays.ask()


def test_unsent(chain):
    """What waits for a peer that does not read is not carried along, so its connection ends."""
    chain.begin()
    with sip.TlsClient(chain.ser.address()) as stays, sip.TlsClient(chain.ser.address(), small=True) as stalls:
        stays.ask()
        stalls.ask()
        while not chain.ser.queued():
            stalls.send(sip.request("MESSAGE", size=12000) * 20)
        chain.end()
        assert chain.ser.logged("the keeper has 1 TLS connections .* 1 end; 1 with bytes that their peer has not taken")
        chain.again()
        stays.ask()


def test_domain_is_gone(chain, pki):
    """A connection of a domain that the next SER does not have ends in order; the others go on."""
    def options(*names):
        return {"tls": domains.from_file(
            domains.section("server:default", pki.server), *(domains.section("server:any", pki.server, server_name=name)
                                                             for name in names))}
    chain.begin(**options("a.example", "b.example"))
    with sip.TlsClient(chain.ser.address(), server_name="a.example") as goes_on, \
            sip.TlsClient(chain.ser.address(), server_name="b.example") as ends:
        goes_on.ask()
        ends.ask()
        chain.again(**options("a.example"))
        assert chain.result() == (1, 1)
        assert ends.end() == "close_notify"
        assert chain.ser.logged("closed after the restart: its domain is not configured any more", 1)
        goes_on.ask()


def test_listener_is_gone(chain):
    chain.begin(listen=("tls:127.0.0.1", "tls:127.0.0.2"))
    with sip.TlsClient(chain.ser.address()) as goes_on, sip.TlsClient(chain.ser.address(1)) as ends:
        goes_on.ask()
        ends.ask()
        chain.again(listen=("tls:127.0.0.1",), only=0)
        assert chain.result() == (1, 1)
        assert ends.end() == "close_notify"
        assert chain.ser.logged("closed after the restart: nobody listens any more where it came in", 1)
        goes_on.ask()


def test_no_place(chain, stack):
    chain.begin()
    clients = [stack.enter_context(sip.TlsClient(chain.ser.address())) for _ in range(5)]
    for client in clients:
        client.ask()
    chain.again(core=["tls_max_connections=3"])
    assert chain.result() == (3, 2)
    ended = sum(not client.silent(0) for client in clients)
    assert ended == 2


def test_source_is_counted(chain):
    """An address has as many connections as before, until they end."""
    limit = {"max_connections_per_source": 2}
    chain.begin()
    with sip.TlsClient(chain.ser.address()) as stays, sip.TlsClient(chain.ser.address()) as ends:
        stays.ask()
        ends.ask()
        chain.again(tls=limit)
        assert chain.result() == (2, 0)
        with sip.Wire(chain.ser.address()) as third:
            assert third.end() in ("fin", "reset")
        ends.close()
        chain.ser.settle(lambda: chain.ser.tls_connections() == 1, "it does not end")
        with sip.TlsClient(chain.ser.address()) as third:
            third.ask()
        stays.ask()


def test_no_memory(chain, stack):
    """The next SER has less: as many go on as there is room for, and it goes on itself."""
    chain.begin()
    clients = [stack.enter_context(sip.TlsClient(chain.ser.address())) for _ in range(300)]
    for client in clients:
        client.ask()
    chain.again(memory=6)
    go_on, lost = chain.result()
    assert go_on and lost and go_on + lost == len(clients)
    assert chain.ser.logged("closed after the restart: SER has no place for it: raise tls_max_connections, or memory")
    settle(lambda: sum(not client.silent(0) for client in clients) == lost, "they were not told")
    for client in clients:
        if client.silent(0):
            client.ask()


def test_next_is_refused(chain, refused):
    """A SER with a mistake takes nothing from the keeper; the one after it does."""
    chain.begin()
    with sip.TlsClient(chain.ser.address()) as client:
        client.ask()
        chain.end()
        code, log = refused(tls={"keeper": chain.keeper.path, "certificate": "/nowhere"}).run_to_end("-DD")
        assert code, log
        assert client.silent()
        chain.again()
        assert chain.result() == (1, 0)
        client.ask()


def test_start_fails(chain, refused, tmp_path):
    """A SER that ends before its tcp_main runs takes nothing either, although its supervisor does run."""
    chain.begin()
    with sip.TlsClient(chain.ser.address()) as client:
        client.ask()
        chain.end()
        fail = tmp_path / "fail"
        server = refused(tls={"keeper": chain.keeper.path}, environment={**build(tmp_path, NO_FORK), "FAIL": str(fail)})
        before = counters()
        server.spawn("-DD")
        server.logged("the TLS engine is ")  # confined, or not: it is up
        fail.touch()
        assert server.process.wait(settings.PATIENCE), server.log()
        TALLY.started(before)
        assert client.silent()
        chain.again()
        assert chain.result() == (1, 0)
        client.ask()


def test_other_certificate(chain, pki):
    """What was shown then is what @tls.me says, whatever is shown now."""
    chain.begin(**knowing())
    with sip.TlsClient(chain.ser.address()) as client:
        known = facts(client.ask())
        chain.again(tls={"certificate": pki.server_rsa.cert, "private_key": pki.server_rsa.key})
        assert facts(client.ask()) == known


def test_killed_while_it_gives(chain, stack):
    """Each connection goes on or ends, and the next SER starts as ever."""
    chain.begin(memory=128)
    clients = [stack.enter_context(sip.TlsClient(chain.ser.address())) for _ in range(200)]
    for client in clients:
        client.ask()
    held = f"/proc/{chain.keeper.process.pid}/fd"
    before = len(os.listdir(held))
    chain.ser.process.send_signal(signal.SIGTERM)
    settle(lambda: len(os.listdir(held)) > before + 5 or not chain.ser.running(), "nothing is given away")
    chain.ser.kill()
    chain.again()
    go_on, lost = chain.result()
    assert not lost
    for client in clients:
        with contextlib.suppress(sip.Ended, OSError):
            client.ask()
            go_on -= 1
    assert not go_on
