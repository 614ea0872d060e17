"""Passwords of links that were right a while ago, so that they need no slow hash again.

Hundreds of people may be sent one link on one morning. Without this, each of them would wait
for a slow hash of their own, and whoever knows one password could keep the threads of all
sign-ins busy with it.
"""

import hmac
import secrets
from collections import OrderedDict
from typing import Final

from models.rules.passwords import normal_password

_MOST: Final = 10_000  # some two megabytes


class RightPasswords:
    """What this process has found right. No password is kept, and nothing leaves the process.

    The quick hash is keyed by a secret that is made with the object and stored nowhere: who
    has the tables, or a copy of them, can do nothing with it.
    """

    def __init__(self, *, most: int = _MOST) -> None:
        """Know nothing yet.

        Args:
            most: passwords that are remembered; the one not used for longest is forgotten.
        """
        self._key = secrets.token_bytes(32)
        self._most = most
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def note(self, password: str, stored: str) -> None:
        """Remember that a password belongs to a stored hash, with its salt: to no other."""
        self._known[self._name(password, stored)] = None
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def knows(self, password: str, stored: str) -> bool:
        """Tell whether that was noted and is not forgotten; False says nothing of the password."""
        name = self._name(password, stored)
        if name not in self._known:
            return False
        self._known.move_to_end(name)
        return True

    def _name(self, password: str, stored: str) -> bytes:
        said = f"{stored}\0{normal_password(password)}"
        return hmac.digest(self._key, said.encode("utf-8", "surrogatepass"), "sha256")
