"""Whose things somebody sees: scopes say what may be done, the reach says to what."""

from enum import StrEnum


class Reach(StrEnum):
    """Stored by name; never renamed or reused."""

    OWN = "OWN"
    ORGANIZATION = "ORGANIZATION"
    ALL = "ALL"
