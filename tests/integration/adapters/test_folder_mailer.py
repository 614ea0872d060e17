"""Letters as files."""

import stat
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from api.adapters.folder_mailer import FolderMailer
from resolvers.ports import MailerAwayError


def letter(text: str = "Hello!") -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = "Привет"
    message.set_content(text)
    return message


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_letter_is_one_whole_file_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mail"

    answer = await FolderMailer(folder).send(letter(), to="anna@example.org", letter_id=12)

    assert answer == f"written to {folder / '12.eml'}"
    assert names(folder) == ["12.eml"]
    assert (folder / "12.eml").read_bytes() == letter().as_bytes()
    assert stat.S_IMODE((folder / "12.eml").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_letter_that_is_sent_twice_is_there_once(tmp_path: Path) -> None:
    mailer = FolderMailer(tmp_path)

    for _ in range(2):
        await mailer.send(letter(), to="anna@example.org", letter_id=12)

    assert names(tmp_path) == ["12.eml"]


async def test_a_letter_that_cannot_be_put_in_place_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "12.eml").mkdir()

    with pytest.raises(MailerAwayError, match="Is a directory"):
        await FolderMailer(tmp_path).send(letter(), to="a@example.org", letter_id=12)

    assert names(tmp_path) == ["12.eml"]


async def test_a_folder_that_cannot_be_written_puts_the_letter_off(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")

    with pytest.raises(MailerAwayError, match="File exists"):
        await FolderMailer(tmp_path / "mail").send(letter(), to="a@example.org", letter_id=1)
