"""The documents that front ends send, by hash. `python -m schema.trusted_documents` prints them.

A hash is SHA-256 of the text, in hex. Beside the operations of today the file has
those of earlier releases, so that a page that was loaded before an upgrade goes on
working: `frontend_contract/released/trusted-documents.json`.
"""

import json
import sys
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final

_CONTRACT: Final = Path(__file__).parent.parent / "frontend_contract"
_FILE: Final = _CONTRACT / "trusted-documents.json"
_RELEASED: Final = _CONTRACT / "released" / "trusted-documents.json"
_PREFIX: Final = "sha256:"


class TrustedDocuments:
    """The documents that browsers may always send."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Take the texts by their hashes."""
        self._texts: Mapping[str, str] = MappingProxyType(dict(texts))
        self._known = frozenset(texts.values())

    def text_of(self, document_id: str) -> str | None:
        """Return the text of a hash, with or without `sha256:`; None for one nobody knows."""
        return self._texts.get(_plain(document_id))

    def __contains__(self, text: str) -> bool:
        return text in self._known


def hash_of(text: str) -> str:
    """Return what a document is known by."""
    return sha256(text.encode()).hexdigest()


def is_hash_of(document_id: str, text: str) -> bool:
    """Tell whether a text is known by this, with or without `sha256:`."""
    return _plain(document_id) == sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_documents(path: Path = _FILE) -> Mapping[str, str]:
    """Return the texts of a file by hash; none of a file that is not there.

    Raises:
        ValueError: a text has another hash than the file says.
    """
    if not path.exists():
        return {}
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    wrong = [known for known, text in found.items() if hash_of(text) != known]
    if wrong:
        raise ValueError(f"{path}: other texts than their hashes say: {', '.join(wrong)}")
    return found


@cache
def served_documents() -> TrustedDocuments:
    """Return the documents of this program, read once."""
    return TrustedDocuments(read_documents())


def trusted_json() -> str:
    """Return frontend_contract/trusted-documents.json."""
    operations = sorted((_CONTRACT / "operations").glob("*.graphql"))
    texts = [path.read_text(encoding="utf-8") for path in operations]
    documents = {**read_documents(_RELEASED), **{hash_of(text): text for text in texts}}
    return json.dumps(documents, indent=2, sort_keys=True, ensure_ascii=False)


def _plain(document_id: str) -> str:
    return document_id.removeprefix(_PREFIX).lower()


if __name__ == "__main__":
    sys.stdout.write(trusted_json() + "\n")
