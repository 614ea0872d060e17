"""Where links may lead: a table of hostile addresses, and properties of good ones."""

import json
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import (
    DomainError,
    TargetLoopError,
    TargetNotAllowedError,
    TargetTooLongError,
)
from models.rules.targets import MAX_TARGET_LENGTH, check_target

DATA = Path(__file__).parents[2] / "data"
OWN = frozenset(
    {
        "go.example.org",
        "localhost:8080",
        "xn--e1afmkfd.xn--p1ai",
        "192.0.2.7:9090",
        "[2001:db8::7]:9090",
    }
)


def _lines(name: str) -> list[list[str]]:
    lines = (DATA / name).read_text().splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


HOSTILE = [(reason, json.loads(text)) for reason, text in _lines("hostile_targets.tsv")]
GOOD = [(json.loads(text), stored) for text, stored in _lines("good_targets.tsv")]


@pytest.mark.parametrize(("reason", "url"), HOSTILE)
def test_a_hostile_target_is_refused_for_its_reason(reason: str, url: str) -> None:
    with pytest.raises(DomainError) as refused:
        check_target(url, own_hosts=OWN)

    told = {"URL_LOOP": "loop", "TOO_LONG": "too_long"}
    assert told.get(refused.value.code, refused.value.reason) == reason
    assert refused.value.path == ("url",)


@pytest.mark.parametrize(("url", "stored"), GOOD)
def test_a_good_target_is_stored_as_browsers_write_it(url: str, stored: str) -> None:
    assert check_target(url, own_hosts=OWN) == stored


@given(st.text(max_size=60).map(lambda text: f"https://example.org/{text}") | st.text(max_size=80))
def test_what_is_stored_is_a_plain_line_that_means_the_same_again(url: str) -> None:
    try:
        stored = check_target(url, own_hosts=OWN)
    except (TargetNotAllowedError, TargetLoopError, TargetTooLongError):
        return

    assert stored.isascii()
    assert stored.isprintable()
    assert stored.startswith(("http://", "https://"))
    assert len(stored) <= MAX_TARGET_LENGTH
    assert check_target(stored, own_hosts=OWN) == stored


@given(
    st.sampled_from(sorted(OWN)),
    st.lists(st.booleans(), min_size=40, max_size=40),
    st.sampled_from(["", ".", "%2e"]),
)
def test_an_own_host_is_found_in_any_spelling(host: str, flips: list[bool], dot: str) -> None:
    name, colon, port = host.rpartition(":") if ":" in host else (host, "", "")
    if name.startswith("["):
        dot = ""
    spelt = "".join(
        f"%{ord(c):02X}" if flip and not name.startswith("[") else (c.upper() if flip else c)
        for c, flip in zip(name, flips, strict=False)
    )

    with pytest.raises(DomainError) as refused:
        check_target(f"http://{spelt}{dot}{colon}{port}/x", own_hosts=OWN)

    assert refused.value.code == "URL_LOOP"


@given(st.ip_addresses(v=4), st.integers(1, 65535))
def test_every_spelling_of_an_address_is_the_same_address(address: IPv4Address, port: int) -> None:
    number = int(address)
    own = frozenset({f"{address}:{port}" if port not in {80, 443} else str(address)})

    for spelt in (str(number), hex(number), f"0{number:o}", f"[::ffff:{address}]"):
        with pytest.raises(DomainError) as refused:
            check_target(f"http://{spelt}:{port}/", own_hosts=own)
        assert refused.value.code == "URL_LOOP"


def test_an_endless_target_is_refused_without_being_parsed() -> None:
    with pytest.raises(DomainError) as refused:
        check_target("http://example.org/" + "a" * 1_000_000)

    assert refused.value.code == "TOO_LONG"
