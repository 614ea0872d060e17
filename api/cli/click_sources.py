"""`clicks sources`: the machines that the statistics wait for."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from api.cli.session import CommandError, Session, counted, run
from resolvers.click_progress import Source, forget_source, sources_of_clicks

_SILENT: Final = timedelta(days=1)


def sources(
    forget: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Wait no longer for a machine that will not come back. Clicks that still lie "
            "on it are not lost: they are counted if it does come back.",
        ),
    ] = None,
) -> None:
    """Print every machine with the moment up to which its clicks are in the statistics.

    Statistics are complete up to the earliest of them (asOf). A machine that is gone
    for good holds that moment back until it is forgotten.
    """
    typer.echo(run(lambda session: _told(session, forget)))


async def _told(session: Session, forget: str | None) -> str:
    if forget is not None:
        if not await forget_source(forget):
            raise CommandError(f"There is no source {forget}; `clicks sources` lists them.")
        return f"Forgotten: {forget}."
    now = session.context.ports.clock.now()
    lines = [_line(source, now) for source in await sources_of_clicks()]
    return "\n".join(lines) or "No machine has counted clicks yet."


def _line(source: Source, now: datetime) -> str:
    told = f"{source.name}\tcomplete to {source.complete_to.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    silent = now - source.complete_to
    if silent <= _SILENT:
        return told
    return (
        f"{told}\tsilent for {counted(silent.days, 'day')}: if that machine is gone for good,"
        f" run `clicks sources --forget {source.name}`"
    )
