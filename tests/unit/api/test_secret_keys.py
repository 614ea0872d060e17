"""Changes of the secret key file."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.data_folder import DataFolderError, read_secret_keys
from api.secret_keys import add_secret_key, promote_last_key


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret.key"
    path.write_text(f"{'01' * 32}\n{'02' * 32}\n")
    return path


def test_a_new_key_comes_first_and_the_others_stay(file: Path) -> None:
    file.chmod(0o644)

    assert add_secret_key(file) == 3

    fresh, *others = read_secret_keys(file)
    assert others == [b"\1" * 32, b"\2" * 32]
    assert len(fresh) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_key_can_come_last_and_be_promoted_later(file: Path) -> None:
    add_secret_key(file, is_last=True)
    first, second, fresh = read_secret_keys(file)
    assert (first, second) == (b"\1" * 32, b"\2" * 32)

    assert promote_last_key(file) == 3

    assert read_secret_keys(file) == (fresh, first, second)


def test_the_file_behind_a_link_is_changed(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere.key"
    link.symlink_to(file)

    add_secret_key(link)

    assert link.is_symlink()
    assert len(read_secret_keys(file)) == 3


def test_changes_at_the_same_time_are_all_kept(file: Path) -> None:
    def add(_: int) -> int:
        return add_secret_key(file)

    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(add, range(24)))

    assert sorted(counts) == list(range(3, 27))
    assert len(set(read_secret_keys(file))) == 26


def test_a_broken_file_is_left_as_it_is(file: Path) -> None:
    file.write_text("no key\n")

    with pytest.raises(DataFolderError):
        add_secret_key(file)

    assert file.read_text() == "no key\n"
    assert list(file.parent.iterdir()) == [file]
