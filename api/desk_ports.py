"""What the settings say about the support desk."""

from api.settings import Settings
from resolvers.desk_policy import DeskPolicy


def desk_policy(settings: Settings) -> DeskPolicy:
    """Return the rules of the desk that the operator chose."""
    return DeskPolicy(
        undo_s=settings.ticket_undo_s,
        reopen_days=settings.ticket_reopen_days,
        close_days=settings.ticket_close_days,
    )
