"""Files of tickets: whoever may read a message sees what is attached to it."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from models.files import FileOwnerKind
from models.rules.scopes import Scope
from resolvers.context import RequestContext
from resolvers.file_owners import add_owner_rule
from resolvers.ticket_messages import messages_by_ids

MESSAGE_FILES: Final = FileOwnerKind.TICKET_MESSAGE


async def readable_messages(context: RequestContext, ids: Sequence[int]) -> AbstractSet[int]:
    """Return those of some messages that the viewer may read now, see OwnerRule."""
    if Scope.TICKET_READ not in context.viewer.scopes:
        return frozenset()
    return {each.id for each in await messages_by_ids(context, ids) if each is not None}


add_owner_rule(MESSAGE_FILES, readable_messages)
