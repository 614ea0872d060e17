"""When a session is over."""

from datetime import UTC, datetime, timedelta

from models.rules.session_ends import SessionSpan, is_due, is_fresh

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_unused_it_ends_early_and_used_at_its_end() -> None:
    span = SessionSpan(idle=timedelta(hours=1), life=timedelta(days=1))

    assert span.end_of(last_seen_at=NOW, expires_at=NOW + 5 * MINUTE) == NOW + 5 * MINUTE
    assert span.end_of(last_seen_at=NOW, expires_at=NOW + span.life) == NOW + span.idle


def test_a_use_is_written_once_a_minute_and_after_the_clock_was_set_back() -> None:
    assert is_due(last_seen_at=None, now=NOW)
    assert not is_due(last_seen_at=NOW, now=NOW)
    assert not is_due(last_seen_at=NOW, now=NOW + MINUTE - timedelta(microseconds=1))
    assert is_due(last_seen_at=NOW, now=NOW + MINUTE)
    assert is_due(last_seen_at=NOW, now=NOW - MINUTE)


def test_a_proof_is_fresh_for_ten_minutes() -> None:
    assert is_fresh(NOW, now=NOW + 10 * MINUTE - timedelta(microseconds=1))
    assert not is_fresh(NOW, now=NOW + 10 * MINUTE)
    assert not is_fresh(None, now=NOW)
