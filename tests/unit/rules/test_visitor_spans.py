"""Which hours belong to which bucket, against a walk over every hour."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from models.rules.visitor_spans import VisitorSpan, hour_edges, visitor_spans

EDGES = st.lists(st.integers(0, 400), min_size=2, max_size=12).map(sorted)


@given(EDGES)
def test_every_hour_belongs_to_the_bucket_in_which_it_ends(quarters: list[int]) -> None:
    edges = hour_edges(quarters)
    taken = [hour for first, stop in pairwise(edges) for hour in range(first, stop)]

    assert taken == list(range(quarters[0] // 4, -(-quarters[-1] // 4)))
    for (first, stop), (start, end) in list(zip(pairwise(edges), pairwise(quarters), strict=True))[
        :-1
    ]:
        assert all(start < 4 * hour + 4 <= end for hour in range(first, stop))


@given(EDGES)
def test_spans_cover_the_buckets_once_and_cross_no_edge(edges: list[int]) -> None:
    spans = visitor_spans(edges)
    covered = [hour for span in spans for hour in range(span.first, span.stop)]

    assert covered == list(range(edges[0], edges[-1]))
    for span in spans:
        if span.hours == 24:
            assert span.first % 24 == span.stop % 24 == 0
            assert all(edge % 24 == 0 for edge in edges if span.first < edge < span.stop)


def test_whole_days_are_taken_whole() -> None:
    assert visitor_spans([3, 24 * 9 + 1]) == [
        VisitorSpan(1, 3, 24),
        VisitorSpan(24, 24, 24 * 9),
        VisitorSpan(1, 24 * 9, 24 * 9 + 1),
    ]
