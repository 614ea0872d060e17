"""What the desk's mail needs to know of the installation."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.rules.mail_loops import OwnMail


@dataclass(frozen=True, slots=True, kw_only=True)
class MailDesk:
    """Keys and addresses of the desk.

    Attributes:
        keys: secret keys of the installation, the newest first.
        host: of this installation, ASCII, in lower case.
        addresses: normal addresses of the desk; answers of people go to the first.
        check_servers: names by which our mail servers sign what they found about senders.
    """

    keys: Sequence[bytes]
    host: str
    addresses: Sequence[str]
    check_servers: Sequence[str] = ()

    @property
    def own(self) -> OwnMail:
        """What makes a mail ours."""
        return OwnMail(keys=self.keys, hosts={self.host}, addresses=self.addresses)
