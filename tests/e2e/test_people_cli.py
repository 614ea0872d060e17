"""`users`, `invitations`, `organizations` and `audit list` as administrators run them."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.service import service
from models.orm import open_database
from resolvers.first_run import prepare_installation

ROOT = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(migrated_database_url: str, tmp_path: Path) -> Run:
    (tmp_path / "var").mkdir()

    async def prepare() -> None:
        async with open_database(migrated_database_url):
            await prepare_installation(
                host="localhost:8080", admin_email="admin@example.org", now=datetime.now(UTC)
            )

    asyncio.run(prepare())
    environment = {
        **os.environ,
        "LINKYARD_DATA_DIR": os.fspath(tmp_path / "var"),
        "LINKYARD_DATABASE_URL": migrated_database_url,
        "LINKYARD_ADMIN_EMAIL": "admin@example.org",
    }

    def started(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "api", *arguments],
            cwd=ROOT,
            env=environment,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=60,
            text=True,
        )

    return started


def said(run: Run, *arguments: str) -> str:
    """Return what a command that succeeds says."""
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refused(run: Run, *arguments: str) -> str:
    """Return the one line of a command that is refused."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    return line


def test_a_person_gets_another_address_and_role_and_leaves(run: Run, tmp_path: Path) -> None:
    said(run, "users", "create", "ada@people.test", "--name", "Ada")
    said(run, "users", "create", "bob@people.test")
    run("links", "import", "-", "--user", "ada@people.test", stdin="https://example.org/\n")

    assert said(run, "users", "email", "ada@people.test", "Ada@new.test") == (
        "ada@new.test is the address to sign in by.\n"
    )
    assert said(run, "users", "role", "ada@new.test", "partner") == "ada@new.test is partner.\n"
    assert "ada@new.test\tpartner\t-\tactive" in said(run, "users", "list").splitlines()
    assert refused(run, "users", "role", "ada@new.test", "king") == "There is no role king."
    assert refused(run, "users", "email", "ada@new.test", "bob@people.test") == (
        "There is already an account for bob@people.test."
    )

    assert said(run, "users", "transfer", "ada@new.test", "bob@people.test") == (
        "1 link, 0 tickets asked for, 0 worked on, 0 followed of ada@new.test"
        " went to bob@people.test.\n"
    )
    told = json.loads(said(run, "users", "export", "ada@new.test"))
    assert [each["email"] for each in told["person"]] == ["ada@new.test"]
    assert told["links"] == []
    file = tmp_path / "bob.json"
    said(run, "users", "export", "bob@people.test", "--output", os.fspath(file))
    assert len(json.loads(file.read_text())["links"]) == 1

    assert (
        refused(run, "users", "erase", "ada@new.test", "--yes") == "Deactivate the account first."
    )
    said(run, "users", "deactivate", "ada@new.test")
    asked = run("users", "erase", "ada@new.test", stdin="n\n")
    assert asked.returncode == 1
    assert "ada@new.test" in said(run, "users", "list")
    assert said(run, "users", "erase", "ada@new.test", "--yes") == "Erased.\n"
    assert "ada@new.test" not in said(run, "users", "list")


def test_people_are_invited_listed_and_no_longer_asked(run: Run) -> None:
    said(run, "organizations", "create", "Acme", "--kind", "partner")
    made = said(
        run,
        *("invitations", "create", "Eve@people.test", "--role", "partner"),
        *("--organization", "Acme", "--locale", "ru"),
    )
    assert made.startswith("eve@people.test is invited until 20")
    [line] = said(run, "invitations", "list").splitlines()
    assert line.split("\t")[:3] == ["eve@people.test", "partner", "Acme"]
    assert line.endswith("\topen")

    assert said(run, "invitations", "revoke", "eve@people.test") == "1 invitation revoked.\n"
    assert said(run, "invitations", "list") == ""
    assert said(run, "invitations", "list", "--all").endswith("\trevoked\n")
    assert refused(run, "invitations", "revoke", "eve@people.test") == (
        "There is no open invitation of eve@people.test."
    )
    assert refused(run, "invitations", "create", "nobody") == "This is not an e-mail address."


def test_an_organization_is_closed_and_opened_again(run: Run) -> None:
    said(run, "organizations", "create", "Acme")
    said(run, "organizations", "deactivate", "Acme")
    assert said(run, "organizations", "list").endswith("\tdeactivated\n")
    said(run, "organizations", "activate", "Acme")
    assert said(run, "organizations", "list").endswith("\tactive\n")
    assert refused(run, "organizations", "deactivate", "Nobody Ltd") == (
        "Not found, or you have no access to it."
    )


def test_the_log_is_listed_by_filters(run: Run) -> None:
    said(run, "organizations", "create", "Acme")
    said(run, "organizations", "deactivate", "Acme")

    [line] = said(run, "audit", "list", "--action", "organization.deactivate").splitlines()
    at, action, who, how, where, subject = line.split("\t")
    assert (action, who, how, where) == ("organization.deactivate", "-", "command", "-")
    assert subject.startswith("organization:")
    found = said(run, "audit", "list", "--subject", subject, "--json").splitlines()
    assert [json.loads(each)["action"] for each in found] == [
        "organization.deactivate",
        "organization.create",
    ]
    assert said(run, "audit", "list", "--subject", subject, "--limit", "1") == f"{line}\n"
    assert said(run, "audit", "list", "--since", "2999-01-01") == ""
    assert said(run, "audit", "list", "--until", at[:10], "--subject", subject) == ""
    assert said(run, "audit", "list", "--actor", "admin@example.org") == ""
    assert refused(run, "audit", "list", "--actor", "nobody@people.test") == (
        "There is no user nobody@people.test; name one with --user."
    )
    assert run("audit", "list", "--subject", "link:x").returncode == 2


def test_a_partner_gets_a_key_for_statistics_as_the_guide_says(run: Run) -> None:
    said(run, "organizations", "create", "Example Ltd", "--kind", "partner")
    person = "statistics@example.org"
    said(run, "users", "create", person, "--role", "partner", "--organization", "Example Ltd")
    key = said(
        run,
        *("keys", "create", "--label", "nightly report", "--user", person),
        *("--scope", "STATS_READ", "--scope", "LINK_READ"),
        *("--expires", "2999-12-31", "--per-minute", "60"),
    ).strip()

    listed = [line.split("\t") for line in said(run, "keys", "list").splitlines()]
    [found] = [each for each in listed if each[1] == person]
    assert key.startswith(found[0])
    assert sorted(found[3].split()) == ["LINK_READ", "STATS_READ"]
    assert found[5] == "until 2999-12-31 00:00 UTC"
    said(run, "users", "deactivate", person)
    assert person not in said(run, "keys", "list")


def test_a_start_warns_of_an_administrator_whom_no_letter_reaches(
    migrated_database_url: str,
) -> None:
    mail = {"MAIL": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_TLS": "none"}
    chosen = {"PROCESSES": "1", "DATABASE_URL": migrated_database_url, **mail}
    with service(chosen) as running:
        assert running.last_words().count("letters to an administrator go nowhere") == 1
        assert "users email admin@localhost NEW" in running.last_words()
        running.cli("users", "email", "admin@localhost", "boss@example.org")
        assert running.stop() == 0
        before = running.last_words().count("go nowhere")
        running.start()
        assert running.last_words().count("go nowhere") == before
        assert running.stop() == 0
