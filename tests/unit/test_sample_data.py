"""The generated input of `make demo` is the same every time, faults included."""

from datetime import UTC, datetime
from pathlib import Path

from benchmarks.sample_data import write_addresses, write_log
from models.rules.link_files import BadLine, read_links
from resolvers.click_import import LogReading, NoClick, NumberedPaths


def test_the_sample_log_has_every_kind_of_line_that_is_no_click(tmp_path: Path) -> None:
    write_log(tmp_path / "access.log")
    lines = (tmp_path / "access.log").read_bytes().splitlines()
    reading, paths = LogReading(), NumberedPaths()

    clicks = list(reading.clicks_of(lines, paths.number_of, now=datetime(2026, 1, 1, tzinfo=UTC)))

    assert (reading.lines, len(clicks)) == (3000, 2937)
    assert {why for why, _ in reading.refused} == {
        NoClick.NOT_A_LOG_LINE,
        NoClick.METHOD,
        NoClick.OWN_PATH,
    }


def test_the_sample_addresses_are_more_than_the_paths_of_the_log(tmp_path: Path) -> None:
    write_addresses(tmp_path / "urls.txt")
    lines = (tmp_path / "urls.txt").read_bytes().splitlines(keepends=True)

    read = list(read_links(lines))

    assert len(lines) == 240
    assert [line.number for line in read if isinstance(line, BadLine)] == [134]
    assert len(read) == 239  # one line is blank


def test_two_samples_are_the_same_to_the_byte(tmp_path: Path) -> None:
    for name in ("one.gz", "two.gz"):
        write_log(tmp_path / name)

    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
