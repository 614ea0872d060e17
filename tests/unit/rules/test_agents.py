"""Recall of the classes on a labelled set: labels say what an agent is, not what the code says."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.click_classes import CLASS_OF, ClickClass, Reason
from models.rules.click_facts import read_click
from models.rules.click_record import RawClick
from models.rules.user_agents import read_agent

_SET = Path(__file__).parents[2] / "data" / "agents.tsv"
_FIREFOX = b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_FIELDS: dict[str, str] = {"Sec-Purpose": "sec_purpose", "Purpose": "purpose", "X-Moz": "x_moz"}


# Measured: 100 % each, but on the very set that the patterns were tuned on. The first run,
# before any tuning, gave human 98.6, preview 92.3, prefetch 100, scanner 88.7, monitor 100
# and bot 98.5 %: that is nearer to what agents outside this set can expect.
# A later list of crawlers may cost a label or two, not more.
_FLOOR = dict.fromkeys(ClickClass, 0.97) | {ClickClass.HUMAN: 0.99}


class Labelled(NamedTuple):
    """A click and what it truly is."""

    label: ClickClass
    click: RawClick


def classify(click: RawClick) -> tuple[ClickClass, Reason]:
    facts = read_click(click)
    return ClickClass(facts.click_class), Reason(facts.reason)


def labelled() -> list[Labelled]:
    made: list[Labelled] = []
    for line in _SET.read_text(encoding="utf-8").splitlines()[1:]:
        label, said, agent = line.split("\t")
        click = RawClick(link_id=1, at_us=0, user_agent=agent.encode(), is_head=said == "HEAD")
        name, separator, value = said.partition(": ")
        if separator:
            said_so: dict[str, Any] = {_FIELDS[name]: value.encode()}
            click = click._replace(**said_so)
        made.append(Labelled(ClickClass[label.upper()], click))
    return made


def test_recall_of_every_class(capsys: pytest.CaptureFixture[str]) -> None:
    found: defaultdict[ClickClass, Counter[ClickClass]] = defaultdict(Counter)
    missed: list[str] = []
    for label, click in labelled():
        told, reason = classify(click)
        found[label][told] += 1
        if told != label:
            missed.append(f"{label.name} taken for {told.name} ({reason}): {click.user_agent!r}")
    with capsys.disabled():
        print()
        for label in ClickClass:
            total = found[label].total()
            recall = found[label][label] / total
            print(f"{label.name.lower():9} {found[label][label]:4} of {total:4}  {recall:.1%}")
        print("\n".join(missed))
    assert sum(counts.total() for counts in found.values()) >= 500
    assert set(found) == set(ClickClass)
    below = [kind for kind in ClickClass if found[kind][kind] < _FLOOR[kind] * found[kind].total()]
    assert below == []


def test_every_reason_has_its_class() -> None:
    assert set(CLASS_OF) == set(Reason)
    assert set(CLASS_OF.values()) == set(ClickClass)


def test_yandex_browsers_are_people() -> None:
    agents = [click for _, click in labelled() if b"YaBrowser" in click.user_agent]
    plain = [click for click in agents if click == click._replace(is_head=False, purpose=b"")]
    told = {classify(click._replace(sec_purpose=b"", purpose=b"")) for click in plain}
    assert len(plain) >= 15
    assert told == {(ClickClass.HUMAN, Reason.BROWSER)}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"is_head": True, "sec_purpose": b"prefetch"}, Reason.HEAD_REQUEST),
        ({"sec_purpose": b"Prefetch;Prerender"}, Reason.SEC_PURPOSE_PREFETCH),
        ({"purpose": b"prefetch"}, Reason.PURPOSE_PREFETCH),
        ({"purpose": b"preview"}, Reason.PURPOSE_PREVIEW),
        ({"x_moz": b"prefetch"}, Reason.X_MOZ_PREFETCH),
        ({"sec_purpose": b"", "purpose": b"anything"}, Reason.BROWSER),
    ],
)
def test_what_the_request_says_comes_before_who_sent_it(
    said: dict[str, Any], expected: Reason
) -> None:
    click = RawClick(link_id=1, at_us=0, user_agent=_FIREFOX, **said)
    assert classify(click) == (CLASS_OF[expected], expected)


@given(st.binary(max_size=200))
def test_any_bytes_are_some_agent(user_agent: bytes) -> None:
    click_class, reason = classify(RawClick(link_id=1, at_us=0, user_agent=user_agent))
    assert CLASS_OF[reason] is click_class


@pytest.mark.parametrize(
    ("user_agent", "browser", "os", "device"),
    [
        (_FIREFOX, "Firefox", "Linux", "DESKTOP"),
        (
            (
                b"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
                b" Chrome/131.0.0.0 Mobile Safari/537.36"
            ),
            "Chrome Mobile",
            "Android",
            "MOBILE",
        ),
        (
            (
                b"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
                b" (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
            ),
            "Mobile Safari",
            "iOS",
            "TABLET",
        ),
        (
            (
                b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
                b" Chrome/130.0.0.0 YaBrowser/24.12.0.0 Safari/537.36"
            ),
            "Yandex Browser",
            "Windows",
            "DESKTOP",
        ),
        (
            (
                b"Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko)"
                b" 76.0.3809.146/6.0 TV Safari/537.36"
            ),
            "Safari",
            "Tizen",
            "OTHER",
        ),
        (b"curl/8.5.0", "curl", "Other", "BOT"),
        (b"", "Other", "Other", "BOT"),
    ],
)
def test_families(user_agent: bytes, browser: str, os: str, device: str) -> None:
    agent = read_agent(user_agent)
    assert (agent.browser, agent.os, agent.device) == (browser, os, device)
