"""Variables that look like settings and are none: a misspelt one would change nothing silently."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Final

from api.settings import Settings

_PREFIX: Final = "LINKYARD_"


def warnings_about(variables: Iterable[str]) -> Iterator[str]:
    """Yield a line for each name that begins like a setting and is none, in order."""
    known = [name.upper() for name in Settings.model_fields]
    for name in sorted(variables):
        spelt = name.upper()  # settings are read in any case
        own = spelt.removeprefix(_PREFIX)
        if own == spelt or own in known:
            continue
        close = get_close_matches(own, known, n=1)
        hint = f"did you mean {_PREFIX}{close[0]}?" if close else "README.md has the table."
        yield f"{name} is no setting and changes nothing: {hint}"
