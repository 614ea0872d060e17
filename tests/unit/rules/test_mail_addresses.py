"""Which addresses a letter can go to."""

import pytest

from models.errors import ValueInvalidError
from models.rules.mail_addresses import deliverable, normal_address


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("anna@example.org", "anna@example.org"),
        ("anna+x@foo_bar.example.org", "anna+x@foo_bar.example.org"),
        ("anna@почта.рф", "anna@xn--80a1acny.xn--p1ai"),
        ("anna@BÜCHER.example", "anna@xn--bcher-kva.example"),
        ("анна@почта.рф", "анна@xn--80a1acny.xn--p1ai"),
    ],
)
def test_the_domain_is_said_in_ascii(address: str, form: str) -> None:
    assert deliverable(address) == form


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "anna",
        "anna@",
        "@example.org",
        "anna@example.org\r\nBcc: eve@example.org",
        "anna\n@example.org",
        "anna\x00@example.org",
        "anna @example.org",
        "an\u200bna@example.org",
        "anna@-почта-.рф",
        "anna@почта..рф",
    ],
)
def test_what_no_header_may_hold_is_refused(address: str) -> None:
    with pytest.raises(ValueInvalidError) as refused:
        deliverable(address)

    assert (refused.value.path, refused.value.reason) == (("email",), "email")


@pytest.mark.parametrize(
    "typed", ["anna@example.com", " Anna@ｅxample.com", "anna@example。com", "ANNA@example.com."]
)
def test_every_spelling_of_a_domain_is_one_mailbox(typed: str) -> None:
    assert normal_address(typed) == "anna@example.com"


def test_what_is_no_address_is_nobodys_in_lower_case() -> None:
    assert normal_address("No Address") == "no address"
