"""Every sentence a person may read, in every language, from gettext catalogues.

The ids are error codes, CODE.reason for their shades, and PAGE_... for the pages
of the redirect. Placeholders are `{name}`; a text that counts takes `{count}` and
has the plural forms of its language (three in Russian). The catalogues are read
once, at import; a test finds what a language lacks.
"""

import io
from collections.abc import Mapping
from functools import lru_cache
from gettext import GNUTranslations
from pathlib import Path
from types import MappingProxyType
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from models.errors import DomainError

LOCALES: Final = ("ru", "en")
DEFAULT_LOCALE: Final = "en"  # for those who ask for neither
FOLDER: Final = Path(__file__).parent / "locale"
_MAX_HEADER_LENGTH: Final = 512  # characters of Accept-Language that are looked at


def read_catalog(locale: str) -> Catalog:
    """Read the catalogue of one language, with its source lines."""
    with (FOLDER / locale / "LC_MESSAGES" / "linkyard.po").open("rb") as file:
        return read_po(file, locale=locale, abort_invalid=True)


def _compiled(catalog: Catalog) -> GNUTranslations:
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    buffer.seek(0)
    return GNUTranslations(buffer)


def _ids(catalog: Catalog) -> Mapping[str, bool]:
    """Return whether each id has plural forms."""
    return MappingProxyType(
        {str(m.id if isinstance(m.id, str) else m.id[0]): m.pluralizable for m in catalog if m.id}
    )


_CATALOGS: Final = {locale: read_catalog(locale) for locale in LOCALES}
_COMPILED: Final = {locale: _compiled(catalog) for locale, catalog in _CATALOGS.items()}
IDS: Final = _ids(_CATALOGS[DEFAULT_LOCALE])


def text(locale: str, msgid: str, **params: str | int) -> str:
    """Return a sentence; one with plural forms is chosen by `count` of the params.

    Args:
        locale: one of LOCALES; another reads DEFAULT_LOCALE.
        msgid: one of IDS.
        params: values of its placeholders; more than it has do no harm.

    Raises:
        KeyError: no such text, or a placeholder without a value.
    """
    if IDS[msgid]:
        found = _of(locale).ngettext(msgid, msgid, int(params["count"]))
    else:
        found = _of(locale).gettext(msgid)
    return found.format_map(params)


def plural(locale: str, msgid: str, count: int, **params: str | int) -> str:
    """Return the sentence about `count` things, in the right plural form."""
    return text(locale, msgid, **{**params, "count": count})


def message_of(locale: str, error: DomainError) -> str:
    """Return what a refusal says to a person, by its reason if that has its own sentence."""
    shade = f"{error.code}.{error.reason}"
    return text(locale, shade if shade in IDS else error.code, **error.params)


@lru_cache(maxsize=1024)
def negotiate(accept_language: str) -> str:
    """Return the language of LOCALES that an Accept-Language header likes best.

    Source: RFC 9110 section 12.5.4. Dialects count as their language ("ru-BY" is
    "ru"); what cannot be read is left out; "*" and nothing at all mean DEFAULT_LOCALE.
    """
    best, best_quality = DEFAULT_LOCALE, 0.0
    for item in accept_language[:_MAX_HEADER_LENGTH].split(","):
        tag, _, parameter = item.partition(";")
        language = tag.strip().lower().partition("-")[0]
        quality = _quality(parameter)
        if language in LOCALES and quality > best_quality:
            best, best_quality = language, quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip().lower() != "q":
        return 0.0 if name.strip() else 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


def _of(locale: str) -> GNUTranslations:
    return _COMPILED.get(locale, _COMPILED[DEFAULT_LOCALE])
