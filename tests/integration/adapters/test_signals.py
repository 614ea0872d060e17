"""Wake-ups and live clicks arrive, and their absence costs nothing but time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.adapters.click_watchers import ClickWatchers, encode_events
from api.adapters.redis_signals import RedisSignals
from api.adapters.socket_signals import (
    SocketClickFeed,
    SocketFolder,
    SocketInbox,
    SocketLinkSignal,
)
from resolvers.ports import ClickEvent
from tests.servers import stoppable_redis

LIMIT_S = 10.0


def event(click_id: int) -> ClickEvent:
    return ClickEvent(
        click_id=click_id,
        link_id=2,
        at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        click_class=0,
        reason="SEEMS_HUMAN",
        referrer_host="пример.рф",
        browser="Firefox",
        os="Linux",
        device="Other",
        address=None,
    )


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[SocketFolder]:
    deep = tmp_path / ("d" * 120)  # deeper than an address of a Unix socket can be
    deep.mkdir()
    opened = SocketFolder(deep)
    yield opened
    opened.close()


async def next_of(watcher: AsyncIterator[ClickEvent]) -> ClickEvent:
    async with asyncio.timeout(LIMIT_S):
        return await anext(watcher)


class Listener:
    """What is called for wake-ups of one kind, and how often it was."""

    def __init__(self) -> None:
        self.calls = 0
        self.woken = asyncio.Event()

    def __call__(self) -> None:
        """Note a wake-up."""
        self.calls += 1
        self.woken.set()


async def arrives(happened: asyncio.Event) -> None:
    async with asyncio.timeout(LIMIT_S):
        await happened.wait()
    happened.clear()


async def test_a_wake_up_reaches_the_worker_of_the_machine(folder: SocketFolder) -> None:
    links = Listener()
    inbox = SocketInbox(folder, links_changed=links)

    await SocketLinkSignal(folder).links_changed()

    await arrives(links.woken)
    assert links.calls == 1
    inbox.close()


async def test_each_kind_of_wake_up_has_its_own_listener(folder: SocketFolder) -> None:
    links, mails = asyncio.Event(), asyncio.Event()
    inbox = SocketInbox(folder, links_changed=links.set, mail_posted=mails.set)

    await SocketLinkSignal(folder).mail_posted()

    await arrives(mails)
    assert not links.is_set()
    inbox.close()


async def test_a_worker_that_sends_no_letters_is_not_woken_for_them(folder: SocketFolder) -> None:
    links = Listener()
    inbox = SocketInbox(folder, links_changed=links)

    await SocketLinkSignal(folder).mail_posted()
    await SocketLinkSignal(folder).links_changed()

    await arrives(links.woken)
    assert links.calls == 1
    inbox.close()


async def test_a_wake_up_without_a_worker_is_forgotten(folder: SocketFolder) -> None:
    await SocketLinkSignal(folder).links_changed()

    assert list(folder.path.iterdir()) == []


async def test_a_new_worker_takes_the_place_of_a_dead_one(folder: SocketFolder) -> None:
    folder.bind("worker.sock").close()  # died: the file stays
    links = Listener()
    inbox = SocketInbox(folder, links_changed=links)

    await SocketLinkSignal(folder).links_changed()

    await arrives(links.woken)
    assert links.calls == 1
    inbox.close()


async def test_every_watcher_of_every_process_gets_every_click(folder: SocketFolder) -> None:
    worker, one, other = (SocketClickFeed(folder) for _ in range(3))
    watchers = [one.watch(), one.watch(), other.watch()]
    events = [event(number) for number in range(200)]  # what one batch publishes

    await worker.publish(events)

    for watcher in watchers:
        assert [await next_of(watcher) for _ in events] == events
    one.close()
    other.close()


async def test_a_process_nobody_watches_any_more_gives_its_socket_back(
    folder: SocketFolder,
) -> None:
    worker, feed = SocketClickFeed(folder), SocketClickFeed(folder)
    feed.watch()  # and gone
    assert len(list(folder.path.iterdir())) == 1

    await worker.publish([event(1)])
    async with asyncio.timeout(LIMIT_S):
        while list(folder.path.iterdir()):  # noqa: ASYNC110 - the kernel sets no event
            await asyncio.sleep(0)


async def test_the_socket_of_a_killed_process_is_removed(folder: SocketFolder) -> None:
    folder.bind("feed-dead.sock").close()

    await SocketClickFeed(folder).publish([event(1)])

    assert list(folder.path.iterdir()) == []


async def test_a_slow_watcher_loses_the_oldest_clicks(folder: SocketFolder) -> None:
    worker, feed = SocketClickFeed(folder), SocketClickFeed(folder)
    watcher, fast = feed.watch(), feed.watch()
    for start in range(0, 1500, 100):
        await worker.publish([event(start + number) for number in range(100)])
        for _ in range(100):
            await next_of(fast)

    assert (await next_of(watcher)).click_id == 500
    feed.close()


@pytest.mark.parametrize(
    "message", [b"", b"\xff", b"null", b"7", b'["text"]', b"[[]]", b"[7]", b"[{}]", b'{"a": 1}']
)
async def test_what_is_no_message_is_dropped_and_the_next_one_arrives(message: bytes) -> None:
    watchers = ClickWatchers()
    watcher = watchers.add()

    watchers.offer(message)
    for part in encode_events([event(1)]):
        watchers.offer(part)

    assert await next_of(watcher) == event(1)


def test_messages_stay_below_the_size_of_a_datagram() -> None:
    parts = list(encode_events([event(number) for number in range(1000)]))

    assert max(map(len, parts)) <= 33_000
    assert len(parts) > 1


async def test_redis_carries_wake_ups_and_clicks_and_its_loss_only_delays_them() -> None:
    with stoppable_redis() as server:
        woken = asyncio.Event()
        here, there = RedisSignals(server.url), RedisSignals(server.url, links_changed=woken.set)
        here.open()
        there.open()
        await arrives(woken)  # what was missed before the subscription
        watcher = there.watch()

        await here.links_changed()
        await arrives(woken)
        assert await first_after(here, watcher) == event(1)

        server.stop()
        await here.links_changed()  # neither raises nor waits
        await here.publish([event(2)])
        server.start()
        await arrives(woken)  # at the latest when the subscription is there again
        await here.links_changed()
        await arrives(woken)
        # The click of the time between is lost, or came when the connection was made anew.
        assert await first_after(here, watcher) in (event(1), event(2))

        await here.close()
        await there.close()


async def test_redis_carries_the_wake_ups_of_letters_by_themselves() -> None:
    with stoppable_redis() as server:
        links, mails = asyncio.Event(), asyncio.Event()
        here = RedisSignals(server.url)
        there = RedisSignals(server.url, links_changed=links.set, mail_posted=mails.set)
        here.open()
        there.open()
        await arrives(links)  # what was missed before the subscription
        await arrives(mails)

        await here.mail_posted()

        await arrives(mails)
        assert not links.is_set()
        await here.close()
        await there.close()


async def first_after(sender: RedisSignals, watcher: AsyncIterator[ClickEvent]) -> ClickEvent:
    """Publish until the subscription, which is made in the background, is there."""
    waiting = asyncio.ensure_future(next_of(watcher))
    while not waiting.done():
        await sender.publish([event(1)])
        await asyncio.wait([waiting], timeout=0.05)
    return waiting.result()
