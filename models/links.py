"""Short links, their slugs, and the log that carries changes to every replica."""

from datetime import datetime

from tortoise import fields
from tortoise.models import Model

from models.base import Record
from models.domains import Domain
from models.ids import new_id
from models.organizations import Organization
from models.rules.slugs import MAX_SLUG_LENGTH
from models.users import User

MAX_TARGET_LENGTH = 2048  # characters
MAX_TITLE_LENGTH = 300  # characters


class Link(Record):
    """A slug on a domain that leads to a target.

    `slug` is the one shown; every slug the link ever had is a LinkSlug. The
    organization is that of its maker then, and keeps the link when they leave. With a
    password hash visitors have to type the password before they are sent on. The
    click counters lag by seconds: the worker moves them with its rollups.
    """

    domain: fields.ForeignKeyRelation[Domain] = fields.ForeignKeyField(
        "models.Domain", related_name="links", on_delete=fields.RESTRICT
    )
    domain_id: int
    slug = fields.CharField(max_length=MAX_SLUG_LENGTH)
    target = fields.CharField(max_length=MAX_TARGET_LENGTH)
    title = fields.CharField(max_length=MAX_TITLE_LENGTH, null=True)
    owner: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="links", on_delete=fields.SET_NULL, null=True
    )
    owner_id: int | None
    organization: fields.ForeignKeyNullableRelation[Organization] = fields.ForeignKeyField(
        "models.Organization", related_name="links", on_delete=fields.RESTRICT, null=True
    )
    organization_id: int | None
    revision = fields.IntField(default=1)
    starts_at: datetime | None = fields.DatetimeField(null=True)
    expires_at: datetime | None = fields.DatetimeField(null=True)
    disabled_at: datetime | None = fields.DatetimeField(null=True)
    password_hash = fields.CharField(max_length=255, null=True)
    deleted_at: datetime | None = fields.DatetimeField(null=True)
    clicks_human: int = fields.BigIntField(default=0)
    clicks_preview: int = fields.BigIntField(default=0)
    clicks_prefetch: int = fields.BigIntField(default=0)
    clicks_scanner: int = fields.BigIntField(default=0)
    clicks_monitor: int = fields.BigIntField(default=0)
    clicks_bot: int = fields.BigIntField(default=0)
    last_clicked_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "link"
        table_description = "link"
        indexes = (
            ("created_at", "id"),
            ("updated_at", "id"),
            ("clicks_human", "id"),
            ("last_clicked_at", "id"),
            ("slug", "id"),
            ("owner_id", "id"),
            ("owner_id", "created_at", "id"),
            ("organization_id", "created_at", "id"),
        )


class LinkSlug(Model):
    """Who holds a slug of a domain. It is held for ever, also by a deleted link.

    A renamed link keeps its former slugs, so that printed links go on working.
    `released_at` marks a hold that was given up for a new owner of the slug; the
    unique index looks only at the holds that are not.
    """

    id = fields.BigIntField(primary_key=True, generated=False, default=new_id)
    domain: fields.ForeignKeyRelation[Domain] = fields.ForeignKeyField(
        "models.Domain", related_name="slugs", on_delete=fields.RESTRICT
    )
    domain_id: int
    slug = fields.CharField(max_length=MAX_SLUG_LENGTH)
    link: fields.ForeignKeyRelation[Link] = fields.ForeignKeyField(
        "models.Link", related_name="slugs", on_delete=fields.CASCADE
    )
    link_id: int
    released_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "link_slug"
        table_description = "slug"
        # UNIQUE (domain_id, slug) WHERE released_at IS NULL: in the migration, because
        # Tortoise 1.1 ignores conditions (research: stack.md, M3).


class LinkChange(Model):
    """One row for each committed change of a link, for the replicas to follow.

    `position` orders the rows for a reader: the id on SQLite, where writers take
    turns; the transaction's id on PostgreSQL, where they commit out of order.
    `link_id` 0 stands for a change of the domains.
    """

    id = fields.BigIntField(primary_key=True)
    link_id = fields.BigIntField()
    revision = fields.IntField()
    position = fields.BigIntField(null=True, db_index=True)
    at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "link_change"
        table_description = "change of a link"
