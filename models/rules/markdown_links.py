"""Links and pictures of a parsed text: only those that may be, and also the bare ones."""

from collections.abc import Iterator, Mapping
from typing import Final, cast

from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from models.rules.bare_links import pieces
from models.rules.safe_html import safe_link

IMAGES: Final = "images"  # of the environment of one rendering: see markdown.to_html
_ALIGN: Final = "text-align:"


def put_links(state: StateCore) -> None:
    """Change the parsed text; a rule of the parser, after all of its own."""
    images = cast("Mapping[str, str]", state.env[IMAGES])
    for token in state.tokens:
        if token.children:
            token.children = list(_linked(token.children, images))
        elif token.type in {"td_open", "th_open"} and "style" in token.attrs:
            token.attrs = {"align": str(token.attrs["style"]).removeprefix(_ALIGN)}


def _linked(tokens: list[Token], images: Mapping[str, str]) -> Iterator[Token]:
    """Yield the parts of a paragraph; links are never inside of links."""
    refused: str | None = None  # where the link that is open would lead
    inside = False
    for token in tokens:
        if token.type == "link_open":
            url = str(token.attrs.get("href", ""))
            inside = safe_link(url) is not None
            refused = None if inside else url
            if inside:
                yield token
        elif token.type == "link_close":
            # What cannot be followed is still something that somebody wrote.
            yield token if inside else _text(f" ({refused})")
            inside, refused = False, None
        elif token.type == "image":
            yield from _picture(token, images, inside=inside)
        elif token.type == "text" and not inside and refused is None:
            yield from _with_bare_links(token)
        else:
            yield token


def _picture(token: Token, images: Mapping[str, str], *, inside: bool) -> Iterator[Token]:
    """Yield a picture of this portal; one of another host as a link, or as its name."""
    source = str(token.attrs.get("src", ""))
    if source in images:
        yield token
        return
    name = token.content or source
    link = safe_link(source)
    yield from _link(name, link) if link and not inside else (_text(name),)


def _with_bare_links(token: Token) -> Iterator[Token]:
    for piece in pieces(token.content):
        if piece.link is None:
            yield _text(piece.text)
        else:
            yield from _link(piece.text, piece.link)


def _link(text: str, url: str) -> tuple[Token, Token, Token]:
    return (
        Token("link_open", "a", 1, attrs={"href": url}),
        _text(text),
        Token("link_close", "a", -1),
    )


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)
