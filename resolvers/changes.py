"""What an update sets: each field has a new value, or is left alone."""

from enum import Enum
from typing import Final, Literal, TypeAlias, TypeVar

Value = TypeVar("Value")


class Unset(Enum):
    """Type of UNSET, the mark of a field that a change leaves alone (None clears it)."""

    UNSET = "UNSET"


UNSET: Final = Unset.UNSET
Change: TypeAlias = Value | Literal[Unset.UNSET]
