"""The pages as text: templates/ filled with the words of a language.

Addresses in them are relative, so that they hold below any prefix of LINKYARD_PUBLIC_URL.
"""

from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from api.entrance.doors import Door, Field
from api.entrance.own_files import SCRIPT, STYLE
from models.rules.passwords import MIN_PASSWORD_LENGTH
from models.texts import text

_FOLDER: Final = Path(__file__).parent / "templates"


@cache
def front_page(*, locale: str, portal: str, url: str, is_portal: bool, is_local: bool) -> str:
    """Return the page at /.

    Args:
        locale: one of models.texts.LOCALES.
        portal: its name.
        url: LINKYARD_PUBLIC_URL without a slash at its end.
        is_portal: it is asked for under the portal's own host, not under a domain of links.
        is_local: the installation is for this machine alone, for a first look.
    """
    words = {"url": url, "portal": portal}
    parts = ""
    if is_portal:
        parts += _filled("api", locale, url=url, **_texts(locale, "PAGE_FRONT_API", **words))
    if is_portal and is_local:
        first = _texts(locale, "PAGE_FRONT_FIRST_TITLE", "PAGE_FRONT_FIRST_TEXT", **words)
        parts += _filled("first_link", locale, url=url, **first)
    shown = _texts(locale, "PAGE_FRONT_TEXT", "PAGE_FRONT_LOST", **words)
    return _filled("front", locale, portal=portal, style=STYLE.name, **shown).replace(
        "<!-- parts -->", parts
    )


@cache
def door_page(door: Door, *, locale: str, portal: str, is_secure: bool, has_passwords: bool) -> str:
    """Return the page of a door.

    Args:
        door: which.
        locale: one of models.texts.LOCALES.
        portal: its name.
        is_secure: nobody on the way can read what is typed; else nothing is asked.
        has_passwords: people may sign in by a password of ours.
    """
    name = f"PAGE_DOOR_{door.words}"
    shown = _texts(
        locale, f"{name}_TITLE", f"{name}_TEXT", f"{name}_ACTION", f"{name}_DONE", portal=portal
    )
    shown = {key.removeprefix(f"{name}_").lower(): value for key, value in shown.items()}
    common = {"portal": portal, "style": STYLE.name, **shown}
    if not is_secure:
        refused = text(locale, "INSECURE_TRANSPORT")
        return _filled("refused", locale, refused=refused, **common)
    page = _filled(
        "door",
        locale,
        script=SCRIPT.name,
        document=door.document,
        **_texts(
            locale,
            "PAGE_DOOR_SCRIPT",
            "PAGE_DOOR_INCOMPLETE",
            "PAGE_DOOR_OFFLINE",
            "PAGE_DOOR_BROKEN",
            "PAGE_DOOR_EMAIL_TITLE",
            "PAGE_DOOR_HOME_ACTION",
            portal=portal,
        ),
        **common,
    )
    asked = door.asked(has_passwords=has_passwords)
    fields = "".join(_field(each, locale) for each in asked)
    if any(each.kind == "password" for each in asked):
        fields += _filled("choice", locale, **_texts(locale, "PAGE_DOOR_SHOW_TITLE"))
    return page.replace("<!-- fields -->", fields)


def _field(field: Field, locale: str) -> str:
    name = f"PAGE_FIELD_{field.words}"
    return _filled(
        "field",
        locale,
        name=field.name,
        kind=field.kind,
        autocomplete=field.autocomplete,
        label=text(locale, f"{name}_TITLE"),
        hint=text(locale, f"{name}_HINT", count=MIN_PASSWORD_LENGTH),
    ).replace("data-limits", field.limits)


def _texts(locale: str, *names: str, **params: str) -> dict[str, str]:
    return {name: text(locale, name, **params) for name in names}


def _filled(template: str, locale: str, **values: str) -> str:
    """Return a template with every value escaped."""
    shown = {name: escape(value) for name, value in {"locale": locale, **values}.items()}
    return _template(template).substitute(shown)


@cache
def _template(name: str) -> Template:
    return Template((_FOLDER / f"{name}.html").read_text(encoding="utf-8"))
