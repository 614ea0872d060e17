"""Files that people send: what they contain, once for each content, and who sent them."""

from datetime import datetime
from enum import StrEnum
from typing import cast

from tortoise import fields

from models.base import Record
from models.organizations import Organization
from models.rules.file_names import MAX_NAME_LENGTH
from models.rules.media_types import MAX_MEDIA_TYPE_LENGTH
from models.users import User

MAX_VERDICT_LENGTH = 200  # characters


class ScanStatus(StrEnum):
    """What a virus scanner said of a content. Stored by name; never renamed or reused."""

    PENDING = "PENDING"
    CLEAN = "CLEAN"
    INFECTED = "INFECTED"
    UNSCANNED = "UNSCANNED"


class FileOwnerKind(StrEnum):
    """What refers to a file. Stored by name; never renamed or reused.

    A new kind adds its name here and its rule of who sees it to resolvers.file_owners.
    """

    TICKET_MESSAGE = "TICKET_MESSAGE"
    RAW_MAIL = "RAW_MAIL"


class Blob(Record):
    """A content, known by its SHA-256 in hex. `created_at` is when it was first seen.

    It lies in the blob store as long as the row is there, and goes with the last file.
    Whoever adds a file of it, or deletes it, holds the row's lock.

    Attributes:
        media_type: by the content alone.
        scan_verdict: what the scanner found or why it could not look; "" for nothing.
        scan_attempts: tries so far. Whoever raises it owns the scan until `scan_due_at`.
        scan_due_at: when it is anybody's turn to scan it; None for never.
    """

    sha256 = fields.CharField(max_length=64, unique=True)
    bytes: int = fields.BigIntField()
    media_type = fields.CharField(max_length=MAX_MEDIA_TYPE_LENGTH)
    scan_status = fields.CharEnumField(
        ScanStatus, max_length=16, description="what a virus scanner said"
    )
    scan_verdict = fields.CharField(max_length=MAX_VERDICT_LENGTH, default="")
    scan_attempts = fields.IntField(default=0)
    scan_due_at: datetime | None = fields.DatetimeField(null=True, db_index=True)
    scanned_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "blob"
        table_description = "content of files"


class StoredFile(Record):
    """A content under a name. Several files may have one content.

    Attributes:
        uploader: who sent it; None for what came by mail, and for those who were erased.
        organization: of the uploader then.
        owner_kind, owner_id: what refers to it; both None until something does.
        expires_at: when it goes unless something refers to it by then; None for never.
    """

    blob: fields.ForeignKeyRelation[Blob] = fields.ForeignKeyField(
        "models.Blob", related_name="files", on_delete=fields.RESTRICT
    )
    blob_id: int
    name = fields.CharField(max_length=MAX_NAME_LENGTH)
    uploader: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="files", on_delete=fields.SET_NULL, null=True
    )
    uploader_id: int | None
    organization: fields.ForeignKeyNullableRelation[Organization] = fields.ForeignKeyField(
        "models.Organization", related_name="files", on_delete=fields.RESTRICT, null=True
    )
    organization_id: int | None
    owner_kind: FileOwnerKind | None = cast(
        "FileOwnerKind | None",
        fields.CharEnumField(
            FileOwnerKind, max_length=32, null=True, description="what refers to it"
        ),
    )
    owner_id: int | None = fields.BigIntField(null=True)
    expires_at: datetime | None = fields.DatetimeField(null=True, db_index=True)

    class Meta:
        table = "stored_file"
        table_description = "file"
        indexes = (("blob_id",), ("uploader_id", "id"), ("owner_kind", "owner_id"))
