"""What may stand on our pages, told by a parser that is not the sanitiser's."""

import re
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlsplit

from models.rules.safe_html import ATTRIBUTES, TAGS

SCHEMES: Final = frozenset({"http", "https", "mailto"})
_REL: Final = "noopener noreferrer nofollow"


class _Checks(HTMLParser):
    def __init__(self, addresses: frozenset[str]) -> None:
        super().__init__()
        self.addresses = addresses
        self.faults: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            if name not in ATTRIBUTES.get(tag, frozenset()) | ({"rel"} if tag == "a" else set()):
                self.faults.append(f"<{tag} {name}>")
            self._check_value(name, value or "")

    def _check_value(self, name: str, value: str) -> None:
        if name == "href" and urlsplit(value).scheme.lower() not in SCHEMES:
            self.faults.append(f"link {value}")
        if name == "src" and value not in self.addresses:
            self.faults.append(f"picture {value}")
        if name == "rel" and value != _REL:
            self.faults.append(f"rel {value}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        self.faults.append(f"declaration {decl}")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"instruction {data}")


def faults_of(html: str, *, addresses: frozenset[str] = frozenset()) -> list[str]:
    """Return everything in the HTML that may not be there; `addresses` are those of pictures."""
    checks = _Checks(addresses)
    checks.feed(html)
    checks.close()
    return checks.faults


def text_of(html: str) -> str:
    """Return the text between the tags, as it is."""
    checks = _Checks(frozenset())
    checks.feed(html)
    checks.close()
    return "".join(checks.texts)


def depth_of(html: str) -> int:
    """Return how many elements lie within each other at most."""
    depth = deepest = 0
    for tag in re.findall(r"<(/?)(\w+)", html):
        if tag[1] not in {"br", "hr", "img"}:
            depth += -1 if tag[0] else 1
            deepest = max(deepest, depth)
    return deepest
