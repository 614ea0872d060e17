"""Which mailer takes our letters, and what stands on all of them, chosen by the settings."""

from pathlib import Path
from urllib.parse import urlsplit

from api.adapters.folder_mailer import FolderMailer
from api.adapters.smtp_mailer import SmtpMailer, SmtpServer, SmtpTls
from api.data_folder import DataFolder
from api.settings import Settings
from resolvers.letters import Letterhead
from resolvers.ports import Mailer


def mailer_of(settings: Settings, folder: DataFolder) -> Mailer:
    """Return the mailer; nothing is connected yet."""
    if settings.mail == "folder":
        return FolderMailer(folder.mail)
    return SmtpMailer(
        SmtpServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            tls=SmtpTls(settings.smtp_tls),
            user=settings.smtp_user,
            password=settings.smtp_password,
            password_file=_given(settings.smtp_password_file),
            ca_file=_given(settings.smtp_ca_file),
            sender=settings.mail_from,
            own_name=urlsplit(settings.public_url).hostname or "localhost",
        )
    )


def letterhead_of(settings: Settings) -> Letterhead:
    """Return what all letters have in common."""
    return Letterhead(
        portal=settings.portal_name,
        public_url=settings.public_url.rstrip("/"),
        sender=settings.mail_from,
        reply_to=settings.mail_reply_to,
    )


def _given(path: Path) -> Path | None:
    return None if path == Path() else path
