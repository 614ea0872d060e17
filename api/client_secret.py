"""Our secrets at the organization's own services, from their files."""

from pathlib import Path

from api.data_folder import DataFolderError
from api.settings import Settings


def client_secret(settings: Settings) -> str:
    """Return the secret that the OpenID Connect provider gave us, "" for a public client.

    Raises:
        DataFolderError: the file cannot be read, or is empty.
    """
    if not settings.oidc_issuer:
        return ""
    return _read(settings.oidc_client_secret_file, "LINKYARD_OIDC_CLIENT_SECRET_FILE")


def bind_password(settings: Settings) -> str:
    """Return the password of who searches the directory, "" where nobody in particular does.

    Raises:
        DataFolderError: the file cannot be read, or is empty.
    """
    if not settings.ldap_bind_dn:
        return ""
    return _read(settings.ldap_bind_password_file, "LINKYARD_LDAP_BIND_PASSWORD_FILE")


def _read(path: Path, variable: str) -> str:
    if path == Path():
        return ""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise DataFolderError(f"{variable} cannot be read: {error}.") from None
    if not secret:
        raise DataFolderError(f"{variable} is empty.")
    return secret
