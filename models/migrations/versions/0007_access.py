"""Organizations, sessions, second factors, invitations, letters, the audit log and limits."""

import sqlalchemy as sa
from alembic import op

from models.migrations import KEY, MOMENT

revision = "0007"
down_revision = "0006"

_HASH = sa.String(64)
_EMAIL = sa.String(254)
_ADDRESS = sa.String(45)


def upgrade() -> None:
    """Make tables and columns. No version with `is_staff` was ever released, so it goes."""
    op.create_table(
        "organization",
        *_record(),
        sa.Column("name", sa.String(200), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("max_links", sa.Integer),
        sa.Column("max_users", sa.Integer),
        sa.Column("deactivated_at", MOMENT),
    )
    _roles()
    _people()
    _signing_in()
    _second_factors()
    _letters()
    _audit()
    op.create_table(
        "throttle",
        sa.Column("key", _HASH, primary_key=True),
        sa.Column("hits", sa.BigInteger, nullable=False),
        sa.Column("expires_at_us", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_throttle_expires_at_us", "throttle", ["expires_at_us"])


def _roles() -> None:
    reach = sa.Column("reach", sa.String(16), nullable=False, server_default="OWN")
    op.add_column("role", reach)
    built_in = sa.Column("is_built_in", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("role", built_in)
    op.execute("UPDATE role SET reach = 'ALL' WHERE is_staff")
    op.drop_column("role", "is_staff")
    op.execute("UPDATE role SET name = 'customer' WHERE name = 'user'")
    # Each start of the service fills the other built-in roles in: resolvers.first_run.
    op.execute("UPDATE role SET is_built_in = true WHERE name IN ('customer', 'administrator')")


def _people() -> None:
    for column in (
        sa.Column("password_hash", sa.String(255)),
        sa.Column("password_changed_at", MOMENT),
        sa.Column("email_verified_at", MOMENT),
        sa.Column("last_seen_at", MOMENT),
        sa.Column("max_links", sa.Integer),
        sa.Column("erased_at", MOMENT),
    ):
        op.add_column("app_user", column)
    op.add_column("api_key", sa.Column("per_minute", sa.Integer))
    for table in ("app_user", "link"):
        held = sa.ForeignKey(
            "organization.id", name=f"fk_{table}_organization_id", ondelete="RESTRICT"
        )
        with op.batch_alter_table(table) as batch:  # SQLite: a new table with the reference
            batch.add_column(sa.Column("organization_id", KEY, held))
    op.create_index("ix_app_user_organization_id", "app_user", ["organization_id"])
    op.create_index("ix_link_organization_created", "link", ["organization_id", "created_at", "id"])


def _signing_in() -> None:
    op.create_table(
        "session",
        *_record(),
        _user(),
        sa.Column("token_hash", _HASH, nullable=False, unique=True),
        sa.Column("factors", sa.String(64), nullable=False),
        sa.Column("authenticated_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.Column("address", _ADDRESS, nullable=False),
        sa.Column("user_agent", sa.String(300), nullable=False),
    )
    op.create_index("ix_session_user_id", "session", ["user_id"])
    op.create_index("ix_session_expires_at", "session", ["expires_at"])
    op.create_table(
        "one_time_token",
        *_record(),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("token_hash", _HASH, nullable=False, unique=True),
        _user(nullable=True),
        sa.Column("sealed_payload", sa.Text, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
    )
    op.create_index("ix_one_time_token_user_id", "one_time_token", ["user_id"])
    op.create_index("ix_one_time_token_expires_at", "one_time_token", ["expires_at"])
    op.create_table(
        "invitation",
        *_record(),
        sa.Column("email", _EMAIL, nullable=False),
        sa.Column("role_id", KEY, sa.ForeignKey("role.id", ondelete="RESTRICT"), nullable=False),
        sa.Column("organization_id", KEY, sa.ForeignKey("organization.id", ondelete="RESTRICT")),
        sa.Column("invited_by_id", KEY, sa.ForeignKey("app_user.id", ondelete="SET NULL")),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("token_hash", _HASH, nullable=False, unique=True),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("accepted_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
    )
    op.create_index("ix_invitation_email", "invitation", ["email"])


def _second_factors() -> None:
    op.create_table(
        "totp",
        *_record(),
        _user(unique=True),
        sa.Column("sealed_secret", sa.Text, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("confirmed_at", MOMENT),
    )
    op.create_table(
        "recovery_code",
        *_record(),
        _user(),
        sa.Column("code_hash", _HASH, nullable=False),
        sa.Column("used_at", MOMENT),
        sa.UniqueConstraint("user_id", "code_hash"),
    )
    op.create_table(
        "passkey",
        *_record(),
        _user(),
        sa.Column("credential_id", sa.String(1400), nullable=False, unique=True),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("transports", sa.String(100), nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("last_used_at", MOMENT),
    )
    op.create_index("ix_passkey_user_id", "passkey", ["user_id"])
    op.create_table(
        "identity",
        *_record(),
        _user(),
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("last_used_at", MOMENT),
        sa.UniqueConstraint("issuer", "subject"),
    )
    op.create_index("ix_identity_user_id", "identity", ["user_id"])


def _letters() -> None:
    op.create_table(
        "mail",
        *_record(),
        sa.Column("to_address", _EMAIL, nullable=False),
        sa.Column("template", sa.String(64), nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("sealed_params", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", MOMENT),
        sa.Column("sent_at", MOMENT),
        sa.Column("failed_at", MOMENT),
        sa.Column("last_error", sa.String(500), nullable=False),
    )
    op.create_index("ix_mail_next_attempt_at", "mail", ["next_attempt_at"])


def _audit() -> None:
    # PostgreSQL commits out of the order of ids: there a row is placed by its transaction.
    is_postgres = op.get_bind().dialect.name == "postgresql"
    placed = sa.text("pg_current_xact_id()::text::bigint") if is_postgres else None
    op.create_table(
        "audit_entry",
        sa.Column("id", KEY, primary_key=True, autoincrement=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("actor_id", sa.BigInteger),
        sa.Column("via", sa.String(16), nullable=False),
        sa.Column("via_id", sa.BigInteger),
        sa.Column("address", _ADDRESS, nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("subject_type", sa.String(32), nullable=False),
        sa.Column("subject_id", sa.BigInteger),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, server_default=placed),
        sa.Column("seq", sa.BigInteger, unique=True),
        sa.Column("chain_hash", _HASH),
        sqlite_autoincrement=True,  # an id never comes back
    )
    for name, columns in {
        "position": ["position"],
        "at": ["at", "id"],
        "actor": ["actor_id", "id"],
        "subject": ["subject_type", "subject_id", "id"],
        "action": ["action", "id"],
    }.items():
        op.create_index(f"ix_audit_entry_{name}", "audit_entry", columns)


def _user(*, nullable: bool = False, unique: bool = False) -> sa.Column[int]:
    held = sa.ForeignKey("app_user.id", ondelete="CASCADE")
    return sa.Column("user_id", KEY, held, nullable=nullable, unique=unique or None)


def _record() -> tuple[sa.Column[int], sa.Column[object], sa.Column[object]]:
    return (
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )
