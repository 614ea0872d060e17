"""What may be a password."""

import pytest

from models.errors import ValueInvalidError, ValueRequiredError
from models.rules.passwords import (
    MAX_PASSWORD_LENGTH,
    MAX_TYPED_LENGTH,
    check_password,
    may_be_password,
    normal_password,
)

OWN = ("ada.lovelace@people.test", "Ada Lovelace")


@pytest.mark.parametrize(
    "password",
    [
        "three quiet herons",
        "8symbols",
        "пароль с пробелами",
        "x1" * (MAX_PASSWORD_LENGTH // 2 - 2) + "yz12",
        " leading and trailing ",
        "😀😁😂🤣😃😄😅😆",
    ],
)
def test_long_and_uncommon_is_enough(password: str) -> None:
    assert check_password(password, field="password", own_words=OWN) == password


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("7symbol", "password_short"),
        ("x" * 7 + "\u0301", "password_common"),
        ("ﬀﬀﬀ", "password_short"),  # six letters in the normal form
        ("ab1" * 43, "password_long"),
        ("x" * (MAX_TYPED_LENGTH + 1), "password_long"),
        ("password123", "password_common"),
        ("PassWord123", "password_common"),
        ("ｐａｓｓｗｏｒｄ１２３", "password_common"),  # full width
        ("пароль123", "password_common"),
        ("gfhjkm123", "password_common"),
        ("zzzzzzzzzzzz", "password_common"),
        ("zyzyzyzyzyzy", "password_common"),
        ("23456789", "password_common"),
        ("zyxwvutsrq", "password_common"),
        ("ada.lovelace@people.test", "password_own"),
        ("Ada.Lovelace", "password_own"),
        ("ada lovelace", "password_own"),
        ("AdaLovelace", "password_own"),
        ("lovelace", "password_own"),
    ],
)
def test_what_is_tried_first_is_refused(password: str, reason: str) -> None:
    with pytest.raises(ValueInvalidError) as refused:
        check_password(password, field="newPassword", own_words=OWN)

    assert (refused.value.reason, refused.value.path) == (reason, ("newPassword",))


def test_an_empty_one_is_missing() -> None:
    with pytest.raises(ValueRequiredError) as refused:
        check_password("", field="password")

    assert refused.value.path == ("password",)


def test_one_password_has_one_form() -> None:
    composed, decomposed, wide = "caf\u00e9 crème", "cafe\u0301 cr\u00e8me", "ｃafé crème"

    assert {normal_password(each) for each in (composed, decomposed, wide)} == {composed}


def test_nothing_is_hashed_that_cannot_be_a_password() -> None:
    assert [may_be_password(each) for each in ("", "x", "x" * 1024, "x" * 1025)] == [
        False,
        True,
        True,
        False,
    ]
