"""Our secret at the customer's own provider, from its file."""

from pathlib import Path

from api.data_folder import DataFolderError
from api.settings import Settings


def client_secret(settings: Settings) -> str:
    """Return the secret that the provider gave us, "" for a public client.

    Raises:
        DataFolderError: the file cannot be read, or is empty.
    """
    if not settings.oidc_issuer or settings.oidc_client_secret_file == Path():
        return ""
    try:
        secret = settings.oidc_client_secret_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise DataFolderError(f"LINKYARD_OIDC_CLIENT_SECRET_FILE cannot be read: {error}") from None
    if not secret:
        raise DataFolderError("LINKYARD_OIDC_CLIENT_SECRET_FILE is empty.")
    return secret
