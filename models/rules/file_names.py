"""Names of files that people send: safe to show, to save under, and to put into a header.

Sources: RFC 6266 and RFC 8187 (Content-Disposition); "Naming Files, Paths, and Namespaces"
of Microsoft for what Windows cannot store. Nothing is decided by a name but what it is called:
what a file is, its content says.
"""

import unicodedata
from typing import Final
from urllib.parse import quote

import regex

MAX_NAME_LENGTH: Final = 200  # characters, also the column width
MAX_NAME_BYTES: Final = 240  # of UTF-8: file systems hold 255, and programs add to names
MAX_SENT_LENGTH: Final = 1000  # characters that are looked at
NAMELESS: Final = "file"
_MAX_SUFFIX_LENGTH: Final = 16  # characters; what is longer is no ending of a kind of file
# Nobody sees these, or they turn the text around them: "gpj.exe" would read "exe.jpg".
_HIDDEN: Final = regex.compile(r"[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|\p{DI}")
_SPACES: Final = regex.compile(r"\p{Zs}+")
_UNSAVABLE: Final = str.maketrans(dict.fromkeys('<>:"|?*', "_"))
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{name}{n}" for name in ("com", "lpt") for n in range(10)}
)
_ATTRIBUTE_CHARACTERS: Final = "!#$&+-.^_`|~"  # RFC 8187, besides letters and digits


def safe_name(name: str) -> str:
    """Return a name that shows what it is and can be saved anywhere; never an empty one.

    Folders in front are left out, hidden characters too, and what no file system takes
    becomes `_`. A name that is safe already comes back as it is.

    Args:
        name: as it was sent.
    """
    text = unicodedata.normalize("NFC", _HIDDEN.sub("", name[:MAX_SENT_LENGTH]))
    text = text.replace("\\", "/").rstrip("/ .").rpartition("/")[2]
    text = _SPACES.sub(" ", text).translate(_UNSAVABLE).strip(" .")
    if text.partition(".")[0].strip().lower() in _DEVICES:
        text = f"_{text}"
    return _shortened(text).strip(" .") or NAMELESS


def suffix_of(name: str) -> str:
    """Return the ending of a safe name in lower case, without its dot; "" for none."""
    stem, dot, suffix = name.rpartition(".")
    return suffix.lower() if dot and stem and len(suffix) <= _MAX_SUFFIX_LENGTH else ""


def disposition(name: str, *, is_inline: bool) -> str:
    """Return the header Content-Disposition for a safe name.

    Old programs read `filename`, which is ASCII; all others prefer `filename*`.
    """
    kind = "inline" if is_inline else "attachment"
    plain = regex.sub(r"[\\?%\"]", "_", name.encode("ascii", "replace").decode())
    exact = quote(name, safe=_ATTRIBUTE_CHARACTERS)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{exact}"


def _shortened(name: str) -> str:
    """Cut a name that is too long in its middle, so that its ending stays."""
    suffix = suffix_of(name)
    ending = f".{name[-len(suffix) :]}" if suffix else ""
    stem = name[: len(name) - len(ending)]
    stem = stem[: MAX_NAME_LENGTH - len(ending)]
    while len((stem + ending).encode()) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return stem + ending
