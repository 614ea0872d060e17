"""The small pages of the redirect, in the visitor's language.

They load nothing and run nothing, so the strictest content policy fits them, but that the
form of a password must be sent, and lead on to any target: browsers hold `form-action`
against the redirect that answers a form, too, and naming the target would tell it.
"""

from functools import cache
from html import escape
from http import HTTPStatus
from typing import Final

from api.security_headers import POLICY
from models.errors import RateLimitedError
from models.rules.passwords import MAX_TYPED_LENGTH
from models.texts import message_of, negotiate, text

PAGES: Final = (404, 410, 421, 503)
PASSWORD_PAGES: Final = (200, 400, 403, 429)
PASSWORD_FIELD: Final = "password"  # noqa: S105 - a name
REFERRER_FIELD: Final = "referrer"
_FORM_POLICY: Final = POLICY.replace("form-action 'none'", "form-action http: https:")
_NOTICES: Final = {400: "PAGE_PASSWORD_EMPTY", 403: "PAGE_PASSWORD_WRONG"}


def _headers(policy: str) -> bytes:
    """Return what a page is sent with besides its length; the reply adds Date and Server."""
    return (
        b"Cache-Control: private, no-store\r\n"
        b"X-Robots-Tag: noindex\r\n"
        b"Content-Security-Policy: " + policy.encode() + b"\r\n"
        b"X-Content-Type-Options: nosniff\r\n"
        b"X-Frame-Options: DENY\r\n"
        b"Referrer-Policy: no-referrer\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n"
    )


PAGE_HEADERS: Final = _headers(POLICY)
PASSWORD_PAGE_HEADERS: Final = _headers(_FORM_POLICY)


def language_of(accept_language: bytes) -> str:
    """Return the language of a page for the header as it came; b"" if there was none."""
    return negotiate(accept_language.decode("latin-1"))


@cache
def page(status: int, locale: str) -> bytes:
    """Return the document for one of PAGES in one of models.texts.LOCALES."""
    told = escape(text(locale, f"PAGE_{status}_TEXT"))
    return _document(text(locale, f"PAGE_{status}_TITLE"), f"<p>{told}</p>\n", locale)


def password_page(
    status: int, locale: str, *, retry_after_s: int = 0, referrer: bytes = b""
) -> bytes:
    """Return the document that asks for a link's password; it tells nothing of the link.

    Args:
        status: one of PASSWORD_PAGES: 200 asks, the others say what was wrong before.
        locale: one of models.texts.LOCALES.
        retry_after_s: for status 429.
        referrer: where the visitor came from, for the form to bring along: the browser itself
            will name nothing but this page.
    """
    told = escape(text(locale, "PAGE_PASSWORD_TEXT"))
    shown = f"<p>{told}</p>\n"
    described = ""
    if status in _NOTICES:
        shown = _notice(text(locale, _NOTICES[status]))
    elif retry_after_s:
        shown = _notice(message_of(locale, RateLimitedError(retry_after_s)))
    if status != HTTPStatus.OK:
        described = ' aria-describedby="notice" aria-invalid="true"'
    label = escape(text(locale, "PAGE_FIELD_LINK_PASSWORD_TITLE"))
    action = escape(text(locale, "PAGE_PASSWORD_ACTION"))
    form = (
        '<form method="post">\n'
        f'<p><label for="{PASSWORD_FIELD}">{label}</label>\n'
        f'<input id="{PASSWORD_FIELD}" name="{PASSWORD_FIELD}" type="password" required'
        f' maxlength="{MAX_TYPED_LENGTH}" autocomplete="off" autofocus{described}></p>\n'
        f"<p><button>{action}</button></p>\n"
        f"{_hidden(referrer)}</form>\n"
    )
    return _document(text(locale, "PAGE_PASSWORD_TITLE"), shown + form, locale)


def _hidden(referrer: bytes) -> str:
    if not referrer:
        return ""
    shown = escape(referrer.decode("utf-8", "replace"))
    return f'<input type="hidden" name="{REFERRER_FIELD}" value="{shown}">\n'


def _notice(told: str) -> str:
    return f'<p id="notice" role="alert">{escape(told)}</p>\n'


def _document(title: str, content: str, locale: str) -> bytes:
    title = escape(title)
    return (
        f'<!doctype html>\n<html lang="{locale}">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<h1>{title}</h1>\n{content}</html>\n"
    ).encode()
