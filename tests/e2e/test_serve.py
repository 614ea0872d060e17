"""`python -m api serve` as real processes: starts, refusals, roles, ends."""

import http.client
import json
import os
import pty
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from redis import Redis

from benchmarks.service import Response, Service, free_port, service
from models.rules.api_key_format import new_key

TARGET = "https://example.org/there"
CREATE = """
mutation { linkCreate(input: {url: "https://example.org/there", slug: "a"}) { __typename } }
"""
WAKE_UPS = ("sockets", "the clock", *(["Redis"] if "TEST_REDIS_URL" in os.environ else []))
WAITING = 40  # connections in a queue at once
LIMIT_S = 20.0


@pytest.fixture
def serving(settings: dict[str, str]) -> Iterator[Service]:
    """A service with one web process and the link `a`."""
    with service(settings) as running:
        running.graphql(CREATE)
        eventually(lambda: running.get("/a").status == 302)
        yield running


@pytest.fixture
def settings(migrated_database_url: str) -> dict[str, str]:
    return {"PROCESSES": "1", "DATABASE_URL": migrated_database_url}


@pytest.fixture
def first_settings(fresh_database_url: str, postgres_server: str | None) -> dict[str, str]:
    """Where no table is yet: on SQLite not even the file, which comes into the data folder."""
    chosen = {"PROCESSES": "1"}
    return chosen if postgres_server is None else {**chosen, "DATABASE_URL": fresh_database_url}


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline
        with suppress(subprocess.TimeoutExpired):  # a pause that ends early is no harm
            subprocess.run(["sleep", "0.02"], timeout=1, check=True)


def run_serve(running: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a serve that is expected to end by itself."""
    return running.cli("serve", *arguments, timeout_s=LIMIT_S)


@contextmanager
def waiting_requests(running: Service, count: int = WAITING) -> Iterator[list[socket.socket]]:
    """Send requests to a frozen web process, so that they wait in its queue."""
    with ExitStack() as stack:
        request = f"GET /a HTTP/1.1\r\nHost: {running.host}\r\n\r\n".encode()
        clients: list[socket.socket] = []
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(running.address, timeout=LIMIT_S))
            client.sendall(request)
            clients.append(client)
        yield clients


def answers(clients: list[socket.socket]) -> list[bytes]:
    """Read one whole head from each connection."""
    heads: list[bytes] = []
    for client in clients:
        head = b""
        while b"\r\n\r\n" not in head:
            part = client.recv(4096)
            assert part, "cut off without an answer"
            head += part
        heads.append(head)
    return heads


def test_the_first_start_keeps_its_key_out_of_the_log_and_the_second_makes_none(
    first_settings: dict[str, str],
) -> None:
    with service(first_settings, start=False) as running:
        assert not running.data.exists()
        running.start()
        file = running.data / "first-key.txt"
        told = running.last_words()
        assert (str(file) in told, "lky_" in told, "password-reset#" in told) == (
            True,
            False,
            False,
        )
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        shown = file.read_text()
        assert shown.count("lky_") == 1
        key = "lky_" + shown.split("lky_")[1].split()[0]
        answer = running.request(
            "POST",
            "/graphql",
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            body=b'{"query": "{ viewer { user { email } } }"}',
        )
        assert answer.json() == {"data": {"viewer": {"user": {"email": "admin@localhost"}}}}
        _sign_in_by(running, shown.split("/app/password-reset#")[1].split()[0])
        assert running.stop() == 0

        (running.folder / "serve.log").unlink()
        file.unlink()
        running.start()

        assert "lky_" not in running.last_words()
        assert not file.exists()
        assert running.stop() == 0


def test_a_first_start_on_a_terminal_prints_the_key_there_and_writes_no_file(
    first_settings: dict[str, str],
) -> None:
    ours, theirs = pty.openpty()
    with service(first_settings, start=False) as running:
        running.process = subprocess.Popen(
            [sys.executable, "-m", "api", "serve"],
            env=running.environment,
            stdout=theirs,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        running.wait_ready()
        shown = os.read(ours, 1 << 16).decode()
        while "password-reset#" not in shown:
            shown += os.read(ours, 1 << 16).decode()

        assert shown.count("lky_") == 1
        assert not (running.data / "first-key.txt").exists()
        assert running.stop() == 0
    os.close(ours)


def _sign_in_by(running: Service, token: str) -> None:
    """Set the administrator's password by the address that was shown, and sign in by it."""

    def sent(document: str) -> Response:
        return running.request(
            "POST",
            "/graphql",
            headers={"Linkyard-Client": "tests", "Content-Type": "application/json"},
            body=json.dumps({"query": f"mutation {{ {document} }}"}).encode(),
        )

    new = "three quiet herons"
    reset = sent(
        f'passwordReset(input: {{token: "{token}", newPassword: "{new}"}}) {{ __typename }}'
    )
    assert reset.json() == {"data": {"passwordReset": {"__typename": "PasswordResetSuccess"}}}
    who = f'{{email: "admin@localhost", password: "{new}"}}'
    entered = sent(f"sessionCreate(input: {who}) {{ __typename }}")
    assert entered.json() == {"data": {"sessionCreate": {"__typename": "SessionStartSuccess"}}}


def test_everything_in_the_data_folder_is_its_owners_alone(
    first_settings: dict[str, str], postgres_server: str | None, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    own = {} if postgres_server else {"DATABASE_URL": f"sqlite://{elsewhere / 'store.sqlite3'}"}
    lavish = ("sh", "-c", 'umask 000; exec "$0" "$@"')
    with service({**first_settings, **own}, prefix=lavish) as running:
        running.graphql(CREATE)
        eventually(lambda: running.get("/a").status == 302)
        assert running.cli("mail", "test", "ann@example.org").returncode == 0
        eventually((running.data / "audit" / "heads.jsonl").exists)
        found = {
            str(path.relative_to(running.data)): path.lstat().st_mode & 0o777
            for path in [running.data, *running.data.rglob("*")]
        }
        stores = {path.name: path.stat().st_mode & 0o777 for path in elsewhere.iterdir()}

    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}
    assert found["secret.key"] == found["spool/source"] == found["audit/heads.jsonl"] == 0o600
    folders = {".", "audit", "mail", "metrics", "replica", "run", "salts", "spool"}
    assert {name: found.get(name) for name in folders} == dict.fromkeys(folders, 0o700)
    assert all(any(name.startswith(f"{each}/") for name in found) for each in folders - {"."})
    names = ["store.sqlite3", "store.sqlite3-shm", "store.sqlite3-wal"]
    assert stores == ({} if postgres_server else dict.fromkeys(names, 0o600))


def test_a_start_on_every_address_without_a_name_for_others_warns_once(
    settings: dict[str, str],
) -> None:
    with service({**settings, "LOG_FORMAT": "json"}, start=False) as running:
        running.prefix = ("env", f"LINKYARD_BIND=0.0.0.0:{running.port}")
        running.start()

        [warning] = [
            line for line in _log_of(running) if "LINKYARD_PUBLIC_URL" in line.get("event", "")
        ]
        assert warning["level"] == "warning"
        assert warning["event"] == (
            "visitors from other machines get 421: set LINKYARD_PUBLIC_URL to the address they use"
        )
        assert warning["bind"] == f"0.0.0.0:{running.port}"
        assert running.request("GET", "/a", headers={"Host": "192.0.2.7"}).status == 421


def _log_of(running: Service) -> list[dict[str, Any]]:
    lines = (running.folder / "serve.log").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_a_second_serve_on_the_same_folder_is_refused_and_the_first_goes_on(
    serving: Service,
) -> None:
    refused = run_serve(serving)

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert serving.process is not None
    assert refused.stderr == (
        f"Another server (process {serving.process.pid}) already uses the data folder"
        f" {serving.data}.\n"
    )
    assert serving.get("/a").status == 302


def test_a_port_in_use_is_refused_in_one_sentence(
    serving: Service, settings: dict[str, str]
) -> None:
    with service(settings, start=False) as other:
        other.port = serving.port
        refused = run_serve(other)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"Cannot listen on 127.0.0.1:{serving.port}: Address already in use.\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPOOL_SYNC_MS", "soon"),
        ("PUBLIC_URL", "example.org"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(name: str, value: str) -> None:
    with service({name: value}, start=False) as running:
        refused = run_serve(running)

        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith(f"LINKYARD_{name}: ")
        assert refused.stderr.count("\n") == 1
        assert not running.data.exists()


def test_tables_of_a_newer_version_are_refused_and_left_alone() -> None:
    with service({"PROCESSES": "1"}) as running:
        assert running.stop() == 0
        with closing(sqlite3.connect(running.data / "linkyard.sqlite3")) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            connection.commit()

        refused = run_serve(running)

        assert refused.returncode == 1
        assert "Linkyard does not start: The database has revision 9999" in refused.stderr
        assert running.rows("SELECT version_num FROM alembic_version") == [("9999",)]


def test_requests_in_the_queue_are_answered_when_the_service_ends(serving: Service) -> None:
    [web] = serving.web_pids()
    assert serving.process is not None
    os.kill(web, signal.SIGSTOP)
    with waiting_requests(serving) as clients:
        serving.process.terminate()
        os.kill(web, signal.SIGCONT)

        heads = answers(clients)

    assert {head.split(b"\r\n")[0] for head in heads} == {b"HTTP/1.1 302 Found"}
    assert serving.process.wait(LIMIT_S) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(serving.address)
    serving.process = None


def test_requests_in_the_queue_of_a_killed_process_are_answered_by_its_successor(
    serving: Service,
) -> None:
    [web] = serving.web_pids()
    os.kill(web, signal.SIGSTOP)
    with waiting_requests(serving) as clients:
        os.kill(web, signal.SIGKILL)

        heads = answers(clients)

    assert {head.split(b"\r\n")[0] for head in heads} == {b"HTTP/1.1 302 Found"}
    assert serving.web_pids() != [web]


def test_a_replacement_keeps_an_idle_connection_until_its_next_request(serving: Service) -> None:
    [web] = serving.web_pids()
    assert serving.process is not None
    request = f"GET /a HTTP/1.1\r\nHost: {serving.host}\r\n\r\n".encode()
    with socket.create_connection(serving.address, timeout=LIMIT_S) as idle:
        idle.sendall(request)
        assert b"Connection: close" not in answers([idle])[0]

        serving.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(serving.web_pids()) == 2)
        eventually(lambda: is_draining(web))
        idle.sendall(request)
        [head] = answers([idle])

        assert head.startswith(b"HTTP/1.1 302 Found\r\n")
        assert b"\r\nConnection: close\r\n" in head
        assert idle.recv(1) == b""
    eventually(lambda: web not in serving.children())


def is_draining(pid: int) -> bool:
    """Tell whether a process has closed its listening socket."""
    connections = psutil.Process(pid).net_connections("tcp")
    return all(connection.status != psutil.CONN_LISTEN for connection in connections)


async def test_live_sockets_are_told_to_come_again_when_the_service_ends(
    serving: Service,
) -> None:
    url = f"http://{serving.address[0]}:{serving.port}/graphql"
    assert serving.process is not None
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=["graphql-transport-ws"], autoclose=False) as live,
    ):
        await live.send_json({"type": "connection_init", "payload": {}})
        assert (await live.receive_json(timeout=LIMIT_S)) == {"type": "connection_ack"}

        serving.process.terminate()
        told = await live.receive(timeout=LIMIT_S)
        await live.close()

        assert (told.type, told.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
    assert serving.process.wait(LIMIT_S) == 0
    serving.process = None


def test_ctrl_c_reaches_every_process_and_still_ends_in_good_order(
    settings: dict[str, str],
) -> None:
    with service(settings, start=False) as running:
        running.process = subprocess.Popen(
            [sys.executable, "-m", "api", "serve"],
            env=running.environment,
            start_new_session=True,  # a terminal of its own, as it were
            stdout=subprocess.DEVNULL,
        )
        running.wait_ready()
        [web] = running.web_pids()
        os.kill(web, signal.SIGSTOP)
        with waiting_requests(running) as clients:
            os.killpg(running.process.pid, signal.SIGINT)
            os.kill(web, signal.SIGCONT)

            heads = answers(clients)

        assert {head.split(b"\r\n")[0] for head in heads} == {b"HTTP/1.1 404 Not Found"}
        assert running.process.wait(LIMIT_S) == 0
        running.process = None


@pytest.mark.parametrize("way", WAKE_UPS)
def test_a_change_is_in_force_in_every_process_within_a_second(
    settings: dict[str, str], redis_url: str | None, way: str
) -> None:
    own = {"PROCESSES": "2", **({"REDIS_URL": redis_url or ""} if way == "Redis" else {})}
    there, elsewhere = (302, TARGET), (302, "https://example.org/elsewhere")
    late: dict[str, float] = {}
    with service({**settings, **own}) as running, ExitStack() as stack:
        if way != "sockets":
            (running.data / "run" / "worker.sock").unlink()
        seen = stack.enter_context(wake_ups(redis_url)) if way == "Redis" and redis_url else None
        visitors = [stack.enter_context(each) for each in one_visitor_of_each(running)]
        assert [answer_to(each) for each in visitors] == [(404, None)] * 2

        def change(name: str, mutation: str, answer: tuple[int, str | None]) -> dict[str, Any]:
            [data] = running.graphql(f"mutation {{ {mutation} }}").values()
            committed = time.monotonic()
            eventually(lambda: [answer_to(each) for each in visitors] == [answer] * 2)
            late[name] = time.monotonic() - committed
            return dict(data)

        link = change("create", CHANGES["create"], there)["link"]["id"]
        change("update", CHANGES["update"] % link, elsewhere)
        change("disable", CHANGES["disable"] % link, (410, None))
        change("delete", CHANGES["delete"] % link, (404, None))

        assert {name: took for name, took in late.items() if took >= 1.0} == {}
        assert list(late) == list(CHANGES)
        if seen is not None:
            assert [seen() for _ in CHANGES] == [b"1"] * len(CHANGES)


CHANGES = {
    "create": 'linkCreate(input: {url: "https://example.org/there", slug: "a"})'
    " { ... on LinkCreateSuccess { link { id } } }",
    "update": 'linkUpdate(input: {id: "%s", url: "https://example.org/elsewhere"})'
    " { ... on LinkUpdateSuccess { link { id } } }",
    "disable": 'linkUpdate(input: {id: "%s", disabled: true})'
    " { ... on LinkUpdateSuccess { link { id } } }",
    "delete": 'linkDelete(input: {id: "%s"}) { __typename }',
}


def one_visitor_of_each(running: Service) -> list[closing[http.client.HTTPConnection]]:
    """Return an open connection to every web process."""
    found: dict[int, http.client.HTTPConnection] = {}
    while len(found) < len(running.web_pids()):
        visitor = http.client.HTTPConnection(*running.address, timeout=LIMIT_S)
        visitor.connect()
        answer_to(visitor)
        port = visitor.sock.getsockname()[1]
        [pid] = [
            pid
            for pid in running.web_pids()
            for connection in psutil.Process(pid).net_connections("tcp")
            if connection.raddr and connection.raddr.port == port
        ]
        if pid in found:
            visitor.close()
        found.setdefault(pid, visitor)
    return [closing(visitor) for visitor in found.values()]


def answer_to(visitor: http.client.HTTPConnection) -> tuple[int, str | None]:
    """Return status and target of the link `a`."""
    visitor.request("GET", "/a", headers={"Host": f"localhost:{visitor.port}"})
    answer = visitor.getresponse()
    answer.read()
    return answer.status, answer.getheader("Location")


@contextmanager
def wake_ups(redis_url: str) -> Iterator[Callable[[], bytes]]:
    """Listen to what the worker listens to; the result waits for the next wake-up."""
    with Redis.from_url(redis_url) as redis, redis.pubsub() as listener:
        listener.subscribe("linkyard:0:links")
        eventually(lambda: redis.pubsub_numsub("linkyard:0:links")[0][1] >= 2)

        def following() -> bytes:
            while True:
                message = listener.get_message(timeout=LIMIT_S)
                assert message is not None
                if message["type"] == "message":
                    return bytes(message["data"])

        yield following


def test_processes_end_with_their_supervisor(serving: Service) -> None:
    children = [psutil.Process(pid) for pid in serving.children()]
    assert serving.process is not None
    assert len(children) == 2

    serving.process.kill()
    serving.process.wait()
    serving.process = None

    assert psutil.wait_procs(children, timeout=LIMIT_S)[1] == []


def test_a_killed_service_with_an_upload_under_way_starts_again_at_once(serving: Service) -> None:
    children = [psutil.Process(pid) for pid in serving.children()]
    assert serving.process is not None
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {serving.host}\r\n"
        f"Authorization: Bearer {serving.key()}\r\nContent-Type: application/json\r\n"
        "Content-Length: 1000\r\n\r\n{"
    )
    with socket.create_connection(serving.address, timeout=LIMIT_S) as upload:
        upload.sendall(head.encode())
        assert serving.get("/a").status == 302  # the upload was taken before it
        serving.process.kill()
        serving.process.wait()

        serving.start(wait=False)
        eventually(lambda: not any(is_there(child) for child in children))
        serving.wait_ready()  # and does not refuse to start

        assert serving.get("/a").status == 302


def is_there(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_links_go_on_and_readiness_says_so_while_the_store_is_away() -> None:
    with (
        service({"PROCESSES": "1"}) as running,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
    ):
        running.graphql(CREATE)
        eventually(lambda: running.get("/a").status == 302)
        running.stop()

        nowhere = f"postgres://nobody@127.0.0.1:{free_port()}/nothing"
        running.settings = {**running.settings, "DATABASE_URL": nowhere}
        systemd.bind(os.fspath(running.folder / "notify"))
        systemd.settimeout(LIMIT_S)
        running.prefix = ["env", f"NOTIFY_SOCKET={running.folder / 'notify'}"]
        running.start(wait=False)
        assert systemd.recv(100) == b"READY=1"

        answer = running.get("/a")
        assert (answer.status, answer.headers["location"]) == (302, TARGET)
        ready = running.get("/readyz")
        assert (ready.status, ready.json()["store"]) == (503, {"ok": False})
        assert (ready.json()["ready"], ready.json()["redirect"]) == (False, True)
        links = running.get("/readyz?for=redirect")
        assert (links.status, links.json()) == (200, ready.json())
        outside = {"X-Forwarded-For": "192.0.2.1", "Authorization": f"Bearer {new_key()}"}
        told = running.get("/readyz", outside)
        assert (told.status, told.json()["redirect"]) == (503, True)
        assert "store" in told.json()["failing"]
        assert set(told.json()) == {"ready", "redirect", "failing"}
        assert running.get("/healthz").status == 200
        assert running.stop() == 0


def test_a_service_that_only_redirects_has_no_graphql(
    serving: Service, settings: dict[str, str], tmp_path: Path
) -> None:
    assert serving.stop() == 0
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "def tell(*_):\n"
        f"    with open(f'{tmp_path}/{{os.getpid()}}.new', 'w') as f:\n"
        "        f.write('\\n'.join(sys.modules))\n"
        f"    os.rename(f.name, f'{tmp_path}/{{os.getpid()}}')\n"
        "signal.signal(signal.SIGUSR2, tell)\n"
    )
    serving.process = subprocess.Popen(
        [sys.executable, "-m", "api", "serve", "--role", "redirect"],
        env={**serving.environment, "PYTHONPATH": os.fspath(tmp_path)},
    )
    serving.wait_ready()
    pids = [serving.process.pid, *serving.children()]
    assert len(pids) == 3

    for pid in pids[1:]:
        os.kill(pid, signal.SIGUSR2)
    eventually(lambda: all((tmp_path / str(pid)).exists() for pid in pids[1:]))

    for pid in pids[1:]:
        loaded = set((tmp_path / str(pid)).read_text().split("\n"))
        assert {"asyncio", "uvloop", "api.supervisor"} <= loaded
        assert {name for name in loaded if name.split(".")[0] in GRAPHQL} == set()
    assert [psutil.Process(pid).nice() for pid in pids] == [os.nice(0)] * 3
    assert serving.get("/a").headers["location"] == TARGET
    assert serving.request("POST", "/graphql").status == 405
    assert serving.stop() == 0


def test_a_service_without_redirects_leaves_the_core_to_one_that_has_them(
    serving: Service,
) -> None:
    assert serving.stop() == 0
    serving.arguments = ("--role", "api")
    serving.start()

    assert [psutil.Process(pid).nice() for pid in serving.children()] == [os.nice(0) + 10]
    assert serving.get("/a").status == 404
    assert serving.graphql("{ portal { name } }") == {"portal": {"name": "Linkyard"}}
    assert serving.stop() == 0


GRAPHQL = {"graphql", "strawberry", "schema"}


def test_metrics_are_for_this_machine_or_for_a_key_with_the_scope(serving: Service) -> None:
    through_proxy = {"X-Forwarded-For": "127.0.0.1"}
    weak = serving.cli("keys", "create", "--label", "weak", "--scope", "LINK_READ").stdout.strip()
    key = serving.cli("keys", "create", "--label", "ops", "--scope", "OPS_READ").stdout.strip()

    statuses = [
        serving.get("/metrics", headers).status
        for headers in (
            {},
            through_proxy,
            {**through_proxy, "Authorization": "Bearer nothing"},
            {**through_proxy, "Authorization": f"Bearer {weak}"},
            {**through_proxy, "Authorization": f"Bearer {key}"},
        )
    ]

    assert statuses == [200, 401, 401, 401, 200]
    assert serving.metrics()["linkyard_redirects_total"] >= 1
