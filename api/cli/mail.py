"""`mail`: whether letters go out, and which do not."""

from typing import Annotated, Final

import typer

from api.cli.session import CommandError, Session, run
from api.data_folder import DataFolder
from api.mailers import letterhead_of, mailer_of
from models.texts import DEFAULT_LOCALE, LOCALES
from resolvers.letters import LetterError
from resolvers.mail_admin import MailEntry, RetryOutcome, retry_mail, send_test, unsent_mails
from resolvers.ports import MailDeferredError, MailRefusedError

app = typer.Typer(help="Letters that the service sends.", no_args_is_help=True)

_SAID: Final = {
    RetryOutcome.DUE: "It is tried now.",
    RetryOutcome.BUSY: "It is tried within three minutes anyway.",
}


@app.callback()
def mail() -> None:
    """Letters that the service sends: invitations, new passwords, warnings."""


@app.command("test")
def send_one(
    address: Annotated[str, typer.Argument(help="Where to send it.")],
    locale: Annotated[str, typer.Option(help="Language of the letter.")] = DEFAULT_LOCALE,
) -> None:
    """Send a test letter at once and print what the mail server answered."""
    if locale not in LOCALES:
        raise typer.BadParameter(f"must be one of {', '.join(LOCALES)}", param_hint="--locale")

    async def send(session: Session) -> str:
        settings = session.settings
        mailer = mailer_of(settings, DataFolder.open(settings.data_dir))
        try:
            return await send_test(
                session.context,
                to=address,
                locale=locale,
                mailer=mailer,
                head=letterhead_of(settings),
            )
        except (MailRefusedError, MailDeferredError, LetterError) as error:
            raise CommandError(f"The letter was not sent: {error}") from error

    typer.echo(run(send))


@app.command("list")
def list_() -> None:
    """Print letters that wait or were given up, the oldest first, without what they say."""

    async def look(session: Session) -> list[str]:
        return [_line(entry) for entry in await unsent_mails(session.context)]

    for line in run(look):
        typer.echo(line)


@app.command()
def retry(
    letter: Annotated[int, typer.Argument(help="Number of the letter, as `mail list` has it.")],
) -> None:
    """Try a letter that was put off now. One that was given up has to be caused again."""

    async def put_first(session: Session) -> str:
        outcome = await retry_mail(session.context, letter)
        if outcome is RetryOutcome.OVER:
            raise CommandError("It was sent or given up, and what it said is gone.")
        return _SAID[outcome]

    typer.echo(run(put_first))


def _line(entry: MailEntry) -> str:
    due = entry.next_attempt_at.isoformat(timespec="seconds") if entry.next_attempt_at else "-"
    posted = entry.posted_at.isoformat(timespec="seconds")
    fields = (
        entry.id,
        entry.state.name.lower(),
        entry.to,
        entry.template,
        f"posted {posted}",
        f"next {due}",
        f"tries {entry.attempts}",
        entry.last_error,
    )
    return "\t".join(map(str, fields)).rstrip()
