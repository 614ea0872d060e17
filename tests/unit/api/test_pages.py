"""The pages of the redirect."""

import pytest

from api.pages import PAGES, PASSWORD_PAGES, language_of, page, password_page
from models.texts import LOCALES


@pytest.mark.parametrize("status", PAGES)
@pytest.mark.parametrize("locale", LOCALES)
def test_a_page_is_whole_and_loads_nothing(status: int, locale: str) -> None:
    document = page(status, locale).decode()

    assert document.startswith(f'<!doctype html>\n<html lang="{locale}">')
    assert document.endswith("</html>\n")
    for tag in ("<script", "<style", "<img", "<link", "style=", "http"):
        assert tag not in document


def test_pages_of_two_languages_differ() -> None:
    for status in PAGES:
        assert page(status, "ru") != page(status, "en")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (b"", "en"),
        (b"ru", "ru"),
        (b"ru-BY,be;q=0.9", "ru"),
        (b"de, ru;q=0.2, en;q=0.1", "ru"),
        (b"\xff\x00", "en"),
    ],
)
def test_the_language_is_the_one_that_the_visitor_likes_best(header: bytes, language: str) -> None:
    assert language_of(header) == language


@pytest.mark.parametrize("status", PASSWORD_PAGES)
@pytest.mark.parametrize("locale", LOCALES)
def test_a_page_that_asks_for_a_password_is_whole_and_loads_nothing(
    status: int, locale: str
) -> None:
    document = password_page(status, locale, retry_after_s=60 if status == 429 else 0).decode()

    assert document.startswith(f'<!doctype html>\n<html lang="{locale}">')
    assert document.endswith("</form>\n</html>\n")
    assert document.count("<p") == document.count("</p>") == 3
    assert ('role="alert"' in document) == (status != 200)
    for tag in ("<script", "<style", "<img", "<link", "style=", "http"):
        assert tag not in document
