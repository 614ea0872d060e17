"""The statistics behind the figures of signing in."""

import pytest

from benchmarks.sign_in import same_distribution


def test_samples_of_one_distribution_may_be_alike() -> None:
    assert same_distribution(range(100), range(100)) == 1.0


def test_samples_apart_are_of_two_distributions() -> None:
    assert same_distribution(range(100), range(200, 300)) < 1e-40


def test_a_gap_of_a_fifth_between_two_hundreds_has_the_chance_of_the_tables() -> None:
    shifted = [x + 20 for x in range(100)]

    assert same_distribution(range(100), shifted) == pytest.approx(0.0366311, abs=1e-6)
