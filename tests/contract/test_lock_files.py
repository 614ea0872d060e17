"""What is installed is locked: exact versions with hashes, and nothing of where it came from."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-ldap.txt")
PIN = re.compile(r"([a-z0-9.-]+)==([^\s;\\]+)(?: ; [^\\]+)?((?: --hash=sha256:[0-9a-f]{64})+)")
PROJECT: dict[str, Any] = tomllib.loads(Path("pyproject.toml").read_text())


def entries(lock: str) -> list[str]:
    """Return the entries of a lock file, each on one line."""
    joined = re.sub(r"\s*\\\n\s*", " ", Path(lock).read_text())
    return joined.splitlines()


def pins(lock: str) -> set[tuple[str, str]]:
    found = (PIN.fullmatch(line) for line in entries(lock))
    return {(pin[1], pin[2]) for pin in found if pin}


def named(requirements: list[Any]) -> set[str]:
    """Return the names of packages in a list of pyproject.toml."""
    words = (re.match(r"[A-Za-z0-9._-]+", each) for each in requirements if isinstance(each, str))
    return {word.group().lower() for word in words if word}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_an_exact_version_with_hashes(lock: str) -> None:
    """So there is no address of an index, no path, and no option for pip."""
    lines = entries(lock)

    assert len(lines) > 1
    assert [line for line in lines if not PIN.fullmatch(line)] == []


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements.txt", PROJECT["project"]["dependencies"]),
        ("requirements-dev.txt", PROJECT["dependency-groups"]["dev"]),
        ("requirements-ldap.txt", PROJECT["dependency-groups"]["ldap"]),
    ],
)
def test_what_is_asked_for_is_locked(lock: str, wanted: list[Any]) -> None:
    assert named(wanted) - {name for name, _ in pins(lock)} == set()


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-ldap.txt"])
def test_tests_run_on_the_versions_that_are_installed(lock: str) -> None:
    assert pins(lock) - pins("requirements-dev.txt") == set()


def test_a_plain_installation_has_no_client_of_directories() -> None:
    assert "ldap3" not in {name for name, _ in pins("requirements.txt")}


@pytest.mark.parametrize("file", ["Makefile", "deploy/Dockerfile", "docs/ACCESS-GUIDE.md"])
def test_every_command_that_installs_demands_hashes_and_no_compiler(file: str) -> None:
    text = re.sub(r"\s*\\\n\s*", " ", Path(file).read_text())
    commands = [line for line in text.splitlines() if re.search(r"\bpip(?:\S*) install\b", line)]

    assert commands
    assert [
        line
        for line in commands
        if not ("--only-binary :all:" in line and "--require-hashes" in line)
    ] == []
