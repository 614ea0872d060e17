"""Mailboxes as the settings name them, and the command that looks whether they can be read."""

from datetime import date
from pathlib import Path

import pytest

from api.__main__ import build
from api.adapters.imap_mailbox import ImapTls, WhenDone
from api.mailboxes import mailboxes_of, read_secret
from api.settings import load_settings
from tests.dovecot_account import Account, mail
from tests.dovecot_server import PASSWORD, Dovecot
from tests.fakes import FixedClock


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    return tmp_path / "passwords"


def run(*arguments: str) -> int:
    """Run a command in this process; return its exit code."""
    return int(build([*arguments])([*arguments], standalone_mode=False) or 0)


def set_up(monkeypatch: pytest.MonkeyPatch, secrets: Path, *lines: str, **values: str) -> None:
    secrets.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    values = {"PASSWORD_FILE": str(secrets), **values}
    for name, value in values.items():
        monkeypatch.setenv(f"LINKYARD_IMAP_{name}", value)


def test_settings_become_mailboxes(monkeypatch: pytest.MonkeyPatch, secrets: Path) -> None:
    set_up(
        monkeypatch,
        secrets,
        "пароль",
        "t0ken",
        URL="imap://a@mail.test imaps://b;AUTH=XOAUTH2@mail.test:99/Заявки imap://c@localhost",
        CA_FILE="/etc/ca.pem",
        WHEN_DONE="flag",
        DONE_FOLDER="Готово",
        MAX_BYTES="70000",
        SINCE="2026-01-31",
    )

    one, two, three = (each._server for each in mailboxes_of(load_settings(), clock=FixedClock()))

    assert (one.host, one.port, one.user, one.folder) == ("mail.test", 143, "a", "INBOX")
    assert (one.tls, two.tls, three.tls) == (ImapTls.STARTTLS, ImapTls.IMPLICIT, ImapTls.NONE)
    assert (two.port, two.user, two.folder, two.is_token) == (99, "b", "Заявки", True)
    assert (one.name, one.is_token, one.ca_file) == (
        "imap://a@mail.test/INBOX",
        False,
        "/etc/ca.pem",
    )
    assert (one.when_done, one.done_folder, one.max_bytes) == (WhenDone.FLAG, "Готово", 70000)
    assert one.since == date(2026, 1, 31)
    assert (one.read_secret(), two.read_secret()) == ("пароль", "t0ken")
    with pytest.raises(ValueError, match="nothing in line 3"):
        three.read_secret()


def test_one_password_is_for_all_and_a_new_one_is_read_at_once(secrets: Path) -> None:
    secrets.write_text("first\n")
    assert read_secret(secrets, number=3) == "first"

    secrets.write_text("second with spaces \r\n")
    assert read_secret(secrets, number=0) == "second with spaces "


@pytest.mark.parametrize(("text", "number"), [("", 0), ("a\n\n", 1), ("a\nb\n", 2)])
def test_a_password_that_is_not_there_is_told(secrets: Path, text: str, number: int) -> None:
    secrets.write_text(text)

    with pytest.raises(ValueError, match=f"nothing in line {number + 1}$"):
        read_secret(secrets, number=number)


def test_the_check_says_of_each_mailbox_what_waits_or_what_is_wrong(
    dovecot: Dovecot,
    secrets: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, bad = Account(dovecot), Account(dovecot)
    good.deliver(mail(1), mail(2))
    urls = [f"imap://{each.user}@127.0.0.1:{dovecot.port}" for each in (good, bad)]
    set_up(monkeypatch, secrets, PASSWORD, "wrong", URL=" ".join(urls))

    assert run("mailboxes", "check") == 1

    lines = capsys.readouterr().out.splitlines()
    assert [
        line.partition("\t")[0].count(f"%40example.org@127.0.0.1:{dovecot.port}/INBOX")
        for line in lines
    ] == [1, 1]
    assert lines[0].endswith("\t2 messages to take")
    assert "AUTHENTICATIONFAILED" in lines[1]
    assert good.flags() == [set(), set()]

    set_up(monkeypatch, secrets, PASSWORD, URL=urls[0])
    assert run("mailboxes", "check") == 0


def test_the_check_says_that_there_is_nothing_to_look_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("mailboxes", "check")

    assert ended.value.code == 1
    assert capsys.readouterr().err == "LINKYARD_IMAP_URL names no mailbox.\n"
