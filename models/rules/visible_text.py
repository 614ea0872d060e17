"""Text of several lines as it may be stored, shown and searched: nothing in it is hidden.

Source: Unicode Bidirectional Algorithm (UAX 9), section 2; Trojan Source (2021) shows
what the marks that override the direction are used for.
"""

from typing import Final

import regex

# A line ends in "\n" alone; other separators of lines and pages are one, too.
_LINE_ENDS: Final = regex.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Control characters but tab and line feed, lone surrogates, marks that turn the direction
# of what follows, the byte order mark and noncharacters, which some readers cannot take.
_HIDDEN: Final = regex.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069"
    r"\ufeff\ufdd0-\ufdef\ufffe\uffff]"
)


def visible_text(text: str) -> str:
    """Return the text without characters that nobody sees and that change what others see.

    Tabs and line ends stay, the latter all as a line feed. Doing it twice changes nothing.
    """
    return str(_HIDDEN.sub("", _LINE_ENDS.sub("\n", text)))
