"""What our mail server found about a sender, and who else may say so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.mail_fields import MailFields
from models.rules.sender_checks import SenderCheck, read_sender_check


def check(*values: bytes, servers: tuple[str, ...] = ("mx.desk.test",)) -> SenderCheck:
    fields = MailFields(tuple(("authentication-results", value) for value in values))
    return read_sender_check(fields, servers=servers)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"mx.desk.test; spf=pass; dkim=pass; dmarc=pass (p=REJECT) header.from=b", "PASSED"),
        (b"MX.desk.test 1; dmarc=FAIL (p=none; dis=none) header.from=b.test", "FAILED"),
        (b"mx.desk.test; dmarc = fail", "FAILED"),
        (b"mx.desk.test; dmarc=none", "UNKNOWN"),
        (b"mx.desk.test; dmarc=temperror", "UNKNOWN"),
        (b"mx.desk.test; spf=fail; dkim=none", "UNKNOWN"),
        (b"mx.desk.test; none", "UNKNOWN"),
        (b"mx.desk.test (dmarc=pass); x-dmarc=pass", "UNKNOWN"),
        (b"mx.other.test; dmarc=pass", "UNKNOWN"),
        (b"", "UNKNOWN"),
    ],
)
def test_only_a_result_of_our_own_server_counts(value: bytes, expected: str) -> None:
    assert check(value).value == expected


def test_the_header_that_was_added_last_decides() -> None:
    assert check(b"mx.desk.test; dmarc=fail", b"mx.desk.test; dmarc=pass") is SenderCheck.FAILED
    assert check(b"mx.other.test; dmarc=pass", b"mx.desk.test; dmarc=fail") is SenderCheck.FAILED


def test_without_servers_nothing_is_believed() -> None:
    assert check(b"mx.desk.test; dmarc=fail", servers=()) is SenderCheck.UNKNOWN


@given(st.binary(max_size=80))
def test_any_bytes_say_something_or_nothing(value: bytes) -> None:
    assert check(value, b"mx.desk.test;" + value) in SenderCheck
