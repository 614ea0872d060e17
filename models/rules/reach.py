"""Whose things somebody sees: scopes say what may be done, the reach says to what."""

from enum import StrEnum
from typing import Final


class Reach(StrEnum):
    """Stored by name; never renamed or reused."""

    OWN = "OWN"
    ORGANIZATION = "ORGANIZATION"
    ALL = "ALL"

    def covers(self, other: "Reach") -> bool:
        """Tell whether whoever has this reach sees at least what the other one shows."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER: Final = (Reach.OWN, Reach.ORGANIZATION, Reach.ALL)
