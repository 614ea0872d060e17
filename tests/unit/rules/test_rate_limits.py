"""The sliding window: what it lets through, next to a list of all moments."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.rate_limits import (
    PARTS,
    RULES,
    SECOND_US,
    BackoffRule,
    Place,
    RateLimit,
    WindowRule,
    fits,
    spending_of,
    subject_of,
)

START_US = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()) * SECOND_US
RULE = WindowRule(most=7, window_s=80)  # parts of 10 s
tries = st.lists(
    st.tuples(st.integers(0, 40 * SECOND_US), st.integers(1, 3)), min_size=1, max_size=120
)


class _Counted:
    """The rule as the stores apply it, and the list of what it let through."""

    def __init__(self, rule: WindowRule) -> None:
        self.rule = rule
        self.counts: dict[int, int] = {}
        self.passed: list[tuple[int, int]] = []

    def spend(self, at_us: int, cost: int) -> bool:
        if not fits(self.rule, self.counts, cost=cost, at_us=at_us):
            return False
        part = self.rule.part_of(at_us)
        self.counts[part] = self.counts.get(part, 0) + cost
        self.passed.append((at_us, cost))
        return True

    def naive(self, at_us: int, *, window_us: int) -> int:
        return sum(cost for moment, cost in self.passed if at_us - window_us < moment <= at_us)


@given(tries)
def test_no_window_wherever_it_begins_sees_more_than_the_limit(
    given_tries: list[tuple[int, int]],
) -> None:
    counted, at_us = _Counted(RULE), START_US
    for wait_us, cost in given_tries:
        at_us += wait_us
        counted.spend(at_us, cost)

    window_us = RULE.window_s * SECOND_US
    # A window is fullest when it ends with a hit, or begins with one.
    for moment, _ in counted.passed:
        for end in (moment, moment + window_us - 1):
            assert counted.naive(end, window_us=window_us) <= RULE.most


@given(tries)
def test_a_refusal_would_be_right_for_a_window_that_is_an_eighth_longer(
    given_tries: list[tuple[int, int]],
) -> None:
    counted, at_us = _Counted(RULE), START_US
    longer_us = RULE.window_s * SECOND_US * (PARTS + 1) // PARTS
    for wait_us, cost in given_tries:
        at_us += wait_us
        if not counted.spend(at_us, cost):
            assert counted.naive(at_us, window_us=longer_us) + cost > RULE.most


@given(tries)
def test_who_waits_as_told_is_let_in_and_not_a_second_earlier(
    given_tries: list[tuple[int, int]],
) -> None:
    counted, at_us = _Counted(RULE), START_US
    for wait_us, cost in given_tries:
        at_us += wait_us
        is_allowed = counted.spend(at_us, cost)
        said = spending_of(RULE, counted.counts, is_allowed=is_allowed, cost=cost, at_us=at_us)
        later_us = at_us + said.retry_after_s * SECOND_US

        assert (said.retry_after_s == 0) == is_allowed
        assert is_allowed or fits(RULE, counted.counts, cost=cost, at_us=later_us)
        assert is_allowed or not fits(RULE, counted.counts, cost=cost, at_us=later_us - SECOND_US)
        assert said.remaining == max(0, RULE.most - sum(_in_window(counted, at_us)))


def _in_window(counted: _Counted, at_us: int) -> list[int]:
    oldest = RULE.part_of(at_us) - PARTS
    return [hits for part, hits in counted.counts.items() if part >= oldest]


def test_the_usual_estimate_would_let_nearly_twice_as_many_through() -> None:
    """Why the oldest part counts whole: all at the end of one window, then through the next."""
    window_us, most = RULE.window_s * SECOND_US, RULE.most
    edge_us = (START_US // window_us + 1) * window_us
    moments = [edge_us - 1] * most + [edge_us + n * window_us // 100 for n in range(99)]
    weighed: list[int] = []
    counted = _Counted(RULE)
    for at_us in moments:
        before = sum(moment < edge_us for moment in weighed)
        now = len(weighed) - before
        left = 1 - max(0, at_us - edge_us) / window_us
        if (before * left if at_us >= edge_us else before) + now + 1 <= most:
            weighed.append(at_us)
        counted.spend(at_us, 1)

    assert len(weighed) == 2 * most - 1
    assert len(counted.passed) == most


def test_hits_of_a_clock_that_goes_before_ours_count() -> None:
    ahead = RULE.part_of(START_US) + 1

    assert not fits(RULE, {ahead: RULE.most}, cost=1, at_us=START_US)


def test_more_at_once_than_the_limit_never_passes() -> None:
    said = spending_of(RULE, {}, is_allowed=False, cost=8, at_us=START_US)

    assert not fits(RULE, {}, cost=8, at_us=START_US)
    assert said.retry_after_s == RULE.window_s


def test_the_wait_doubles_from_the_fifth_failure_up_to_a_quarter_of_an_hour() -> None:
    rule = BackoffRule()

    waits = [rule.wait_s(failures) for failures in (1, 4, 5, 6, 7, 8, 12, 13, 1000)]

    assert waits == [0, 0, 4, 8, 16, 32, 512, 900, 900]


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address: str, counted_as: str) -> None:
    assert subject_of(RULES[RateLimit.SIGN_IN_ADDRESS], address) == counted_as


def test_a_subject_that_is_no_address_stays_as_it_is() -> None:
    assert subject_of(RULES[RateLimit.SIGN_IN_ACCOUNT], "2001:db8::1") == "2001:db8::1"


def test_every_limit_has_a_rule_and_all_of_signing_in_are_counted_in_the_store() -> None:
    shared = {
        limit
        for limit, rule in RULES.items()
        if isinstance(rule, WindowRule) and rule.place is Place.SHARED
    }

    assert set(RULES) == set(RateLimit)
    assert shared == {each for each in RateLimit if each.startswith(("file-fetch", "api-"))}


def test_what_a_process_may_keep_to_itself_is_a_fiftieth_of_an_eager_limit() -> None:
    slacks = {
        limit: rule.slack
        for limit, rule in RULES.items()
        if isinstance(rule, WindowRule) and rule.slack
    }

    assert slacks == {RateLimit.API_KEY: 12, RateLimit.API_PERSON: 24, RateLimit.API_ADDRESS: 6}
