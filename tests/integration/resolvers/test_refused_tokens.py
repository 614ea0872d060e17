"""Tokens that open nothing show in the audit log, once for each address and ten minutes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from models.audit_entries import AuditEntry
from models.errors import DomainError
from models.rules.tokens import new_token
from resolvers.context import Origin, RequestContext
from resolvers.email_changes import change_email
from resolvers.invitation_accepting import accept_invitation
from resolvers.passwords import reset_password
from resolvers.ports import AccessPolicy, Ports
from resolvers.second_factors import confirm_session
from resolvers.sign_up import sign_up
from tests.factories import as_nobody
from tests.fakes import FixedClock

pytestmark = pytest.mark.usefixtures("database")

Door = Callable[[RequestContext, str], Awaitable[object]]
_WORDS: Final = "a long enough one 7"
DOORS: Final[dict[str, Door]] = {
    "PASSWORD_RESET": lambda context, token: reset_password(context, token=token, new=_WORDS),
    "SECOND_FACTOR": lambda context, token: confirm_session(context, token=token, code="000000"),
    "SIGN_UP": lambda context, token: sign_up(
        replace(context, ports=replace(context.ports, access=AccessPolicy(may_sign_up=True))),
        token=token,
        name="Eve",
        password=_WORDS,
    ),
    "EMAIL_CHANGE": lambda context, token: change_email(context, token=token),
    "INVITATION": lambda context, token: accept_invitation(
        context, token=token, name="Eve", password=_WORDS
    ),
}


def at(ports: Ports, address: str) -> RequestContext:
    return replace(as_nobody(ports), origin=Origin(address=address))


async def noted() -> list[tuple[str, str]]:
    rows = await AuditEntry.filter(action="one_time_token.refuse").order_by("id")
    return [(row.address, row.after) for row in rows]


@pytest.mark.parametrize("purpose", DOORS)
async def test_a_bad_token_is_noted_once_in_ten_minutes_for_an_address(
    ports: Ports, clock: FixedClock, purpose: str
) -> None:
    for address in ("192.0.2.1", "192.0.2.1", "198.51.100.1"):
        with pytest.raises(DomainError):
            await DOORS[purpose](at(ports, address), new_token())
    first = await noted()
    clock.at += timedelta(minutes=12)
    with pytest.raises(DomainError):
        await DOORS[purpose](at(ports, "192.0.2.1"), new_token())

    text = f'{{"purpose":"{purpose}"}}'
    assert first == [("192.0.2.1", text), ("198.51.100.1", text)]
    assert await noted() == [*first, ("192.0.2.1", text)]
