"""Small files are whole, their owner's alone, and never half replaced."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.durable_files import make_file, replace_file


def test_of_many_that_make_a_file_one_does(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: make_file(path, b"%d" % n), range(8)))

    assert made.count(True) == 1
    assert path.read_bytes() == b"%d" % made.index(True)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_its_owners_alone_whatever_it_replaces(tmp_path: Path) -> None:
    path = tmp_path / "head"
    path.write_bytes(b"old")
    path.chmod(0o644)

    replace_file(path, b"new")

    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "head").mkdir()

    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path / "head", b"new")

    assert [each.name for each in tmp_path.iterdir()] == ["head"]
    assert list((tmp_path / "head").iterdir()) == []
