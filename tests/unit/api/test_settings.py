"""Settings: what no process could use is refused, in words that name the variable."""

from pathlib import Path

import pytest

from api.settings import SettingsError, load_settings
from models.orm import sqlite_path

DATABASE = "must begin with sqlite:// or postgres://"
REDIS = "must begin with redis://, rediss:// or unix://"
ORIGINS = "must be origins, as in https://partner.example.org"
PUBLIC = "must be http:// or https:// and a host, as in https://example.org"
BIND = "must be ADDRESS:PORT, for example 127.0.0.1:8080"
ADDRESS = "must be an address, as in linkyard@example.org"
ONE_LINE = "must be one line without control characters"
NO_NUMBER = "Input should be a valid integer, unable to parse string as an integer"
PORT = "is no URL: Port could not be cast to integer value as 'x'"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("BIND", "nonsense", BIND),
        ("BIND", "127.0.0.1:http", BIND),
        ("BIND", "127.0.0.1:65536", BIND),
        ("PUBLIC_URL", "example.org", PUBLIC),
        ("PUBLIC_URL", "ftp://example.org", PUBLIC),
        ("PUBLIC_URL", "https://", PUBLIC),
        ("PUBLIC_URL", "https://a b", PUBLIC),
        ("PUBLIC_URL", "https://example.org:x", PORT),
        ("DATABASE_URL", "mysql://localhost/x", DATABASE),
        ("DATABASE_URL", "sqlite:x", DATABASE),
        ("DATABASE_URL", "SQLITE://x", DATABASE),
        ("DATABASE_URL", "linkyard.sqlite3", DATABASE),
        ("DATABASE_URL", "postgres://localhost:x/linkyard", PORT),
        (
            "DATABASE_URL",
            "sqlite://",
            "must name a file, as in sqlite:///srv/linkyard/linkyard.sqlite3",
        ),
        ("DATABASE_URL", "sqlite://a#b", "must have %23 for # and %3F for ? in names"),
        ("DATABASE_URL", "sqlite://a?b", "must have NAME=VALUE after the question mark"),
        (
            "DATABASE_URL",
            "postgres://localhost:65536/x",
            "is no URL: Port out of range 0-65535",
        ),
        ("REDIS_URL", "localhost:6379", REDIS),
        ("REDIS_URL", "redistribute://x", REDIS),
        ("REDIS_URL", "redis://localhost:x", PORT),
        ("DEFAULT_DOMAIN", "go.test/x", "must be a host, as in go.example.org"),
        (
            "TRUSTED_PROXIES",
            "10.0.0.0/8, nobody",
            "'nobody' does not appear to be an IPv4 or IPv6 network",
        ),
        (
            "METRICS_NETWORKS",
            "monitoring",
            "'monitoring' does not appear to be an IPv4 or IPv6 network",
        ),
        ("CORS_ORIGINS", "https://partner.test, *", ORIGINS),
        ("CORS_ORIGINS", "https://partner.test/", ORIGINS),
        ("MAX_CONNECTIONS", "-1", "Input should be greater than or equal to 0"),
        ("PORTAL_NAME", "Links\r\nBcc: eve@example.org", ONE_LINE),
        ("MAIL", "pigeon", "String should match pattern '^(folder|smtp)$'"),
        ("MAIL_FROM", "linkyard", ADDRESS),
        ("MAIL_FROM", "linkyard@go.test\r\nBcc: eve@example.org", ADDRESS),
        ("MAIL_REPLY_TO", "Help <help@go.test>", ADDRESS),
        ("SMTP_TLS", "maybe", "String should match pattern '^(starttls|implicit|none)$'"),
        ("SMTP_PORT", "65536", "Input should be less than or equal to 65535"),
        ("IMAP_URL", "mail.test", "must be imaps://USER@HOST/FOLDER"),
        ("IMAP_WHEN_DONE", "keep", "String should match pattern '^(move|flag|delete)$'"),
        ("IMAP_DONE_FOLDER", "a\nb", "must be the name of a folder"),
        ("IMAP_SINCE", "31.01.2026", "must be a day, as in 2026-01-31"),
        ("LOG_LEVEL", "loud", "must be DEBUG, INFO, WARNING or ERROR"),
        ("PROCESSES", "abc", NO_NUMBER),
        ("PROCESSES", "-1", "Input should be greater than or equal to 0"),
        ("SPOOL_SYNC_MS", "soon", NO_NUMBER),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_name_and_the_reason(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    monkeypatch.setenv(f"LINKYARD_{name}", value)

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert str(refused.value) == f"LINKYARD_{name}: {why}."


def test_every_wrong_value_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKYARD_BIND", "x")
    monkeypatch.setenv("LINKYARD_LOG_LEVEL", "loud")

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert str(refused.value) == (
        f"LINKYARD_BIND: {BIND}.\nLINKYARD_LOG_LEVEL: must be DEBUG, INFO, WARNING or ERROR."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BIND", "[::1]:0"),
        ("PUBLIC_URL", ""),
        ("PUBLIC_URL", "https://example.org:8443/portal"),
        ("DATABASE_URL", "sqlite://var/x.sqlite3?cache_size=-1000"),
        ("DATABASE_URL", "sqlite:////srv/x"),
        ("DATABASE_URL", "postgres://me:secret@[::1]:5432/linkyard"),
        ("DATABASE_URL", "postgres://me@/linkyard?host=/run/postgresql"),
        ("REDIS_URL", "rediss://:secret@redis:6379/0"),
        ("REDIS_URL", "unix:///run/redis.sock"),
        ("DEFAULT_DOMAIN", "Кольцо.РФ:8080"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,::1"),
        ("METRICS_NETWORKS", "192.0.2.7, 2001:db8::/32"),
        ("CORS_ORIGINS", "https://partner.test, http://localhost:3000"),
        ("LOG_LEVEL", "debug"),
    ],
)
def test_a_value_that_can_be_is_kept_as_it_is(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"LINKYARD_{name}", value)

    settings = load_settings()

    if value:
        assert getattr(settings, name.lower()) == value


@pytest.mark.parametrize("name", ["a#1", "a?x=1", "a%41", "50%", "с пробелом", "[::1]", "a@b:c"])
@pytest.mark.parametrize("above", [Path(), Path("/srv")], ids=["relative", "absolute"])
def test_the_database_lies_in_the_data_folder_whatever_its_name(
    monkeypatch: pytest.MonkeyPatch, above: Path, name: str
) -> None:
    monkeypatch.setenv("LINKYARD_DATA_DIR", str(above / name))

    settings = load_settings()

    assert sqlite_path(settings.database_url) == str(above / name / "linkyard.sqlite3")


def test_a_mail_server_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKYARD_MAIL", "smtp")

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert str(refused.value) == "LINKYARD_SMTP_HOST: must be set when LINKYARD_MAIL is smtp."


@pytest.mark.parametrize(
    ("host", "tls", "is_taken"),
    [
        ("mail.test", "none", False),
        ("mail.test", "starttls", True),
        ("mail.test", "implicit", True),
        ("127.0.0.1", "none", True),
        ("localhost", "none", True),
    ],
)
def test_a_password_is_never_sent_over_a_network_in_the_clear(
    host: str, tls: str, *, is_taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"HOST": host, "TLS": tls, "USER": "linkyard"}.items():
        monkeypatch.setenv(f"LINKYARD_SMTP_{name}", value)

    if is_taken:
        assert load_settings().smtp_user == "linkyard"
        return
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == (
        "LINKYARD_SMTP_USER: must be empty when LINKYARD_SMTP_TLS is none: all could read it."
    )


def test_letters_come_from_the_host_of_the_portal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKYARD_PUBLIC_URL", "https://go.example.org:8443/links")

    assert load_settings().mail_from == "linkyard@go.example.org"


def test_a_password_of_the_mail_server_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKYARD_SMTP_PASSWORD", "open sesame")

    assert "sesame" not in repr(load_settings())


@pytest.mark.parametrize(
    ("public_url", "introspection", "tells"),
    [
        ("", None, True),
        ("http://localhost:8080", None, True),
        ("http://127.0.0.1", None, True),
        ("http://[::1]:8080/portal", None, True),
        ("http://portal.localhost", None, True),
        ("https://localhost", None, False),
        ("http://go.example.org", None, False),
        ("https://go.example.org", None, False),
        ("https://go.example.org", "true", True),
        ("http://localhost", "false", False),
    ],
)
def test_the_schema_is_told_to_everybody_on_this_machine_or_where_a_setting_says_so(
    monkeypatch: pytest.MonkeyPatch, public_url: str, introspection: str | None, *, tells: bool
) -> None:
    monkeypatch.setenv("LINKYARD_PUBLIC_URL", public_url)
    if introspection is not None:
        monkeypatch.setenv("LINKYARD_INTROSPECTION", introspection)

    assert load_settings().tells_schema is tells


@pytest.mark.parametrize(
    ("bind", "public_url", "default_domain", "only_here"),
    [
        ("0.0.0.0:8080", "", "", True),
        ("[::]:80", "", "", True),
        ("0.0.0.0:8080", "http://localhost:8080", "", True),
        ("0.0.0.0:8080", "", "localhost:8080", True),
        ("0.0.0.0:8080", "http://192.0.2.7:8080", "", False),
        ("0.0.0.0:8080", "https://go.example.org", "", False),
        ("0.0.0.0:8080", "", "go.example.org", False),
        ("127.0.0.1:8080", "", "", False),
        ("localhost:8080", "", "", False),
        ("192.0.2.7:8080", "", "", False),
    ],
)
def test_listening_on_every_address_under_no_name_but_this_machines_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
    bind: str,
    public_url: str,
    default_domain: str,
    *,
    only_here: bool,
) -> None:
    monkeypatch.setenv("LINKYARD_BIND", bind)
    monkeypatch.setenv("LINKYARD_PUBLIC_URL", public_url)
    monkeypatch.setenv("LINKYARD_DEFAULT_DOMAIN", default_domain)

    assert load_settings().answers_only_here is only_here


def test_a_mailbox_has_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKYARD_IMAP_URL", "imaps://help@mail.test")

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert str(refused.value) == (
        "LINKYARD_IMAP_PASSWORD_FILE: must be set when LINKYARD_IMAP_URL is."
    )


def test_mail_is_not_moved_to_where_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINKYARD_IMAP_URL", "imaps://help@mail.test/Linkyard")
    monkeypatch.setenv("LINKYARD_IMAP_PASSWORD_FILE", "/etc/passwords")

    with pytest.raises(SettingsError) as refused:
        load_settings()
    monkeypatch.setenv("LINKYARD_IMAP_WHEN_DONE", "flag")
    load_settings()

    assert str(refused.value) == (
        "LINKYARD_IMAP_DONE_FOLDER: must not be a folder that is read, or mail would never be done."
    )
