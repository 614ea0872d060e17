"""Configuration from the environment, read once, passed down by value.

Every variable is `LINKYARD_` and the field's name in capitals. The table in
README.md is generated from this class. What no process could use is refused
here, so that every command refuses it, in the same words.
"""

import logging
import os
from datetime import date
from pathlib import Path
from typing import Final, Self
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import ValueInvalidError
from models.orm import sqlite_url
from models.rules.addresses import parse_networks
from models.rules.hosts import is_this_machine, normal_host, split_port
from models.rules.mail_addresses import deliverable
from models.rules.mailbox_urls import parse_mailbox_urls
from models.rules.origins import parse_origins
from models.rules.plain_text import has_hidden

_DATABASES: Final = ("sqlite://", "postgres://", "postgresql://", "asyncpg://")
_EVERY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared


class SettingsError(Exception):
    """Variables cannot be what they are: a line for each, with its name and the reason."""


class Settings(BaseSettings):
    """Every knob, with its unit in the name."""

    model_config = SettingsConfigDict(env_prefix="LINKYARD_", frozen=True, extra="ignore")

    bind: str = Field(default="127.0.0.1:8080", description="address and port to listen on")
    public_url: str = Field(
        default="",
        description="scheme, host, port and prefix of the portal, used in every address we "
        "print or send (default: http://localhost and the port of BIND)",
    )
    data_dir: Path = Field(default=Path("var"), description="folder of all local files")
    database_url: str = Field(
        default="",
        description="sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/NAME "
        "(default: linkyard.sqlite3 in the data folder)",
    )
    redis_url: str = Field(
        default="", description="Redis for wake-ups between machines; empty: none is used"
    )
    default_domain: str = Field(
        default="",
        description="host whose links also answer on unknown hosts (default: the address of "
        "BIND, and unknown hosts get 421)",
    )
    secret_key_file: Path = Field(
        default=Path(),
        description="file of the installation's secret key, made once with mode 0600 "
        "(default: secret.key in the data folder)",
    )
    trusted_proxies: str = Field(
        default="",
        description="addresses or networks, with commas between, whose X-Forwarded-For and "
        "X-Forwarded-Proto are believed; over https people sign in through these and this machine "
        "alone",
    )
    metrics_networks: str = Field(
        default="",
        description="addresses or networks, with commas between, that may read `/metrics` and the "
        "numbers of `/readyz`; this machine and keys with the scope OPS_READ always may",
    )
    processes: int = Field(default=0, ge=0, description="web processes; 0: one for each core")
    admin_email: str = Field(
        default="admin@localhost", description="address of the first administrator"
    )
    sign_up: bool = Field(
        default=False, description="let whoever has an e-mail address make an account"
    )
    local_passwords: bool = Field(
        default=True,
        description="people may have a password here; false: only those with USER_ADMIN, as a way "
        "back in, and nobody signs up",
    )
    session_idle_s: int = Field(
        default=43_200, ge=60, description="seconds without use after which a session ends"
    )
    session_life_s: int = Field(
        default=604_800, ge=60, description="seconds after which a session ends in any case"
    )
    argon2_memory_kib: int = Field(
        default=47_104,
        ge=7_168,  # the least in the table of the OWASP Password Storage Cheat Sheet
        le=4 << 20,
        description="KiB of memory that the hash of one password takes",
    )
    argon2_time: int = Field(
        default=1, ge=1, le=100, description="passes over that memory by the hash of a password"
    )
    argon2_parallelism: int = Field(
        default=1, ge=1, le=64, description="lanes of the hash of a password"
    )
    key_per_minute: int = Field(
        default=600,
        ge=0,
        description="requests a minute to /graphql with an API key that has no number of its own; "
        "0: no limit",
    )
    person_per_minute: int = Field(
        default=1200,
        ge=0,
        description="requests a minute to /graphql of all sessions of a person; 0: no limit",
    )
    anonymous_per_minute: int = Field(
        default=300,
        ge=0,
        description="requests a minute to /graphql from one address, an IPv6 /64, by who is not "
        "signed in; 0: no limit",
    )
    oidc_issuer: str = Field(
        default="",
        description="OpenID Connect provider that people may sign in at, exactly as it names "
        "itself: https://login.example.org; empty: none",
    )
    oidc_client_id: str = Field(
        default="", validate_default=True, description="our name at that provider"
    )
    oidc_client_secret_file: Path = Field(
        default=Path(), description="file of our secret at that provider; none: a public client"
    )
    oidc_scopes: str = Field(
        default="openid email profile",
        description="what that provider is asked for, with spaces between",
    )
    oidc_label: str = Field(
        default="", description="what the button of that provider says (default: its host)"
    )
    oidc_create_users: bool = Field(
        default=False,
        description="people of that provider who have no account get one with the role customer",
    )
    ldap_url: str = Field(
        default="",
        description="directory whose passwords people may sign in by: ldaps://dc.example.org; "
        "empty: none",
    )
    ldap_start_tls: bool = Field(
        default=False,
        validate_default=True,
        description="encrypt a connection to ldap:// before anything is said",
    )
    ldap_ca_file: Path = Field(
        default=Path(), description="certificate authority of the directory (default: the system's)"
    )
    ldap_user_dn_template: str = Field(
        default="", description="name of a person's entry: uid={name},ou=people,dc=example,dc=org"
    )
    ldap_base: str = Field(
        default="",
        validate_default=True,
        description="where people are searched, instead of a template",
    )
    ldap_filter: str = Field(
        default="(uid={name})", description="which entry below LINKYARD_LDAP_BASE is the person's"
    )
    ldap_bind_dn: str = Field(default="", description="who searches the directory; empty: nobody")
    ldap_bind_password_file: Path = Field(
        default=Path(), description="file of the password of LINKYARD_LDAP_BIND_DN"
    )
    ldap_id_attribute: str = Field(
        default="entryUUID", description="what names a person for good; objectGUID in AD"
    )
    ldap_create_users: bool = Field(
        default=False,
        description="people of the directory who have no account get one with the role customer",
    )
    portal_name: str = Field(default="Linkyard", description="name shown to visitors")
    introspection: bool | None = Field(
        default=None,
        description="tell the GraphQL schema to everybody, not only to administrators "
        "(default: true where PUBLIC_URL is http on a loopback name)",
    )
    trusted_documents_only: bool = Field(
        default=False,
        description="answer browsers only the operations of "
        "frontend_contract/trusted-documents.json; API keys may ask anything",
    )
    mail: str = Field(
        default="folder",
        pattern="^(folder|smtp)$",
        description="smtp sends letters; folder writes them as .eml files to mail in the data "
        "folder, for development",
    )
    smtp_host: str = Field(
        default="", validate_default=True, description="mail server that takes our letters"
    )
    smtp_port: int = Field(
        default=0, ge=0, le=65535, description="its port; 0: 587, 465 or 25, the usual one of TLS"
    )
    smtp_tls: str = Field(
        default="starttls",
        pattern="^(starttls|implicit|none)$",
        description="starttls, implicit, or none; the certificate is always checked",
    )
    smtp_ca_file: Path = Field(
        default=Path(),
        description="certificates that are believed instead of the system's, as a PEM file",
    )
    smtp_user: str = Field(
        default="", validate_default=True, description="name to sign in with; empty: no sign-in"
    )
    smtp_password: str = Field(default="", repr=False, description="password of SMTP_USER")
    smtp_password_file: Path = Field(
        default=Path(),
        description="file with that password, read for every letter (goes before SMTP_PASSWORD)",
    )
    mail_from: str = Field(
        default="", description="address that letters come from (default: linkyard@ our own host)"
    )
    mail_reply_to: str = Field(default="", description="address that answers go to; empty: none")
    mail_per_minute: int = Field(
        default=60, ge=1, description="most letters that a machine begins to send in a minute"
    )
    imap_url: str = Field(
        default="",
        description="mailboxes whose mail comes to the desk, with spaces between: "
        "imaps://USER@HOST/FOLDER; empty: none",
    )
    imap_password_file: Path = Field(
        default=Path(),
        validate_default=True,
        description="file of their passwords, one on each line, or one for all; read at every "
        "sign-in",
    )
    imap_ca_file: Path = Field(
        default=Path(),
        description="certificates that are believed of those servers instead of the system's",
    )
    imap_poll_s: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="seconds between two looks for mail; servers with IDLE tell of it at once",
    )
    imap_max_bytes: int = Field(
        default=40 << 20,
        ge=1 << 16,
        le=1 << 30,
        description="bytes of the largest mail that is taken; a larger one stays in its mailbox",
    )
    imap_when_done: str = Field(
        default="move",
        pattern="^(move|flag|delete)$",
        description="what happens to mail that we have: move to IMAP_DONE_FOLDER, flag as seen "
        "and taken, or delete",
    )
    imap_done_folder: str = Field(
        default="Linkyard",
        validate_default=True,
        description="folder that mail is moved to, made where it is missing",
    )
    imap_since: str = Field(
        default="",
        description="day, as in 2026-01-31, before which mail that came is left alone; empty: none",
    )
    desk_addresses: str = Field(
        default="",
        description="addresses of the support desk, with spaces between; answers go to the first "
        "(default: users of IMAP_URL that are addresses)",
    )
    desk_check_servers: str = Field(
        default="",
        description="names by which the mail servers of the desk write Authentication-Results, "
        "with spaces between: whom they refute by DMARC counts as a stranger; empty: none",
    )
    files_dir: Path = Field(
        default=Path(),
        description="folder of the files that people send; machines with one database share it "
        "(default: files in the data folder)",
    )
    file_max_bytes: int = Field(
        default=50 << 20, ge=1, le=4 << 30, description="bytes that one file may have"
    )
    file_quota_bytes: int = Field(
        default=10 << 30,
        ge=0,
        description="bytes of all files that one person has sent; 0: no limit",
    )
    file_disk_reserve_bytes: int = Field(
        default=1 << 30,
        ge=0,
        description="bytes of the disk that files leave free, for clicks and the store",
    )
    file_programs: bool = Field(
        default=False, description="let people send programs and installers, too"
    )
    file_unscanned: bool | None = Field(
        default=None,
        description="hand out files that no virus scanner has looked at yet, or could look at "
        "(default: true where CLAMD_URL is empty)",
    )
    clamd_url: str = Field(
        default="",
        description="virus scanner for files, as clamd speaks: tcp://HOST:PORT or "
        "unix:///run/clamav/clamd.ctl; empty: none",
    )
    ticket_undo_s: int = Field(
        default=15,
        ge=0,
        le=600,
        description="seconds for which an answer of the support desk can be taken back before "
        "it is sent; 0 sends at once",
    )
    ticket_reopen_days: int = Field(
        default=14,
        ge=0,
        le=365,
        description="days after the end of a ticket for which a reply goes on with it; a later "
        "one makes a new ticket that is linked to it",
    )
    ticket_close_days: int = Field(
        default=5,
        ge=0,
        le=365,
        description="working days after which a resolved ticket is closed, by the calendar of the "
        "default policy; 0 closes none",
    )
    fetch_titles: bool = Field(
        default=True,
        description="ask the page of a link without a title for one; only pages of the open "
        "internet are asked",
    )
    max_connections: int = Field(
        default=0,
        ge=0,
        description="connections that a web process holds at once; more get 503 "
        "(0: as many as it may have files, but for a reserve)",
    )
    max_connections_per_address: int = Field(
        default=512,
        ge=0,
        description="connections of one address to one web process, trusted proxies and this "
        "machine excepted; 0: no limit",
    )
    cors_origins: str = Field(
        default="",
        description="origins, with commas between, whose pages may call the API with a key of "
        "theirs; never with a session",
    )
    hsts_preload: bool = Field(
        default=False,
        description="let browsers build into themselves that this host and all hosts below it "
        "are https only; hard to undo",
    )
    fast_path: bool = Field(default=True, description="answer plain redirects inside the protocol")
    click_retention_days: int = Field(
        default=90, ge=1, description="days that single clicks are kept; counts stay for ever"
    )
    audit_days: int = Field(
        default=0, ge=0, description="days that entries of the audit log are kept; 0: for ever"
    )
    spool_max_bytes: int = Field(
        default=4 << 30,
        ge=1 << 20,
        description="bytes of clicks that may wait for the store; a second of the heaviest "
        "traffic is some MB",
    )
    spool_file_bytes: int = Field(
        default=64 << 20,
        ge=1 << 16,
        description="size at which a spool file is closed, if not by its share of the bound",
    )
    spool_file_s: float = Field(
        default=60.0,
        gt=0,
        description="seconds after which a spool file is closed, to be deleted, while clicks are "
        "stored as they come",
    )
    spool_sync_ms: int = Field(
        default=200, ge=1, description="milliseconds of clicks that a power cut may cost"
    )
    spool_sync_before_reply: bool = Field(
        default=False, description="sync every click to the disk before its redirect is sent"
    )
    drain_timeout_s: float = Field(
        default=20.0, ge=0, description="seconds that open connections get at shutdown"
    )
    log_format: str = Field(
        default="auto", pattern="^(auto|json|console)$", description="console, json, or auto"
    )
    log_level: str = Field(default="INFO", description="least severe level that is logged")

    @field_validator("bind")
    @classmethod
    def _bind_has_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or not 0 <= int(port) <= 65535:  # noqa: PLR2004 - TCP
            raise ValueError("must be ADDRESS:PORT, for example 127.0.0.1:8080")
        return value

    @field_validator("public_url")
    @classmethod
    def _public_url_has_host(cls, value: str) -> str:
        parts = _split(value)
        if value and (parts.scheme not in {"http", "https"} or normal_host(parts.netloc) is None):
            raise ValueError("must be http:// or https:// and a host, as in https://example.org")
        return value

    @field_validator("database_url")
    @classmethod
    def _database_url_has_engine(cls, value: str) -> str:
        parts = _split(value)
        if value and not value.startswith(_DATABASES):
            raise ValueError("must begin with sqlite:// or postgres://")
        if parts.scheme == "sqlite" and not parts.netloc + parts.path.strip("/"):
            raise ValueError("must name a file, as in sqlite:///srv/linkyard/linkyard.sqlite3")
        return value

    @field_validator("database_url")
    @classmethod
    def _database_url_is_whole(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.fragment or value.endswith("#"):
            raise ValueError("must have %23 for # and %3F for ? in names")
        try:
            parse_qsl(parts.query, strict_parsing=True)
        except ValueError:
            raise ValueError("must have NAME=VALUE after the question mark") from None
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_url_has_scheme(cls, value: str) -> str:
        _split(value)
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("default_domain")
    @classmethod
    def _default_domain_is_host(cls, value: str) -> str:
        if value and normal_host(value) is None:
            raise ValueError("must be a host, as in go.example.org")
        return value

    @field_validator("portal_name")
    @classmethod
    def _portal_name_is_a_line(cls, value: str) -> str:
        if has_hidden(value):
            raise ValueError("must be one line without control characters")
        return value

    @field_validator("mail_from", "mail_reply_to")
    @classmethod
    def _mail_address_is_one(cls, value: str) -> str:
        try:
            return deliverable(value) if value else value
        except ValueInvalidError:
            raise ValueError("must be an address, as in linkyard@example.org") from None

    @field_validator("smtp_host")
    @classmethod
    def _smtp_has_host(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("mail") == "smtp" and not value:
            raise ValueError("must be set when LINKYARD_MAIL is smtp")
        return value

    @field_validator("smtp_user")
    @classmethod
    def _smtp_password_is_secret(cls, value: str, info: ValidationInfo) -> str:
        host = normal_host(info.data.get("smtp_host", "")) or ""
        if value and info.data.get("smtp_tls") == "none" and not is_this_machine(host):
            raise ValueError("must be empty when LINKYARD_SMTP_TLS is none: all could read it")
        return value

    @field_validator("imap_url")
    @classmethod
    def _imap_url_names_mailboxes(cls, value: str) -> str:
        parse_mailbox_urls(value)
        return value

    @field_validator("desk_addresses")
    @classmethod
    def _desk_addresses_are_some(cls, value: str) -> str:
        for address in value.split():
            try:
                deliverable(address)
            except ValueInvalidError:
                raise ValueError(f"{address} is no address") from None
        return value

    @field_validator("imap_password_file")
    @classmethod
    def _imap_has_passwords(cls, value: Path, info: ValidationInfo) -> Path:
        if info.data.get("imap_url") and value == Path():
            raise ValueError("must be set when LINKYARD_IMAP_URL is")
        return value

    @field_validator("imap_done_folder")
    @classmethod
    def _imap_moves_elsewhere(cls, value: str, info: ValidationInfo) -> str:
        if not value or has_hidden(value):
            raise ValueError("must be the name of a folder")
        read = {url.folder.upper() for url in parse_mailbox_urls(info.data.get("imap_url", ""))}
        if info.data.get("imap_when_done") == "move" and value.upper() in read:
            raise ValueError("must not be a folder that is read, or mail would never be done")
        return value

    @field_validator("imap_since")
    @classmethod
    def _imap_since_is_a_day(cls, value: str) -> str:
        try:
            return date.fromisoformat(value).isoformat() if value else value
        except ValueError:
            raise ValueError("must be a day, as in 2026-01-31") from None

    @field_validator("trusted_proxies", "metrics_networks")
    @classmethod
    def _networks_are_networks(cls, value: str) -> str:
        parse_networks(value)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _cors_origins_are_origins(cls, value: str) -> str:
        parse_origins(value)
        return value

    @field_validator("ldap_start_tls")
    @classmethod
    def _ldap_is_encrypted(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001
        parts = _split(info.data.get("ldap_url", ""))
        is_plain = parts.scheme == "ldap" and not is_this_machine(parts.hostname or "")
        if is_plain and not value:
            raise ValueError("must be on for ldap://, or all could read the passwords")
        if parts.scheme == "ldaps" and value:
            raise ValueError("is for ldap://; ldaps:// is encrypted from the first byte")
        return value

    @field_validator("clamd_url")
    @classmethod
    def _clamd_url_leads_somewhere(cls, value: str) -> str:
        parts = _split(value)
        is_tcp = parts.scheme == "tcp" and parts.hostname
        is_unix = parts.scheme == "unix" and not parts.netloc and parts.path.strip("/")
        if value and not (is_tcp or is_unix):
            raise ValueError("must be tcp://HOST:PORT, or unix:// and a whole path")
        return value

    @field_validator("ldap_url")
    @classmethod
    def _ldap_url_has_host(cls, value: str) -> str:
        parts = _split(value)
        if value and (parts.scheme not in {"ldap", "ldaps"} or not parts.hostname):
            raise ValueError("must be ldaps:// or ldap:// and a host")
        return value

    @field_validator("ldap_base")
    @classmethod
    def _ldap_finds_people(cls, value: str, info: ValidationInfo) -> str:
        template = info.data.get("ldap_user_dn_template", "")
        if info.data.get("ldap_url") and not value and "{name}" not in template:
            raise ValueError("must be set, or LINKYARD_LDAP_USER_DN_TEMPLATE with {name} in it")
        return value

    @field_validator("ldap_filter")
    @classmethod
    def _ldap_filter_has_name(cls, value: str) -> str:
        if "{name}" not in value or not value.startswith("(") or not value.endswith(")"):
            raise ValueError("must be a filter in brackets with {name} in it")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _oidc_issuer_is_secure(cls, value: str) -> str:
        parts = _split(value)
        if not value:
            return value
        if parts.scheme not in {"http", "https"} or normal_host(parts.netloc) is None:
            raise ValueError("must be https:// and a host, as in https://login.example.org")
        if parts.scheme == "http" and not is_this_machine(parts.hostname or ""):
            raise ValueError("must be https://, or nobody could tell who answers")
        if parts.query or parts.fragment:
            raise ValueError("must have neither ? nor #")
        return value

    @field_validator("oidc_client_id")
    @classmethod
    def _oidc_client_has_id(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("oidc_issuer") and not value:
            raise ValueError("must be there when LINKYARD_OIDC_ISSUER is")
        return value

    @field_validator("oidc_scopes")
    @classmethod
    def _oidc_scopes_have_openid(cls, value: str) -> str:
        if "openid" not in value.split():
            raise ValueError("must have openid among the scopes")
        return value

    @field_validator("log_level")
    @classmethod
    def _log_level_is_known(cls, value: str) -> str:
        if value.upper() not in logging.getLevelNamesMapping():
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value

    @model_validator(mode="after")
    def _fill_in(self) -> Self:
        set_field = object.__setattr__  # frozen, and this is still construction
        if not self.public_url:
            set_field(self, "public_url", f"http://{self._own_host()}")
        if not self.database_url:
            set_field(self, "database_url", sqlite_url(self.data_dir / "linkyard.sqlite3"))
        if not self.mail_from:
            host = urlsplit(self.public_url).hostname or "localhost"
            set_field(self, "mail_from", f"linkyard@{host}")
        if self.files_dir == Path():
            set_field(self, "files_dir", self.data_dir / "files")
        if self.secret_key_file == Path():
            set_field(self, "secret_key_file", self.data_dir / "secret.key")
        if not self.oidc_label:
            set_field(self, "oidc_label", urlsplit(self.oidc_issuer).hostname or "")
        return self

    @property
    def bind_host(self) -> str:
        """The address part of `bind`, without brackets."""
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def bind_port(self) -> int:
        """The port part of `bind`; 0 lets the system choose."""
        return int(self.bind.rpartition(":")[2])

    @property
    def web_processes(self) -> int:
        """How many processes answer requests, where a role has any."""
        return self.processes or len(os.sched_getaffinity(0))

    @property
    def first_domain(self) -> str:
        """Host of the first domain, with its port unless that is the scheme's own."""
        return self.default_domain or urlsplit(self.public_url).netloc

    @property
    def answers_only_here(self) -> bool:
        """True where everybody may connect, but our only names are those of this machine."""
        own = normal_host(self.default_domain or urlsplit(self.public_url).netloc) or ""
        return self.bind_host in _EVERY_ADDRESS and is_this_machine(split_port(own)[0])

    @property
    def public_scheme(self) -> str:
        """`http` or `https`: of the portal, and so of the short addresses."""
        return urlsplit(self.public_url).scheme

    @property
    def tells_schema(self) -> bool:
        """Whether anybody may ask for the GraphQL schema."""
        if self.introspection is not None:
            return self.introspection
        host = urlsplit(self.public_url).hostname or ""
        return self.public_scheme == "http" and is_this_machine(host)

    @property
    def is_embedded(self) -> bool:
        """True on SQLite: one machine, no other service."""
        return self.database_url.startswith("sqlite://")

    @classmethod
    def table(cls) -> str:
        """Return every setting as a Markdown table, for README.md."""
        rows = ["| variable | default | what it is |", "|---|---|---|"]
        for name, field in cls.model_fields.items():
            value = str(field.default).lower() if field.annotation is bool else field.default
            default = "" if value in {"", None, Path()} else f"`{value}`"
            rows.append(f"| `LINKYARD_{name.upper()}` | {default} | {field.description} |")
        return "\n".join(rows)

    def _own_host(self) -> str:
        loopback = {"127.0.0.1", "::1", "0.0.0.0", "::", "localhost"}  # noqa: S104 - compared
        host = "localhost" if self.bind_host in loopback else self.bind.rpartition(":")[0]
        return host if self.bind_port == 80 else f"{host}:{self.bind_port}"  # noqa: PLR2004


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: see there.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(map(_told, error.errors()))) from None


def _told(problem: ErrorDetails) -> str:
    name = "_".join(map(str, problem["loc"])).upper()
    return f"LINKYARD_{name}: {problem['msg'].removeprefix('Value error, ')}."


def _split(url: str) -> SplitResult:
    """Split a URL whose port, if it has one, is a number.

    Raises:
        ValueError: it is none.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # a property that reads it
    except ValueError as error:
        raise ValueError(f"is no URL: {error}") from None
    return parts
