"""Plain text whose lines were broken to be joined again. Source: RFC 3676."""

from collections.abc import Iterator
from typing import Final

_SIGNATURE: Final = "-- "


def unflow(text: str, *, delete_space: bool = False) -> str:
    """Return the text with its paragraphs on one line each; quotation marks get a space.

    Args:
        text: lines end with a line feed alone.
        delete_space: DelSp=yes: the space at which a line was broken is none of the text.
    """
    return "\n".join(_paragraphs(text.split("\n"), delete_space=delete_space))


def _paragraphs(lines: list[str], *, delete_space: bool) -> Iterator[str]:
    depth, parts = 0, list[str]()
    for line in lines:
        rest = line.lstrip(">")
        level = len(line) - len(rest)
        plain = rest.removeprefix(" ")
        if parts and (level != depth or plain == _SIGNATURE):
            yield _quoted("".join(parts).rstrip(" "), depth)
            parts = []
        depth = level
        is_soft = plain.endswith(" ") and plain != _SIGNATURE
        parts.append(plain[:-1] if is_soft and delete_space else plain)
        if not is_soft:
            yield _quoted("".join(parts), depth)
            parts = []
    if parts:
        yield _quoted("".join(parts).rstrip(" "), depth)


def _quoted(text: str, depth: int) -> str:
    return f"{'>' * depth} {text}".rstrip() if depth else text
