"""The clocks of slow clients, with a clock that the test moves."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from api.connection_limits import ConnectionLimits
from api.slow_clients import Phase, SlowClients


@dataclass
class Loop:
    """The part of an event loop that is used: a clock and one timer."""

    now: float = 0.0
    timers: list[Callable[[], None]] = field(default_factory=list)

    def time(self) -> float:
        """Return the present second."""
        return self.now

    def call_later(self, _delay_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Keep the timer until it fires."""
        self.timers.append(callback)
        return cast("asyncio.TimerHandle", self)

    def cancel(self) -> None:
        """Be the handle of the timer, too."""
        self.timers.clear()

    def pass_s(self, seconds: int) -> None:
        """Let time pass, second by second; a timer fires after each."""
        for _ in range(seconds):
            self.now += 1.0
            due, self.timers = self.timers, []
            for callback in due:
                callback()


@dataclass(eq=False)
class Client:
    """A connection that notes how it ended."""

    is_held_up: bool = False
    is_answering: bool = False
    ends: list[str] = field(default_factory=list)

    def time_out(self, *, is_told: bool) -> None:
        """See Watched."""
        self.ends.append("told" if is_told else "untold")

    def cut(self) -> None:
        """See Watched."""
        self.ends.append("cut")


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def counted() -> list[str]:
    return []


@pytest.fixture
def slow(loop: Loop, counted: list[str]) -> SlowClients:
    return SlowClients(ConnectionLimits(), cast("Any", loop), count=counted.append)


def test_a_head_has_ten_seconds_whatever_comes(
    slow: SlowClients, loop: Loop, counted: list[str]
) -> None:
    client = Client()
    for _ in range(9):
        slow.came(client, Phase.HEAD, number=1, size_bytes=1000)
        loop.pass_s(1)
    assert client.ends == []

    loop.pass_s(1)

    assert (client.ends, counted, len(slow), loop.timers) == (["told"], ["head"], 0, [])


def test_the_next_head_has_ten_seconds_of_its_own(slow: SlowClients, loop: Loop) -> None:
    client = Client()
    for number in range(5):
        slow.came(client, Phase.HEAD, number=number, size_bytes=1)
        loop.pass_s(9)

    assert client.ends == []


@pytest.mark.parametrize(("per_second", "lives_s"), [(0, 10), (512, 20), (1023, 119), (1024, 119)])
def test_a_body_lives_as_long_as_it_is_fast_enough(
    slow: SlowClients, loop: Loop, per_second: int, lives_s: int
) -> None:
    client = Client()
    slow.came(client, Phase.BODY, number=1, size_bytes=0)
    lived_s = 0
    while not client.ends:
        slow.came(client, Phase.BODY, number=1, size_bytes=per_second)
        loop.pass_s(1)
        lived_s += 1

    assert client.ends == ["untold"]
    assert lived_s == lives_s + 1


def test_a_body_that_was_given_more_time_has_it_once(slow: SlowClients, loop: Loop) -> None:
    client = Client()
    slow.let_body_take(client, 60.0)
    slow.came(client, Phase.BODY, number=1, size_bytes=0)
    for _ in range(179):
        slow.came(client, Phase.BODY, number=1, size_bytes=1024)
        loop.pass_s(1)
    assert client.ends == []
    slow.ended(client)

    slow.let_body_take(client, 0.0)
    slow.came(client, Phase.BODY, number=2, size_bytes=0)
    lived_s = 0
    while not client.ends:
        slow.came(client, Phase.BODY, number=2, size_bytes=1024)
        loop.pass_s(1)
        lived_s += 1

    assert lived_s == 120


def test_more_time_is_no_licence_to_stand_still(slow: SlowClients, loop: Loop) -> None:
    client = Client()
    slow.let_body_take(client, 3600.0)
    slow.came(client, Phase.BODY, number=1, size_bytes=0)
    loop.pass_s(11)
    assert client.ends == ["untold"]
    slow.gone(client)

    assert slow._patience_s == {}


def test_a_client_is_not_blamed_for_what_we_do_not_take(slow: SlowClients, loop: Loop) -> None:
    client = Client(is_held_up=True)
    slow.came(client, Phase.BODY, number=1, size_bytes=1)
    loop.pass_s(1000)
    assert client.ends == []

    client.is_held_up = False
    loop.pass_s(9)
    assert client.ends == []
    loop.pass_s(2)

    assert client.ends == ["untold"]


def test_a_connection_that_was_lost_from_sight_may_be_answered_but_not_idle(
    slow: SlowClients, loop: Loop, counted: list[str]
) -> None:
    client = Client(is_answering=True)
    slow.came(client, Phase.LOST, number=0, size_bytes=1)
    loop.pass_s(1000)
    assert client.ends == []

    client.is_answering = False
    loop.pass_s(10)

    assert (client.ends, counted) == (["untold"], ["lost"])


def test_who_reads_nothing_for_a_minute_is_cut_off(
    slow: SlowClients, loop: Loop, counted: list[str]
) -> None:
    reader, sleeper = Client(), Client()
    slow.stuck(reader)
    slow.stuck(sleeper)
    loop.pass_s(59)
    slow.reads(reader)
    loop.pass_s(1)

    assert (reader.ends, sleeper.ends, counted) == ([], ["cut"], ["write"])


def test_no_timer_runs_while_nothing_is_watched(slow: SlowClients, loop: Loop) -> None:
    client = Client()
    assert loop.timers == []
    slow.came(client, Phase.HEAD, number=1, size_bytes=1)
    slow.came(client, Phase.HEAD, number=1, size_bytes=1)
    assert len(loop.timers) == 1

    slow.ended(client)
    loop.pass_s(1)

    assert loop.timers == []
    slow.stuck(client)
    slow.close()
    assert (len(slow), loop.timers) == (0, [])
