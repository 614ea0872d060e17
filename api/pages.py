"""The small pages of the redirect, in the visitor's language.

They load nothing and run nothing, so the strictest content policy fits them.
"""

from functools import cache
from html import escape
from typing import Final

from api.security_headers import POLICY
from models.texts import negotiate, text

PAGES: Final = (404, 410, 421, 503)

# What a page is sent with besides its length; Date and Server are added by the reply.
PAGE_HEADERS: Final = (
    b"Cache-Control: private, no-store\r\n"
    b"X-Robots-Tag: noindex\r\n"
    b"Content-Security-Policy: " + POLICY.encode() + b"\r\n"
    b"X-Content-Type-Options: nosniff\r\n"
    b"X-Frame-Options: DENY\r\n"
    b"Referrer-Policy: no-referrer\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n"
)


def language_of(accept_language: bytes) -> str:
    """Return the language of a page for the header as it came; b"" if there was none."""
    return negotiate(accept_language.decode("latin-1"))


@cache
def page(status: int, locale: str) -> bytes:
    """Return the document for one of PAGES in one of models.texts.LOCALES."""
    title = escape(text(locale, f"PAGE_{status}_TITLE"))
    told = escape(text(locale, f"PAGE_{status}_TEXT"))
    return (
        f'<!doctype html>\n<html lang="{locale}">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<h1>{title}</h1>\n<p>{told}</p>\n</html>\n"
    ).encode()
