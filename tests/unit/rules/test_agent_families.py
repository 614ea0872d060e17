"""Families that strangers cannot invent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.agent_families import OTHER, known_families, known_family
from models.rules.user_agents import read_agent

_WORDS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", min_size=1)


@given(word=_WORDS, form=st.sampled_from(["{}bot/1.0", "{} Spider 2.1", "{}/1.0 CFNetwork/1"]))
def test_an_invented_agent_makes_no_family_of_its_own(word: str, form: str) -> None:
    agent = read_agent(form.format(word).encode())

    assert agent.browser in known_families()
    assert agent.os in known_families()


@pytest.mark.parametrize(
    ("user_agent", "browser"),
    [
        (b"Zqxwbot/1.0", OTHER),
        (b"Zqxw/1.0 CFNetwork/1.0 Darwin/23", OTHER),
        (b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"),
        (b"Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "YandexBot"),
        (b"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "AhrefsBot"),
        (b"WhatsApp/2.23.20.0", "WhatsApp"),
        (b"curl/8.5.0", "curl"),
    ],
)
def test_known_programs_keep_their_names(user_agent: bytes, browser: str) -> None:
    assert read_agent(user_agent).browser == browser


@pytest.mark.parametrize(
    "family",
    [
        *("Chrome", "Chrome Mobile", "Firefox", "Safari", "Yandex Browser", "Edge", "Opera", "IE"),
        *("Windows", "Mac OS X", "Linux", "Android", "iOS", "Ubuntu", "Chrome OS", OTHER),
    ],
)
def test_usual_families_are_known(family: str) -> None:
    assert known_family(family) == family


def test_the_list_has_an_end() -> None:
    assert 1000 < len(known_families()) < 4000
    assert max(map(len, known_families())) < 64
