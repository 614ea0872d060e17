"""When a letter is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from models.rules.mail_retries import GIVEN_UP_AFTER, next_attempt

POSTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 30), (2, 60), (3, 120), (6, 960), (7, 1920), (8, 3600), (9, 3600), (10_000, 3600)],
)
def test_each_wait_is_twice_the_one_before_up_to_an_hour(attempts: int, seconds: int) -> None:
    again = next_attempt(
        posted_at=POSTED, failed_at=POSTED, attempts=attempts, is_away=False, luck=0.5
    )

    assert again == POSTED + timedelta(seconds=seconds)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 30), (4, 240), (5, 300), (10_000, 300)])
def test_while_no_server_is_there_the_longest_wait_is_five_minutes(
    attempts: int, seconds: int
) -> None:
    again = next_attempt(
        posted_at=POSTED, failed_at=POSTED, attempts=attempts, is_away=True, luck=0.5
    )

    assert again == POSTED + timedelta(seconds=seconds)


@pytest.mark.parametrize(("luck", "seconds"), [(0.0, 45), (0.5, 60), (1.0, 75)])
def test_luck_moves_it_by_a_quarter(luck: float, seconds: int) -> None:
    again = next_attempt(posted_at=POSTED, failed_at=POSTED, attempts=2, is_away=False, luck=luck)

    assert again == POSTED + timedelta(seconds=seconds)


def test_the_last_try_is_24_hours_after_the_letter_was_posted() -> None:
    late = POSTED + GIVEN_UP_AFTER - timedelta(seconds=10)

    assert next_attempt(posted_at=POSTED, failed_at=late, attempts=30, is_away=False, luck=0.5) == (
        POSTED + GIVEN_UP_AFTER
    )
    last = POSTED + GIVEN_UP_AFTER
    assert (
        next_attempt(posted_at=POSTED, failed_at=last, attempts=31, is_away=False, luck=0.5) is None
    )


def test_a_day_has_some_thirty_tries() -> None:
    at, attempts = POSTED, 1
    while again := next_attempt(
        posted_at=POSTED, failed_at=at, attempts=attempts, is_away=False, luck=0.5
    ):
        at, attempts = again, attempts + 1

    assert (attempts, at) == (31, POSTED + GIVEN_UP_AFTER)
