"""Seals what the store must not tell by itself, with the installation's secret key.

Fernet: AES-128-CBC with HMAC-SHA256. Each purpose has a key of its own, by HKDF-SHA256
(RFC 5869), so that what was sealed for one is worth nothing for another.
"""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from resolvers.ports import SealBrokenError


class FernetSealer:
    """Sealer. The first secret seals, all of them open: see docs/runbooks/secret-key.md."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        """Make nothing yet.

        Args:
            secrets: of 32 bytes or more, the newest first.
        """
        self._secrets = tuple(secrets)
        self._of = lru_cache(maxsize=32)(self._made)

    def seal(self, plain: str, *, purpose: str) -> str:
        """See Sealer.seal."""
        return MultiFernet(self._of(purpose)).encrypt(plain.encode()).decode("ascii")

    def open(self, sealed: str, *, purpose: str) -> str:
        """See Sealer.open."""
        try:
            return MultiFernet(self._of(purpose)).decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise SealBrokenError(purpose) from None

    def key_number(self, sealed: str, *, purpose: str) -> int:
        """See Sealer.key_number."""
        for number, key in enumerate(self._of(purpose)):
            with suppress(InvalidToken):
                key.decrypt(sealed.encode())
                return number
        raise SealBrokenError(purpose)

    def _made(self, purpose: str) -> list[Fernet]:
        keys = [
            HKDF(SHA256(), 32, salt=None, info=f"linkyard {purpose}".encode()).derive(secret)
            for secret in self._secrets
        ]
        return [Fernet(urlsafe_b64encode(key)) for key in keys]
