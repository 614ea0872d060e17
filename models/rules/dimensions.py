"""What clicks are broken down by, and the kinds of devices."""

from enum import IntEnum, StrEnum
from typing import Final

MAX_VALUE_LENGTH: Final = 255  # characters, the width of click_value.value


class Dimension(IntEnum):
    """Stored numbers of click_value.dimension; never reused."""

    REFERRER_HOST = 1
    BROWSER = 2
    OS = 3
    DEVICE = 4
    LANGUAGE = 5


class DeviceKind(StrEnum):
    """Stored values of Dimension.DEVICE. No model names: a rare one tells a person apart."""

    DESKTOP = "DESKTOP"
    MOBILE = "MOBILE"
    TABLET = "TABLET"
    BOT = "BOT"
    OTHER = "OTHER"


def clean_value(text: str) -> str:
    """Return the text as click_value stores it: printable, 255 characters at most."""
    printable = text if text.isprintable() else "".join(c for c in text if c.isprintable())
    return printable[:MAX_VALUE_LENGTH]
