"""Browser, operating system and kind of device, out of a User-Agent.

The patterns are those of the package ua-parser; models.rules.agent_patterns
tells programs from people. Both run on Rust's regex engine (ua-parser-rs): all
1,500 crawler patterns together take 1 microsecond, 260 in Python's engine.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

import ua_parser
from ua_parser.loaders import load_builtins
from ua_parser.regex import Resolver
from ua_parser_rs import UserAgentExtractor

from models.rules.agent_families import OTHER, known_families, known_family
from models.rules.agent_patterns import patterns
from models.rules.click_classes import CLASS_OF, ClickClass, Reason
from models.rules.dimensions import DeviceKind, clean_value

_TABLET: Final = re.compile(
    r"iPad|Tablet|PlayBook|Silk/|Kindle|KF[A-Z]{2,5} |Nexus (?:7|9|10)\b|\bSM-[TXP]\d|\bGT-P\d"
    r"|Lenovo (?:TB|YT)|MediaPad|MatePad|Xoom|\bTab\b"
)
_MOBILE: Final = re.compile(
    r"Mobi|iPhone|iPod|Android|Windows Phone|IEMobile|Opera Mini|Opera Mobi|BlackBerry|BB10"
    r"|Symbian|Series[ ]?[346]0|MIDP|UCWEB|webOS|Nokia|SonyEricsson|Maemo|KAIOS"
)
_OTHER: Final = re.compile(
    r"SMART-TV|SmartTV|Smart TV|\bTV\b|GoogleTV|AppleTV|Apple TV|BRAVIA|HbbTV|NetCast|Web0S|Roku"
    r"|CrKey|AFT[A-Z]+|PlayStation|Nintendo|Xbox|Tesla/|QtCarBrowser|OculusBrowser|Watch"
)
_DESKTOP: Final = re.compile(
    r"Windows|Macintosh|Mac_PowerPC|Mac OS X|X11|Linux|CrOS|FreeBSD|OpenBSD|NetBSD|SunOS|OS/2|BeOS"
    r"|Haiku|Amiga|Win(?:95|98|NT)|Lynx|Links|w3m"
)


class Agent(NamedTuple):
    """What a User-Agent tells. A family that nobody knows is "Other"."""

    reason: Reason
    browser: str
    os: str
    device: DeviceKind


_signs: Final = list(patterns())
_find_sign: Final = UserAgentExtractor(
    [(pattern, str(number), None, None, None, None) for number, (pattern, _) in enumerate(_signs)]
)
_find_families: Final = Resolver(load_builtins())
known_families()  # a quarter of a second, which no click should have to wait for


@lru_cache(maxsize=32_768)
def read_agent(user_agent: bytes) -> Agent:
    """Return what the header tells; it is read as UTF-8, broken bytes become marks."""
    text = user_agent.decode("utf-8", "replace").strip()
    found = _find_sign.extract(text)
    reason = Reason.NOT_A_BROWSER if found is None else _signs[int(found.family)][1]
    if text in {"", "-"}:
        reason = Reason.EMPTY_USER_AGENT
    families = _find_families(text, ua_parser.Domain.USER_AGENT | ua_parser.Domain.OS)
    return Agent(
        reason=reason,
        browser=_family(families.user_agent),
        os=_family(families.os),
        device=_device(text, reason),
    )


def _family(part: ua_parser.UserAgent | ua_parser.OS | None) -> str:
    return clean_value(known_family(part.family)) if part is not None else OTHER


def _device(text: str, reason: Reason) -> DeviceKind:
    """Tell the kind of device; on Android a browser that does not say "Mobile" is a tablet's."""
    if CLASS_OF[reason] not in {ClickClass.HUMAN, ClickClass.PREFETCH}:
        return DeviceKind.BOT
    if _OTHER.search(text):
        return DeviceKind.OTHER
    if _TABLET.search(text) or ("Android" in text and "Mobi" not in text):
        return DeviceKind.TABLET
    if _MOBILE.search(text):
        return DeviceKind.MOBILE
    return DeviceKind.DESKTOP if _DESKTOP.search(text) else DeviceKind.OTHER
