"""How figures of `make bench` are judged and written down."""

from benchmarks.bench import page
from benchmarks.report import at_least, at_most, ratio, stated, table


def test_a_figure_is_met_from_its_floor_on_and_up_to_its_ceiling() -> None:
    judged = [at_least("rate", value, 3.0).is_met for value in (2.99, 3.0, 3.01)] + [
        at_most("memory", value, 120, unit=" MiB").is_met for value in (119.9, 120.0, 120.1)
    ]

    assert judged == [False, True, True, True, True, False]
    assert stated("build", "5.3 s").is_met is None


def test_ratios_are_taken_round_by_round_so_that_a_slow_minute_cancels_out() -> None:
    assert ratio([300.0, 30.0, 330.0], [100.0, 10.0, 110.0]) == 3.0


def test_a_table_says_what_was_missed_and_numbers_the_notes() -> None:
    written = table(
        [
            at_least("rate", 2.5, 3.0, note="The kernel takes the rest."),
            at_most("memory", 1_234.0, 2_000, unit=" MiB"),
            stated("build", "5.3 s", note="From SQLite."),
        ]
    )

    assert written.splitlines() == [
        "| measure | asked | reached | |",
        "|---|---|---|---|",
        "| rate | at least 3 | 2.5 (1) | **missed** |",
        "| memory | at most 2,000 MiB | 1,234 MiB | met |",
        "| build | stated | 5.3 s (2) | stated |",
        "",
        "1. The kernel takes the rest.",
        "2. From SQLite.",
    ]


def test_the_page_begins_with_what_was_missed() -> None:
    figures = {"Redirect": [at_least("rate", 2.5, 3.0), at_least("share", 0.9, 0.5)]}

    written = page(figures, rounds=5, minutes=8.4, busy=[3.0, 12.0])

    assert "1 of 2 figures were missed: rate." in written
    assert "The run took 8 minutes." in written
    assert "3 to 12 % of the machine busy" in written


def test_a_figure_that_nearly_reaches_its_bar_is_told_from_it() -> None:
    told = [at_least("rate", value, 0.9).reached for value in (0.8, 0.897, 0.8996, 0.9, 0.9004)]

    assert told == ["0.8", "0.897", "0.8996", "0.9", "0.9004"]
    assert at_most("wait", 119.8, 120).reached == "119.8"
    assert at_least("rate", 31_607.9, 20_000).reached == "31,608"
