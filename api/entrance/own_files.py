"""Our own style sheet and script, each under a name that changes with its content."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final

_FOLDER: Final = Path(__file__).parent / "assets"
_HASH_LENGTH: Final = 16  # hex digits: 64 bits, for telling versions apart
_TYPES: Final = {".css": "text/css", ".js": "text/javascript"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFile:
    """A file that pages load.

    Attributes:
        name: last part of its address.
        content_type: without charset; all are UTF-8.
        content: as it is sent.
    """

    name: str
    content_type: str
    content: bytes

    @classmethod
    def read(cls, path: Path) -> "OwnFile":
        """Read a file once, when the program starts."""
        content = path.read_bytes()
        version = sha256(content).hexdigest()[:_HASH_LENGTH]
        return cls(
            name=f"{path.stem}.{version}{path.suffix}",
            content_type=_TYPES[path.suffix],
            content=content,
        )


STYLE: Final = OwnFile.read(_FOLDER / "entrance.css")
SCRIPT: Final = OwnFile.read(_FOLDER / "door.js")
BY_NAME: Final = MappingProxyType({file.name: file for file in (STYLE, SCRIPT)})
