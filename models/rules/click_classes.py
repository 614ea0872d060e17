"""Who followed a link, and the sign that told.

Every click is counted in exactly one class. The reason is stored beside it, so
that a better rule can find the clicks it would label otherwise.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final


class ClickClass(IntEnum):
    """Stored numbers of click.click_class; never reused."""

    HUMAN = 0
    PREVIEW = 1  # somebody looks whether to follow: unfurled in a messenger, or HEAD
    PREFETCH = 2  # a browser loads ahead what may never be opened
    SCANNER = 3  # searches for holes or malware
    MONITOR = 4  # looks whether something is up
    BOT = 5  # any other program


class Reason(StrEnum):
    """Stored values of click.reason; never renamed. Each belongs to one class: CLASS_OF."""

    BROWSER = "BROWSER"
    HEAD_REQUEST = "HEAD_REQUEST"
    PURPOSE_PREVIEW = "PURPOSE_PREVIEW"
    PREVIEW_LIST = "PREVIEW_LIST"
    CRAWLER_LIST_PREVIEW = "CRAWLER_LIST_PREVIEW"
    SEC_PURPOSE_PREFETCH = "SEC_PURPOSE_PREFETCH"
    PURPOSE_PREFETCH = "PURPOSE_PREFETCH"
    X_MOZ_PREFETCH = "X_MOZ_PREFETCH"
    PREFETCH_LIST = "PREFETCH_LIST"
    SCANNER_LIST = "SCANNER_LIST"
    CRAWLER_LIST_SCANNER = "CRAWLER_LIST_SCANNER"
    MONITOR_LIST = "MONITOR_LIST"
    CRAWLER_LIST_MONITOR = "CRAWLER_LIST_MONITOR"
    BOT_LIST = "BOT_LIST"
    CRAWLER_LIST = "CRAWLER_LIST"
    BOT_WORD = "BOT_WORD"
    CONTACT_GIVEN = "CONTACT_GIVEN"
    NOT_A_BROWSER = "NOT_A_BROWSER"
    EMPTY_USER_AGENT = "EMPTY_USER_AGENT"


CLASS_OF: Final[Mapping[Reason, ClickClass]] = {
    Reason.BROWSER: ClickClass.HUMAN,
    Reason.HEAD_REQUEST: ClickClass.PREVIEW,
    Reason.PURPOSE_PREVIEW: ClickClass.PREVIEW,
    Reason.PREVIEW_LIST: ClickClass.PREVIEW,
    Reason.CRAWLER_LIST_PREVIEW: ClickClass.PREVIEW,
    Reason.SEC_PURPOSE_PREFETCH: ClickClass.PREFETCH,
    Reason.PURPOSE_PREFETCH: ClickClass.PREFETCH,
    Reason.X_MOZ_PREFETCH: ClickClass.PREFETCH,
    Reason.PREFETCH_LIST: ClickClass.PREFETCH,
    Reason.SCANNER_LIST: ClickClass.SCANNER,
    Reason.CRAWLER_LIST_SCANNER: ClickClass.SCANNER,
    Reason.MONITOR_LIST: ClickClass.MONITOR,
    Reason.CRAWLER_LIST_MONITOR: ClickClass.MONITOR,
    Reason.BOT_LIST: ClickClass.BOT,
    Reason.CRAWLER_LIST: ClickClass.BOT,
    Reason.BOT_WORD: ClickClass.BOT,
    Reason.CONTACT_GIVEN: ClickClass.BOT,
    Reason.NOT_A_BROWSER: ClickClass.BOT,
    Reason.EMPTY_USER_AGENT: ClickClass.BOT,
}
