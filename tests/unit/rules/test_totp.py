"""Codes of authenticator apps, against the test values of RFC 6238."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest

from models.rules.totp import STEP_S, app_uri, is_code, new_secret, step_of

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # noqa: S105 - of RFC 6238 appendix B


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)

    assert step_of(code, secret=SECRET, now=now, after=0) == seconds // STEP_S


@pytest.mark.parametrize(("drift", "is_taken"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_a_clock_may_be_one_step_off(drift: int, is_taken: bool) -> None:  # noqa: FBT001
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    step = int(now.timestamp()) // STEP_S + drift
    code = pyotp.TOTP(SECRET).generate_otp(step)

    assert step_of(code, secret=SECRET, now=now, after=0) == (step if is_taken else None)


def test_a_step_that_was_used_takes_no_code_any_more_also_when_the_clock_is_set_back() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    code = pyotp.TOTP(SECRET).at(now)
    used = step_of(code, secret=SECRET, now=now, after=0)
    assert used is not None

    before = now - timedelta(days=3)

    assert step_of(code, secret=SECRET, now=now, after=used) is None
    old = pyotp.TOTP(SECRET).at(before)
    assert step_of(old, secret=SECRET, now=before, after=used) is None


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12a456", "１２３４５６", "-12345"])
def test_what_is_no_code_is_refused(text: str) -> None:
    assert not is_code(text)
    assert step_of(text, secret=SECRET, now=datetime.fromtimestamp(59, UTC), after=0) is None


def test_spaces_do_no_harm() -> None:
    assert is_code(" 287 082 ")
    now = datetime.fromtimestamp(59, UTC)
    assert step_of(" 287 082 ", secret=SECRET, now=now, after=0) == 1


def test_secrets_are_long_and_never_the_same() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert {len(new_secret()) for _ in range(100)} == {32}  # 160 bits


def test_the_address_for_apps_says_whose_it_is() -> None:
    parts = urlsplit(app_uri(SECRET, account="ann+x@example.org", issuer="Go: Links"))

    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/Go  Links:ann+x@example.org"
    assert parse_qs(parts.query) == {"secret": [SECRET], "issuer": ["Go  Links"]}
