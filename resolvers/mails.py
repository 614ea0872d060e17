"""Letters: rows of the transaction that causes them, sent by the worker after its commit.

A letter that was posted is sent, also when this process or the mail server dies at once;
a transaction that is rolled back takes its letters along.
"""

from collections.abc import Mapping
from typing import Final

import orjson
from tortoise.backends.base.client import BaseDBAsyncClient

from models.engines.commits import after_commit
from models.mails import Mail
from models.rules.mail_addresses import deliverable
from models.rules.mail_templates import PARAMS, TIME_ZONE, MailTemplate
from models.texts import DEFAULT_LOCALE, LOCALES
from resolvers.context import RequestContext
from resolvers.users import check_email

SEALED_FOR: Final = "mail"


class MailParamsError(Exception):
    """A template was given other parameters than it has: a mistake of our own code."""


async def post_mail(  # noqa: PLR0913 - an envelope has these parts
    context: RequestContext,
    connection: BaseDBAsyncClient,
    *,
    to: str,
    locale: str,
    template: MailTemplate,
    params: Mapping[str, str],
) -> None:
    """Post a letter.

    Args:
        context: its worker is woken after the commit.
        connection: of the open transaction that causes the letter.
        to: address of the reader.
        locale: language of the letter; one without texts reads DEFAULT_LOCALE.
        template: which letter.
        params: those of models.rules.mail_templates.PARAMS, and `time_zone` if there is
            one. They are sealed, and wiped when the letter is sent or given up.

    Raises:
        MailParamsError: a parameter is missing, or the template has no such one.
        ValueRequiredError, TextTooLongError, ValueInvalidError: `to` is no address.
    """
    if frozenset(params) - {TIME_ZONE} != PARAMS[template]:
        raise MailParamsError(f"{template} takes {sorted(PARAMS[template])}, not {sorted(params)}")
    address = check_email(to)
    deliverable(address)  # stored as it is known here, and in this form it is sent
    now = context.ports.clock.now()
    await Mail.create(
        using_db=connection,
        to_address=address,
        template=template.value,
        locale=locale if locale in LOCALES else DEFAULT_LOCALE,
        sealed_params=context.ports.sealer.seal(
            orjson.dumps(dict(params)).decode(), purpose=SEALED_FOR
        ),
        next_attempt_at=now,
        created_at=now,
    )
    after_commit(connection, context.ports.mail_signal.mail_posted)
