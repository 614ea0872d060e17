"""`python -m api ...` as people run it: real processes on a database of their own."""

import asyncio
import csv
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest

from api.adapters.argon2_hasher import Argon2Hasher
from api.migrate import migrate
from benchmarks.service import free_port
from models.audit_entries import AuditEntry
from models.mails import Mail
from models.orm import open_database, reader
from models.raw_sql import fetch
from models.second_factors import Totp
from models.users import User
from resolvers.api_keys import authenticate_key
from resolvers.context import Viewer
from resolvers.first_run import prepare_installation
from resolvers.key_uses import uses_written
from tests.planted_migrations import REAL, contents, execute, fill, plant
from tests.servers import database_url as url_of

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC)
TARGET = "https://example.org/there"

Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Settings of an installation that was never started, or of the `installed` one."""
    store = "installed" if "installed" in request.fixturenames else "fresh_database_url"
    return {
        **os.environ,
        "LINKYARD_DATA_DIR": os.fspath(tmp_path / "var"),
        "LINKYARD_DATABASE_URL": request.getfixturevalue(store),
        "LINKYARD_ADMIN_EMAIL": "admin@example.org",
        "COLUMNS": "200",
    }


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    def started(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "api", *arguments],
            cwd=ROOT,
            env=environment,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=60,
        )

    return started


@pytest.fixture
def installed(migrated_database_url: str, tmp_path: Path) -> str:
    """The URL of a database after its first start, which has made the data folder."""
    (tmp_path / "var").mkdir(exist_ok=True)

    async def prepare() -> None:
        async with open_database(migrated_database_url):
            await prepare_installation(
                host="localhost:8080", admin_email="admin@example.org", now=NOW
            )

    asyncio.run(prepare())
    return migrated_database_url


def _viewer(url: str, secret: str) -> Viewer | None:
    async def find() -> Viewer | None:
        async with open_database(url):
            try:
                return await authenticate_key(secret, now=datetime.now(UTC))
            finally:
                await uses_written()

    return asyncio.run(find())


def _stored(url: str) -> list[tuple[str, str]]:
    async def find() -> list[tuple[str, str]]:
        async with open_database(url):
            rows = await fetch(reader(), "SELECT slug, target FROM link ORDER BY id")
            return [(row["slug"], row["target"]) for row in rows]

    return asyncio.run(find())


def test_help_names_every_command(run: Run) -> None:
    done = run("--help")

    assert done.returncode == 0
    text = done.stdout.decode()
    for command in ("serve", "migrate", "links", "clicks", "domains", "keys", "users", "mail"):
        assert f"  {command} " in text


def test_a_command_before_the_first_start_says_what_to_do(run: Run, tmp_path: Path) -> None:
    done = run("keys", "create", "--label", "a")

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        "This installation was never started: run `python -m api serve` once.\n"
    )
    assert not (tmp_path / "fresh.sqlite3").exists()


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (-1, "The tables are of an older version: run `python -m api migrate` first."),
        (1, "The tables were made by a newer version of Linkyard than this one."),
    ],
    ids=["older", "newer"],
)
def test_tables_of_another_version_are_refused_and_left_alone(
    run: Run, fresh_database_url: str, tmp_path: Path, steps: int, said: str
) -> None:
    planted = ["op.execute('SELECT 1')"] * max(steps, 0)
    folder = plant(tmp_path / "versions", *planted, real=len(REAL) + min(steps, 0))
    migrate(fresh_database_url, folder=folder)
    fill(fresh_database_url)
    before = contents(fresh_database_url)

    for command in ("users create a@example.org", "clicks verify"):
        done = run(*command.split())

        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.decode() == f"{said}\n"
    assert contents(fresh_database_url) == before


def test_two_data_folders_are_two_databases_whatever_their_names(
    run: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    del environment["LINKYARD_DATABASE_URL"]
    names = ["a", "a#1", "a?mode=memory"]

    for name in names:
        environment["LINKYARD_DATA_DIR"] = os.fspath(tmp_path / name)
        assert run("migrate").stdout.startswith(b"Applied 0001")
        found = run("links", "export")
        assert found.stderr.decode().startswith("This installation was never started")

    assert all((tmp_path / name / "linkyard.sqlite3").stat().st_size for name in names)


@pytest.mark.parametrize("command", ["serve", "migrate", "links export", "clicks verify"])
def test_every_command_refuses_a_wrong_setting_in_the_same_line(
    run: Run, environment: dict[str, str], tmp_path: Path, command: str
) -> None:
    environment["LINKYARD_DATABASE_URL"] = "mysql://localhost/x"

    done = run(*command.split())

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        "LINKYARD_DATABASE_URL: must begin with sqlite:// or postgres://.\n"
    )
    assert list(tmp_path.iterdir()) == []


_SCOPES = "LINK_READ, LINK_WRITE, STATS_READ, USER_ADMIN, AUDIT_READ, OPS_READ"


@pytest.mark.parametrize(
    ("command", "said", "where"),
    [
        ("nonsense", "No such command 'nonsense'", ""),
        ("--nope", "No such option: --nope", ""),
        ("serve --nope", "No such option: --nope", "serve"),
        ("serve --role x", "'--role': 'x' is not one of 'all', 'redirect', 'api'", "serve"),
        ("keys create", "Missing option '--label'", "keys create"),
        ("links import", "Missing argument 'file'", "links import"),
        ("links import - --from-line 0", "'--from-line': Input should be ", "links import"),
        ("migrate more", "Got unexpected extra argument", "migrate"),
        (
            "keys create --label a --scope NOPE",
            f"'--scope': There is no scope NOPE; there are {_SCOPES}",
            "keys create",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_a_code_of_its_own(
    run: Run, tmp_path: Path, command: str, said: str, where: str
) -> None:
    done = run(*command.split())

    assert (done.returncode, done.stdout) == (2, b"")
    [line] = done.stderr.decode().splitlines()
    assert said in line
    assert line.endswith(f". `{' '.join(['python -m api', *where.split()])} --help` says more.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["links export", "migrate", "keys create --nope", "--help"])
def test_every_command_warns_of_a_variable_that_is_no_setting_and_goes_on(
    run: Run, environment: dict[str, str], command: str
) -> None:
    plain = run(*command.split())
    environment["LINKYARD_PUBLIC_ULR"] = "https://go.example.org"

    done = run(*command.split())

    assert done.returncode == plain.returncode
    warning, _, rest = done.stderr.decode().partition("\n")
    assert warning == (
        "LINKYARD_PUBLIC_ULR is no setting and changes nothing: did you mean LINKYARD_PUBLIC_URL?"
    )
    assert rest == plain.stderr.decode()


@pytest.mark.parametrize("command", ["migrate", "links export"])
def test_a_store_that_does_not_answer_is_one_line(
    run: Run, environment: dict[str, str], command: str
) -> None:
    environment["LINKYARD_DATABASE_URL"] = f"postgres://nobody@127.0.0.1:{free_port()}/nothing"

    done = run(*command.split())

    assert (done.returncode, done.stdout) == (1, b"")
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("The database does not answer: ")


@pytest.mark.parametrize("command", ["migrate", "links export"])
def test_what_is_no_database_is_one_line(
    run: Run, environment: dict[str, str], tmp_path: Path, postgres_server: str | None, command: str
) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear reader, this is no database." * 100)
    environment["LINKYARD_DATABASE_URL"] = (
        f"sqlite://{file}" if postgres_server is None else url_of(postgres_server, "absent")
    )

    done = run(*command.split())

    assert (done.returncode, done.stdout) == (1, b"")
    [line] = done.stderr.decode().splitlines()
    assert line in {
        "The database is damaged, or no database: file is not a database.",
        'The database refuses: database "absent" does not exist.',
    }
    assert file.read_text() == "Dear reader, this is no database." * 100


def test_a_key_is_printed_alone_and_works(run: Run, installed: str) -> None:
    done = run("keys", "create", "--label", "CI", "--scope", "LINK_READ", "--scope", "OPS_READ")

    assert (done.returncode, done.stderr) == (0, b"")
    secret = done.stdout.decode().removesuffix("\n")
    viewer = _viewer(installed, secret)
    assert viewer is not None
    assert {scope.value for scope in viewer.scopes} == {"LINK_READ", "OPS_READ"}


def test_a_key_is_found_by_its_beginning_and_revoked(run: Run, installed: str) -> None:
    create = ("keys", "create", "--scope", "LINK_READ", "--label")
    lost, kept = (run(*create, label).stdout.decode().strip() for label in ("lost", "kept"))
    listed = run("keys", "list").stdout.decode().splitlines()
    assert f"{lost[:8]}\tadmin@example.org\tlost\tLINK_READ\tnever used\tno end" in listed
    assert len(listed) == 3

    done = run("keys", "revoke", lost[:8])

    assert (done.returncode, done.stdout.decode()) == (
        0,
        f"{lost[:8]} of admin@example.org is void.\n",
    )
    assert _viewer(installed, lost) is None
    for prefix, count in ((lost, 0), ("lky_", 2)):
        refused = run("keys", "revoke", prefix)
        assert (refused.returncode, refused.stderr.decode()) == (
            1,
            f"{count} keys begin with {prefix[:8]}; `keys list` has them all.\n",
        )
    assert _viewer(installed, kept) is not None


def test_people_are_made_and_a_lost_administrator_comes_back(run: Run, installed: str) -> None:
    assert run("users", "create", "Ann@Example.org").stdout == b"ann@example.org\n"
    again = run("users", "create", "ann@example.org")
    assert (again.returncode, again.stdout) == (1, b"")
    assert again.stderr.decode() == "There is already an account for ann@example.org.\n"
    unknown = run("keys", "create", "--label", "a", "--user", "bob@example.org")
    assert (unknown.returncode, unknown.stderr.decode()) == (
        1,
        "There is no user bob@example.org; name one with --user.\n",
    )
    lost = run("keys", "create", "--label", "a", "--user", "ann@example.org").stdout.decode()
    typo = run("users", "reset", "anne@example.org")
    assert (typo.returncode, typo.stdout, typo.stderr.decode()) == (
        1,
        b"",
        "There is no user anne@example.org; --create makes one.\n",
    )
    made = run("users", "reset", "eve@example.org", "--create").stdout.decode().strip()
    assert _viewer(installed, made) is not None
    assert len(run("keys", "list").stdout.splitlines()) == 3

    done = run("users", "reset", "ann@example.org", "--revoke-keys")

    viewer = _viewer(installed, done.stdout.decode().strip())
    assert viewer is not None
    assert viewer.is_staff
    assert _viewer(installed, lost.strip()) is None


def test_an_import_lists_bad_lines_and_takes_the_rest(
    run: Run, installed: str, tmp_path: Path
) -> None:
    file = tmp_path / "links.csv.gz"
    file.write_bytes(
        gzip.compress(
            "\ufeffurl,slug,title\r\n"
            "https://example.org/1,one,Первая\r\n"
            "javascript:alert(1),two,\r\n"
            "https://example.org/3,one,\r\n".encode()
            + b"https://example.org/\xff,,\r\n"
            + b"https://example.org/5,five,[red]x[/red]\r\n"
        )
    )

    done = run("links", "import", os.fspath(file))

    assert done.returncode == 3
    assert done.stdout.decode() == "2 links imported, 3 lines refused.\n"
    refused = [line for line in done.stderr.decode().splitlines() if line.startswith(str(file))]
    assert refused == [
        f"{file}:3: url: Links lead to https:// and http:// addresses only, not to javascript:.",
        f"{file}:4: slug: The name “one” is taken.",
        f"{file}:5: The line is not UTF-8 text.",
    ]
    assert _stored(installed) == [
        ("one", "https://example.org/1"),
        ("five", "https://example.org/5"),
    ]


def test_a_table_of_excel_is_imported_and_one_without_addresses_is_not(
    run: Run, installed: str, tmp_path: Path
) -> None:
    file = tmp_path / "links.csv"
    file.write_text(f"slug;link\r\none;{TARGET}\r\n", "utf-8-sig")

    refused = run("links", "import", os.fspath(file))

    assert (refused.returncode, refused.stdout) == (1, b"")
    assert refused.stderr.decode().splitlines()[-1] == (
        f"{file}: The first line names columns, but none of them is url; nothing was imported."
    )
    assert _stored(installed) == []
    file.write_text(file.read_text("utf-8-sig").replace("link", "URL"), "utf-8-sig")
    assert run("links", "import", os.fspath(file)).returncode == 0
    assert _stored(installed) == [("one", TARGET)]


def test_a_table_without_names_makes_no_links_at_all(
    run: Run, installed: str, tmp_path: Path
) -> None:
    file = tmp_path / "links.csv"
    file.write_text(f"{TARGET},promo,My title\n{TARGET},sale,Another\n")

    refused = run("links", "import", os.fspath(file))

    assert (refused.returncode, refused.stdout) == (1, b"")
    assert refused.stderr.decode().splitlines()[-1] == (
        f"{file}: The file looks like a table, but its first line does not name the columns: url,"
        " and any of slug, title, domain, starts_at, expires_at, disabled, password. Nothing was"
        " imported. If it is a list of addresses, begin it with a line of one #."
    )
    assert _stored(installed) == []


def test_a_table_with_values_of_several_lines_is_imported_and_told_by_line(
    run: Run, installed: str, tmp_path: Path
) -> None:
    file = tmp_path / "links.csv"
    file.write_text(
        f'url,slug,notes\n{TARGET},one,"a\nb"\njavascript:alert(1),two,"c\n"\n{TARGET},three,\n'
    )

    done = run("links", "import", os.fspath(file))

    assert (done.returncode, done.stdout) == (3, b"2 links imported, 1 line refused.\n")
    assert f"{file}:4: url: " in done.stderr.decode()
    assert _stored(installed) == [("one", TARGET), ("three", TARGET)]


def test_an_export_is_imported_again_as_it_was(run: Run, installed: str, tmp_path: Path) -> None:
    lines = b"https://example.org/1\nhttps://example.org/2\n"
    done = run("links", "import", "-", stdin=lines)
    assert (done.returncode, done.stdout) == (0, b"2 links imported, 0 lines refused.\n")
    before = _stored(installed)
    file = tmp_path / "links.csv"

    assert run("links", "export", "--output", os.fspath(file)).stderr == b"2 links exported.\n"
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [(row["slug"], row["url"]) for row in rows] == before
    assert {(row["domain"], row["owner"], row["disabled"]) for row in rows} == {
        ("localhost:8080", "admin@example.org", "false")
    }
    again = run("links", "import", os.fspath(file))
    assert (again.returncode, again.stdout) == (3, b"0 links imported, 2 lines refused.\n")
    text = file.read_text()
    for slug, _ in before:
        text = text.replace(slug, f"{slug}-x")
    file.write_text(text)
    assert run("links", "import", os.fspath(file)).returncode == 0
    assert _stored(installed)[2:] == [(f"{slug}-x", target) for slug, target in before]
    json_lines = run("links", "export", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["url"] for line in json_lines] == [
        target for _, target in (*before, *before)
    ]
    assert sorted(path.name for path in tmp_path.glob("links*")) == ["links.csv"]


@pytest.mark.parametrize("name", ["none.txt", "torn.gz"])
def test_a_file_that_cannot_be_read_is_one_line(
    run: Run, installed: str, tmp_path: Path, name: str
) -> None:
    (tmp_path / "torn.gz").write_bytes(gzip.compress(b"x" * 9999)[:20])
    file = tmp_path / name

    done = run("links", "import", os.fspath(file))

    assert (done.returncode, done.stdout) == (1, b"")
    why = {"none.txt": "No such file or directory", "torn.gz": "the file is damaged: "}[name]
    assert done.stderr.decode().splitlines()[-1].startswith(f"{file}: {why}")
    assert _stored(installed) == []


def test_ctrl_c_leaves_whole_batches_only(environment: dict[str, str], installed: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-m", "api", "links", "import", "-"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        feeding = threading.Thread(target=_feed, args=[process.stdin])
        feeding.start()
        assert process.stderr.readline().startswith(b"-:1501: url: ")
        process.send_signal(signal.SIGINT)
        errors = _errors_of(process)
        process.wait()
        feeding.join()

    assert process.returncode == 130, errors
    *_, told, last = errors.splitlines()
    assert last == "Interrupted."
    found = re.fullmatch(
        r"(\d+) links imported, 500 lines refused; continue with --from-line (\d+)\.", told
    )
    assert found is not None, told
    imported, line = map(int, found.groups())
    assert imported >= 1500
    assert line == imported + 500 + 1
    assert len(_stored(installed)) == imported


def _feed(file: BinaryIO) -> None:
    """Write more and more lines until nobody reads them: only a signal ends such an import."""
    with suppress(BrokenPipeError):
        file.write(b"https://example.org/one\n" * 1500)
        file.write(b"nonsense\n" * 500)  # its reasons tell that the batch is in
        while True:
            file.write(b"https://example.org/more\n" * 100)
            file.flush()
    with suppress(BrokenPipeError):
        file.close()


def _errors_of(process: subprocess.Popen[bytes]) -> str:
    """Return what the process wrote to its end; one that hangs is made to say where."""
    assert process.stderr is not None
    watch = threading.Timer(60, process.send_signal, [signal.SIGABRT])
    watch.start()
    errors = process.stderr.read().decode()
    watch.cancel()
    watch.join()
    return errors


def test_an_import_is_continued_from_a_line(run: Run, installed: str, tmp_path: Path) -> None:
    file = tmp_path / "links.csv"
    file.write_text("url\nhttps://example.org/2\nhttps://example.org/3\n")

    done = run("links", "import", os.fspath(file), "--from-line", "3")

    assert (done.returncode, done.stdout) == (0, b"1 link imported, 0 lines refused.\n")
    assert [target for _, target in _stored(installed)] == ["https://example.org/3"]


def test_an_import_that_breaks_off_says_how_to_continue(
    run: Run, installed: str, tmp_path: Path
) -> None:
    file = tmp_path / "links.gz"
    lines = b"".join(b"https://example.org/%d\n" % number for number in range(1, 1201))
    file.write_bytes(gzip.compress(lines)[:-8])  # without the checksum at the end

    done = run("links", "import", os.fspath(file))

    assert (done.returncode, done.stdout) == (1, b"")
    told, why = done.stderr.decode().splitlines()[-2:]
    assert told == "1000 links imported, 0 lines refused; continue with --from-line 1001."
    assert why.startswith(f"{file}: the file is damaged: ")
    assert len(_stored(installed)) == 1000


def test_an_export_that_cannot_be_written_names_the_file_as_it_was_given(
    run: Run, installed: str, tmp_path: Path
) -> None:
    file = tmp_path / "none" / "links.csv"

    done = run("links", "export", "--output", os.fspath(file))

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"{file}: No such file or directory\n"


def test_what_a_command_writes_is_its_owners_alone(
    run: Run, installed: str, tmp_path: Path
) -> None:
    file = tmp_path / "links.csv"

    assert run("links", "export", "--output", os.fspath(file)).returncode == 0

    assert file.stat().st_mode & 0o777 == 0o600


def test_a_reader_that_has_enough_ends_an_export_quietly(
    run: Run, installed: str, environment: dict[str, str]
) -> None:
    run("links", "import", "-", stdin=b"https://example.org/\n" * 5000)
    command = f"{sys.executable} -m api links export | head -n 1"

    done = subprocess.run(
        ["sh", "-c", command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
    )

    assert done.stdout.startswith(b"domain,slug,url,")
    assert done.stderr == b""


def test_lost_second_factors_are_taken_away_by_a_command(run: Run, installed: str) -> None:
    async def prepare() -> None:
        async with open_database(installed):
            user = await User.get(email="admin@example.org")
            await Totp.create(user=user, sealed_secret="x", confirmed_at=NOW)  # noqa: S106

    async def left() -> tuple[int, list[str], list[str]]:
        async with open_database(installed):
            entries = await AuditEntry.filter(action="user.second_factor_reset")
            letters = await Mail.filter(to_address="admin@example.org")
            return (
                await Totp.all().count(),
                [entry.via for entry in entries],
                [letter.template for letter in letters],
            )

    asyncio.run(prepare())

    done = run("users", "reset-factors", "Admin@example.org")
    unknown = run("users", "reset-factors", "nobody@example.org")

    assert (done.returncode, done.stdout) == (
        0,
        b"admin@example.org has no second factor any more.\n",
    )
    assert (unknown.returncode, b"There is no user nobody@example.org" in unknown.stderr) == (
        1,
        True,
    )
    assert asyncio.run(left()) == (0, ["COMMAND"], ["SECOND_FACTOR_CHANGED"])


def test_a_password_comes_by_standard_input_and_never_by_the_command_line(
    run: Run, installed: str
) -> None:
    async def state(email: str, secret: str) -> tuple[bool, int]:
        async with open_database(installed):
            user = await User.get(email=email)
            hasher = Argon2Hasher(memory_kib=7168, time_cost=1, parallelism=1)
            verdict = await hasher.verify(secret, user.password_hash)
            hasher.close()
            return verdict.is_right, await Mail.filter(to_address=email).count()

    common = run("users", "create", "ann@example.org", "--password", stdin=b"password123\n")
    assert (common.returncode, common.stdout) == (1, b"")
    assert run("users", "password", "ann@example.org", stdin=b"three quiet herons\n").returncode
    made = run("users", "create", "ann@example.org", "--password", stdin=b"three quiet herons\n")
    assert (made.returncode, made.stdout) == (0, b"ann@example.org\n")
    assert asyncio.run(state("ann@example.org", "three quiet herons")) == (True, 0)

    changed = run("users", "password", "Ann@example.org", stdin=b"four noisy cranes\r\n")

    assert changed.stdout == b"ann@example.org signs in by the new password from now on.\n"
    assert asyncio.run(state("ann@example.org", "four noisy cranes")) == (True, 1)
    link = run("users", "password", "ann@example.org", "--link").stdout.decode()
    assert re.fullmatch(r"http://localhost:8080/app/password-reset#[A-Za-z0-9_-]{43}\n", link)
    assert asyncio.run(state("ann@example.org", "four noisy cranes")) == (True, 1)


def test_people_and_organizations_are_made_listed_and_shut_out(run: Run, installed: str) -> None:
    made = run("organizations", "create", "Firm", "--kind", "partner", "--max-users", "1")
    assert (made.returncode, made.stdout) == (0, b"Firm\n")
    made = run("users", "create", "anna@firm.test", "--role", "partner", "--organization", "Firm")
    assert (made.returncode, made.stdout) == (0, b"anna@firm.test\n")
    full = run("users", "create", "boris@firm.test", "--organization", "Firm")
    assert (full.returncode, full.stdout) == (1, b"")
    assert full.stderr == b"The organization has as many people as it may: 1 of 1.\n"
    unknown = run("users", "create", "boris@firm.test", "--organization", "No Firm")
    assert (unknown.returncode, unknown.stdout) == (1, b"")
    firms = run("organizations", "list").stdout.decode().splitlines()
    assert firms == ["Firm\tpartner\tany links\t1 person\tactive"]

    assert run("users", "deactivate", "anna@firm.test").returncode == 0
    last = run("users", "deactivate", "admin@example.org")
    assert last.returncode == 1
    assert b"last active administrator" in last.stderr
    lines = run("users", "list").stdout.decode().splitlines()
    assert lines == [
        "anna@firm.test\tpartner\tFirm\tdeactivated",
        "admin@example.org\tadministrator\t-\tactive",
    ]
    assert run("users", "activate", "anna@firm.test").returncode == 0
    lines = run("users", "list", "ANNA").stdout.decode().splitlines()
    assert lines == ["anna@firm.test\tpartner\tFirm\tactive"]


def test_search_is_indexed_anew_beside_the_service(run: Run, installed: str) -> None:
    made = (
        "INSERT INTO search_document"
        " (id, kind, owner_id, language, part, title, body, staff_title, staff_body)"
        " VALUES (1, 'TICKET', 1, '', 0, 'of nothing', '', '', '')"
    )
    execute(installed, made)

    done = run("search", "rebuild")

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == "0 tickets and articles indexed anew.\n"
    assert contents(installed).rows["search_document"] == []
