"""Addresses of letters lead to us, and to nobody who took a slug."""

import pytest

from models.errors import SlugReservedError
from models.rules import portal_paths
from models.rules.slugs import RESERVED_WORDS, check_slug


def test_no_slug_can_be_the_first_part_of_a_path_that_letters_lead_to() -> None:
    paths = [getattr(portal_paths, name) for name in dir(portal_paths) if name.isupper()]

    assert len(paths) > 3
    assert {path.split("/")[1] for path in paths} - {""} <= RESERVED_WORDS


@pytest.mark.parametrize("word", ["login", "password-reset", "Sign-In", "SIGNUP", "invitation"])
def test_nobody_takes_a_slug_that_looks_like_a_way_in(word: str) -> None:
    with pytest.raises(SlugReservedError):
        check_slug(word)
