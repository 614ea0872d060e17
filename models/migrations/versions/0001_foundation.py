"""People, keys, domains, links, clicks."""

import sqlalchemy as sa
from alembic import op

from models.migrations import KEY, MOMENT

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _people()
    _links()
    _clicks()
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("store_id", sa.String(36), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("id = 1", name="installation_is_one_row"),
    )


def _record() -> tuple[sa.Column[int], sa.Column[object], sa.Column[object]]:
    return (
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )


def _people() -> None:
    op.create_table(
        "role",
        *_record(),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("is_staff", sa.Boolean, nullable=False),
    )
    op.create_table(
        "app_user",
        *_record(),
        sa.Column("email", sa.String(254), nullable=False, unique=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("role_id", KEY, sa.ForeignKey("role.id", ondelete="RESTRICT"), nullable=False),
        sa.Column("deactivated_at", MOMENT),
    )
    op.create_table(
        "api_key",
        *_record(),
        sa.Column("user_id", KEY, sa.ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("prefix", sa.String(12), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("last_used_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
    )
    op.create_table(
        "replay",
        *_record(),
        sa.Column("user_id", KEY, sa.ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False),
        sa.Column("mutation", sa.String(64), nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("body_hash", sa.String(64), nullable=False),
        sa.Column("result_id", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("user_id", "mutation", "request_id"),
    )
    op.create_index("ix_replay_created_at", "replay", ["created_at"])


def _links() -> None:
    op.create_table(
        "domain",
        *_record(),
        sa.Column("host", sa.String(259), nullable=False, unique=True),
    )
    op.create_table(
        "link",
        *_record(),
        _domain(),
        sa.Column("slug", sa.String(64), nullable=False),
        sa.Column("target", sa.String(2048), nullable=False),
        sa.Column("title", sa.String(300)),
        sa.Column("owner_id", KEY, sa.ForeignKey("app_user.id", ondelete="SET NULL")),
        sa.Column("revision", sa.Integer, nullable=False, server_default="1"),
        *(sa.Column(f"{name}_at", MOMENT) for name in ("starts", "expires", "disabled", "deleted")),
        *(
            sa.Column(f"clicks_{name}", sa.BigInteger, nullable=False, server_default="0")
            for name in ("human", "preview", "prefetch", "scanner", "monitor", "bot")
        ),
        sa.Column("last_clicked_at", MOMENT),
    )
    for column in ("created_at", "updated_at", "clicks_human", "last_clicked_at", "slug"):
        op.create_index(f"ix_link_{column}", "link", [column, "id"])
    op.create_index("ix_link_owner_id", "link", ["owner_id", "id"])
    op.create_table(
        "link_slug",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        _domain(),
        sa.Column("slug", sa.String(64), nullable=False),
        sa.Column("link_id", KEY, sa.ForeignKey("link.id", ondelete="CASCADE"), nullable=False),
        sa.Column("released_at", MOMENT),
    )
    held = sa.text("released_at IS NULL")
    op.create_index(
        "ix_link_slug_held",
        "link_slug",
        ["domain_id", "slug"],
        unique=True,
        sqlite_where=held,
        postgresql_where=held,
    )
    op.create_index("ix_link_slug_link_id", "link_slug", ["link_id"])
    # PostgreSQL commits out of the order of ids: there a row is placed by its transaction.
    is_postgres = op.get_bind().dialect.name == "postgresql"
    placed = sa.text("pg_current_xact_id()::text::bigint") if is_postgres else None
    op.create_table(
        "link_change",
        sa.Column("id", KEY, primary_key=True, autoincrement=True),
        sa.Column("link_id", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("position", sa.BigInteger, server_default=placed),
        sa.Column("at", MOMENT, nullable=False),
        sqlite_autoincrement=True,  # an id never comes back, also after the last row is pruned
    )
    op.create_index("ix_link_change_position", "link_change", ["position"])


def _domain() -> sa.Column[int]:
    held = sa.ForeignKey("domain.id", ondelete="RESTRICT")
    return sa.Column("domain_id", KEY, held, nullable=False)


def _place() -> list[sa.Column[int]]:
    columns = {"link_id": sa.BigInteger, "bucket": sa.Integer, "click_class": sa.SmallInteger}
    return [_key(name, kind) for name, kind in columns.items()]


def _key(name: str, kind: type[sa.types.TypeEngine[int]]) -> sa.Column[int]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _clicks() -> None:
    op.create_table(
        "click_value",
        sa.Column("id", KEY, primary_key=True, autoincrement=True),
        sa.Column("dimension", sa.SmallInteger, nullable=False),
        sa.Column("value", sa.String(255), nullable=False),
        sa.UniqueConstraint("dimension", "value"),
    )
    op.create_table(
        "click",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("link_id", sa.BigInteger, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("click_class", sa.SmallInteger, nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        *(
            sa.Column(f"{name}_id", sa.BigInteger, nullable=False)
            for name in ("referrer", "browser", "os", "device", "language")
        ),
        sa.Column("address", sa.String(45)),
        sa.Column("request_id", sa.String(64)),
    )
    op.create_index("ix_click_at_us", "click", ["at_us"])
    op.create_table(
        "click_total",
        *_place(),
        sa.Column("clicks", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_click_total_bucket", "click_total", ["bucket"])
    op.create_table(
        "click_cube",
        *_place(),
        *(_key(f"{name}_id", sa.BigInteger) for name in ("referrer", "browser", "os", "device")),
        sa.Column("clicks", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_click_cube_bucket", "click_cube", ["bucket"])
    op.create_table(
        "spool_position",
        sa.Column("file_id", sa.String(32), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("records", sa.BigInteger, nullable=False),
        sa.Column("damaged", sa.BigInteger, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )
