"""Settings of the organization's own sign-in: what would not be safe is refused at the start."""

from pathlib import Path

import pytest

from api.client_secret import bind_password, client_secret
from api.data_folder import DataFolderError
from api.oidc_ports import oidc_routes
from api.settings import Settings, SettingsError, load_settings
from api.sign_in_ports import access_policy, directory
from models.rules.sign_in_methods import SignInMethod

ISSUER = {"OIDC_ISSUER": "https://login.example.org", "OIDC_CLIENT_ID": "linkyard"}
TEMPLATE = {"LDAP_USER_DN_TEMPLATE": "uid={name},dc=example"}


def loaded(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(f"LINKYARD_{name}", value)
    return load_settings()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (
            {"OIDC_ISSUER": "http://login.example.org", "OIDC_CLIENT_ID": "x"},
            "OIDC_ISSUER: must be https://, or nobody could tell who answers.",
        ),
        (
            {"OIDC_ISSUER": "login.example.org", "OIDC_CLIENT_ID": "x"},
            "OIDC_ISSUER: must be https:// and a host, as in https://login.example.org.",
        ),
        (
            {"OIDC_ISSUER": "https://login.example.org?x=1", "OIDC_CLIENT_ID": "x"},
            "OIDC_ISSUER: must have neither ? nor #.",
        ),
        (
            {"OIDC_ISSUER": "https://login.example.org"},
            "OIDC_CLIENT_ID: must be there when LINKYARD_OIDC_ISSUER is.",
        ),
        (
            {**ISSUER, "OIDC_SCOPES": "email profile"},
            "OIDC_SCOPES: must have openid among the scopes.",
        ),
        (
            {**TEMPLATE, "LDAP_URL": "ldap://dc.example.org"},
            "LDAP_START_TLS: must be on for ldap://, or all could read the passwords.",
        ),
        (
            {**TEMPLATE, "LDAP_URL": "ldaps://dc.example.org", "LDAP_START_TLS": "true"},
            "LDAP_START_TLS: is for ldap://; ldaps:// is encrypted from the first byte.",
        ),
        (
            {**TEMPLATE, "LDAP_URL": "https://dc.example.org"},
            "LDAP_URL: must be ldaps:// or ldap:// and a host.",
        ),
        (
            {"LDAP_URL": "ldaps://dc.example.org"},
            "LDAP_BASE: must be set, or LINKYARD_LDAP_USER_DN_TEMPLATE with {name} in it.",
        ),
        (
            {"LDAP_FILTER": "(uid=ann)"},
            "LDAP_FILTER: must be a filter in brackets with {name} in it.",
        ),
    ],
)
def test_what_would_not_be_safe_is_refused(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], why: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        loaded(monkeypatch, values)

    assert str(refused.value) == f"LINKYARD_{why}"


def test_nothing_is_offered_that_is_not_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, {})

    assert (oidc_routes(settings), directory(settings)) == (None, None)
    assert (client_secret(settings), bind_password(settings)) == ("", "")
    assert access_policy(settings).methods == (SignInMethod.PASSWORD, SignInMethod.PASSKEY)


def test_the_organizations_own_is_offered_first(monkeypatch: pytest.MonkeyPatch) -> None:
    local = {**ISSUER, **TEMPLATE, "LDAP_URL": "ldap://localhost"}

    settings = loaded(monkeypatch, local)

    assert access_policy(settings).methods == (
        SignInMethod.OIDC,
        SignInMethod.DIRECTORY,
        SignInMethod.PASSWORD,
        SignInMethod.PASSKEY,
    )
    assert settings.oidc_label == "login.example.org"
    routes, people = oidc_routes(settings), directory(settings)
    assert routes is not None
    assert people is not None
    assert [route.path for route in routes.routes()] == ["/api/oidc/start", "/api/oidc/callback"]
    people.close()


def test_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(" s3cret \n")
    (tmp_path / "empty").write_text("\n")
    file = str(tmp_path / "secret")
    directory_files = {"LDAP_BIND_DN": "cn=x", "LDAP_BIND_PASSWORD_FILE": file}

    settings = loaded(monkeypatch, {**ISSUER, "OIDC_CLIENT_SECRET_FILE": file, **directory_files})

    assert (client_secret(settings), bind_password(settings)) == ("s3cret", "s3cret")
    for name in ("empty", "none"):
        monkeypatch.setenv("LINKYARD_OIDC_CLIENT_SECRET_FILE", str(tmp_path / name))
        with pytest.raises(DataFolderError, match="LINKYARD_OIDC_CLIENT_SECRET_FILE"):
            client_secret(load_settings())
