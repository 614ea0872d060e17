"""Letters of a real service: from the outbox of a transaction to where they go."""

import asyncio
import re
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from tortoise.transactions import in_transaction

from api.adapters.clock import SystemClock
from api.adapters.fernet_sealer import FernetSealer
from api.adapters.quiet import QuietClickFeed, QuietLinkSignal
from api.data_folder import read_secret_keys
from benchmarks.service import Service, service
from models.orm import open_database
from models.rules.mail_templates import MailTemplate
from resolvers.mails import post_mail
from resolvers.ports import Ports
from resolvers.rate_counters import RateCounters
from tests.factories import PASSWORDS, as_nobody
from tests.mail_servers import MailServer, mail_server
from tests.portal import operation

LIMIT_S = 10.0


@pytest.fixture
def settings(migrated_database_url: str) -> dict[str, str]:
    return {"PROCESSES": "1", "PORTAL_NAME": "Ссылки", "DATABASE_URL": migrated_database_url}


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline


async def post(running: Service, to: str) -> None:
    ports = Ports(
        clock=SystemClock(),
        link_signal=QuietLinkSignal(),
        click_feed=QuietClickFeed(),
        sealer=FernetSealer(read_secret_keys(running.data / "secret.key")),
        passwords=PASSWORDS,
        rates=RateCounters(bytes(32)),
    )
    async with open_database(running.database_url), in_transaction("default") as connection:
        await post_mail(
            as_nobody(ports),
            connection,
            to=to,
            locale="ru",
            template=MailTemplate.ACCOUNT_DEACTIVATED,
            params={"name": "Анна"},
        )


def subjects(folder: Path) -> list[str]:
    return [
        str(message_from_bytes(path.read_bytes(), policy=policy.default)["subject"])
        for path in sorted(folder.glob("*.eml"))
    ]


def test_without_a_mail_server_letters_are_files(settings: dict[str, str]) -> None:
    with service(settings) as running:
        folder = running.data / "mail"
        tested = running.cli("mail", "test", "anna@example.org", "--locale", "ru")
        assert re.fullmatch(rf"written to {re.escape(str(folder))}/\d+\.eml\n", tested.stdout)

        asyncio.run(post(running, "anna@example.org"))
        eventually(lambda: len(subjects(folder)) == 2)

        assert subjects(folder) == ["Ссылки: проверка почты", "Ссылки: учётная запись отключена"]
        eventually(lambda: running.cli("mail", "list").stdout == "")
        eventually(lambda: b"linkyard_mails_sent_total 1.0" in running.get("/metrics").body)
        assert running.get("/readyz").json()["mail"] == {"ok": True, "waiting": 0, "oldest_s": 0.0}
        assert running.stop() == 0


def test_a_link_in_a_letter_leads_to_the_portal_by_its_own_name(settings: dict[str, str]) -> None:
    chosen = settings | {"PUBLIC_URL": "https://go.example.org/p", "ADMIN_EMAIL": "a@example.org"}
    with service(chosen) as running:
        answer = running.graphql(
            operation("PasswordResetRequest"), {"input": {"email": "a@example.org"}}
        )
        assert answer["passwordResetRequest"]["__typename"] == "PasswordResetRequestSuccess"
        folder = running.data / "mail"
        eventually(lambda: len(subjects(folder)) == 1)

        (path,) = folder.iterdir()
        letter = message_from_bytes(path.read_bytes(), policy=policy.default)
        body = letter.get_body(("plain",))
        assert body is not None
        links = re.findall(r"https?://[^ ,]+", body.get_content())
        assert [link.partition("#")[0] for link in links] == [
            "https://go.example.org/p/app/password-reset",
            "https://go.example.org/p",
        ]
        assert letter["message-id"].endswith("@go.example.org>")
        eventually(lambda: running.rows("SELECT sealed_params FROM mail") == [("",)])
        assert running.stop() == 0


async def test_operators_see_what_waits_and_what_was_given_up(settings: dict[str, str]) -> None:
    async with mail_server() as state:
        smtp = {"MAIL": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_TLS": "none"}
        chosen = settings | smtp | {"SMTP_PORT": str(state.port), "MAIL_FROM": "go@go.test"}
        await asyncio.to_thread(look_at_letters, chosen, state)

    (taken,) = state.taken
    assert (taken.sender, taken.to) == ("go@go.test", "anna@example.org")
    assert taken.letter["from"] == "Ссылки <go@go.test>"


def look_at_letters(settings: dict[str, str], state: MailServer) -> None:
    state.refused = {"busy@example.org": "451 come again", "gone@example.org": "550 nobody here"}
    with service(settings) as running:
        assert running.cli("mail", "test", "anna@example.org").stdout == "250 taken\n"
        refused = running.cli("mail", "test", "gone@example.org")
        assert (refused.returncode, refused.stderr) == (
            1,
            "The letter was not sent: 550 nobody here\n",
        )

        asyncio.run(post(running, "busy@example.org"))
        asyncio.run(post(running, "gone@example.org"))
        eventually(lambda: running.cli("mail", "list").stdout.count("tries 1\t") == 2)

        listed = [line.split("\t") for line in running.cli("mail", "list").stdout.splitlines()]
        assert [(line[1], line[2], line[3], line[-1]) for line in listed] == [
            ("waiting", "busy@example.org", "ACCOUNT_DEACTIVATED", "451 come again"),
            ("failed", "gone@example.org", "ACCOUNT_DEACTIVATED", "550 nobody here"),
        ]
        soon = running.cli("mail", "retry", listed[0][0])
        assert soon.stdout == "It is tried within three minutes anyway.\n"
        over = running.cli("mail", "retry", listed[1][0])
        assert (over.returncode, over.stderr) == (
            1,
            "It was sent or given up, and what it said is gone.\n",
        )
        assert running.cli("mail", "retry", "1").stderr == (
            "Not found, or you have no access to it.\n"
        )
        assert "Анна" not in running.last_words()
        assert running.stop() == 0
