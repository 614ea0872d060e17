"""What the audit log tells of links: every field that a save changed, and nothing else."""

from collections.abc import Mapping
from typing import Final

from models.links import Link
from models.rules.audit_actions import AuditAction
from resolvers.audit import Note

# Names of the log, and of the columns they tell of.
_FIELDS: Final = {
    "domain_id": "domain_id",
    "slug": "slug",
    "url": "target",
    "title": "title",
    "owner_id": "owner_id",
    "organization_id": "organization_id",
    "starts_at": "starts_at",
    "expires_at": "expires_at",
    "disabled_at": "disabled_at",
    "password": "password_hash",  # a name that the log masks
    "deleted_at": "deleted_at",
}
_NAMES_IT: Final = ("domain_id", "slug", "url")  # by which one knows a link that is gone


def snapshot(link: Link) -> dict[str, object]:
    """Return the fields of a link that the log tells of."""
    return {name: getattr(link, column) for name, column in _FIELDS.items()}


def made_note(link: Link, action: AuditAction, *, taken_from: int | None = None) -> Note:
    """Return the note of a new link.

    Args:
        link: as it is stored.
        action: how it came about.
        taken_from: id of the deleted link whose slug it took over.
    """
    after = {name: value for name, value in snapshot(link).items() if value is not None}
    if taken_from is not None:
        after["slug_taken_from"] = taken_from
    return Note(action=action, subject_id=link.id, after=after)


def saved_note(link: Link, before: Mapping[str, object]) -> Note:
    """Return the note of a save.

    Args:
        link: as it is stored now.
        before: its snapshot before the save.
    """
    after = snapshot(link)
    if link.deleted_at is not None:
        gone = {name: before[name] for name in _NAMES_IT}
        return Note(
            action=AuditAction.LINK_DELETE,
            subject_id=link.id,
            before=gone,
            after={"deleted_at": link.deleted_at},
        )
    changed = [name for name, value in after.items() if value != before[name]]
    return Note(
        action=AuditAction.LINK_UPDATE,
        subject_id=link.id,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
    )
