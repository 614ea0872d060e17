"""What the settings of files mean."""

from pathlib import Path
from typing import Any

import pytest

from api.file_ports import blob_store, file_policy, virus_scanner
from api.settings import Settings
from resolvers.file_ports import FilePolicy


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"LINKYARD_{name.upper()}", raising=False)


def settings(**values: Any) -> Settings:  # noqa: ANN401 - of any setting
    return Settings(**values)


def test_without_any_files_lie_in_the_data_folder_and_nobody_scans_them() -> None:
    found = settings(data_dir=Path("/srv/data"))

    assert blob_store(found).folder == Path("/srv/data/files")
    assert file_policy(found) == FilePolicy()
    assert virus_scanner(found) is None


def test_with_a_scanner_files_wait_for_it_unless_the_operator_says_otherwise() -> None:
    found = settings(clamd_url="tcp://clamd.test:3310")

    assert virus_scanner(found) is not None
    policy = file_policy(found)
    assert (policy.is_scanned, policy.serves_unscanned) == (True, False)
    assert file_policy(settings(clamd_url="tcp://a", file_unscanned=True)).serves_unscanned
    assert not file_policy(settings(file_unscanned=False)).serves_unscanned


def test_numbers_and_folders_are_taken_as_they_are() -> None:
    found = settings(
        files_dir=Path("/srv/files"), file_max_bytes=7, file_quota_bytes=0, file_programs=True
    )

    assert blob_store(found).folder == Path("/srv/files")
    policy = file_policy(found)
    assert (policy.max_bytes, policy.quota_bytes, policy.takes_programs) == (7, 0, True)


@pytest.mark.parametrize(
    "url", ["tcp://clamd", "tcp://127.0.0.1:3310", "tcp://[::1]:3310", "unix:///run/clamd.ctl", ""]
)
def test_a_scanner_is_reached_by_tcp_or_a_socket(url: str) -> None:
    assert settings(clamd_url=url).clamd_url == url


@pytest.mark.parametrize(
    "url",
    [
        "clamd",
        "http://clamd:3310",
        "tcp://",
        "tcp:///x",
        "unix://",
        "unix://run/clamd",
        "tcp://a:b",
    ],
)
def test_any_other_address_of_a_scanner_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="clamd_url"):
        settings(clamd_url=url)
