"""docs/ARCHITECTURE.md leads to every decision record, and to files that are there."""

import re
from pathlib import Path

PAGE = Path("docs/ARCHITECTURE.md")
TEXT = PAGE.read_text(encoding="utf-8")
LINKS = re.compile(r"\]\(([^)#:]+)\)")
CODE = re.compile(
    r"`((?:api|schema|resolvers|models|frontend_contract|tests|benchmarks|deploy)/[\w./]+)`"
)


def test_every_decision_record_is_indexed() -> None:
    records = {f"decisions/{path.name}" for path in Path("docs/decisions").glob("*.md")}

    assert records
    assert records - set(LINKS.findall(TEXT)) == set()


def test_every_file_that_it_names_is_there() -> None:
    linked = [PAGE.parent / name for name in LINKS.findall(TEXT)]
    quoted = [Path(name) for name in CODE.findall(TEXT)]

    assert quoted
    assert [str(path) for path in [*linked, *quoted] if not path.exists()] == []
