"""GET and HEAD of a slug, on the fast path and on the ordinary route: the same answers."""

import asyncio
import errno
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from models.rules.click_record import RawClick
from models.rules.replica_format import Entry, EntryKind
from tests.redirect_service import LINKS, NOW_US, Service, build_replica, read_reply, serving

FOUND = (
    b"HTTP/1.1 302 Found\r\n"
    b"Location: https://example.org/a?x=%D1%8B#y\r\n"
    b"Cache-Control: private, no-store\r\n"
    b"X-Robots-Tag: noindex\r\n"
    b"Content-Length: 0\r\n"
    b"Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n"
    b"Server: Linkyard\r\n"
)


@pytest.fixture(params=[True, False], ids=["fast", "ordinary"])
async def service(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    async with serving(tmp_path, is_fast=request.param) as service:
        yield service


def status_of(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


def target_of(reply: bytes) -> bytes:
    return reply.partition(b"\r\nLocation: ")[2].partition(b"\r\n")[0]


async def test_a_link_redirects_to_its_stored_bytes_and_the_click_is_on_disk(
    service: Service,
) -> None:
    (reply,) = await service.ask(b"GET /a")

    assert reply == FOUND + b"\r\n"
    assert service.clicks() == [RawClick(1, NOW_US, peer=b"127.0.0.1")]
    assert service.store.asked == []


async def test_head_is_answered_like_get_and_recorded_as_head(service: Service) -> None:
    (reply,) = await service.ask(b"HEAD /a")

    assert reply == FOUND + b"\r\n"
    assert service.clicks() == [RawClick(1, NOW_US, is_head=True, peer=b"127.0.0.1")]


async def test_what_the_request_said_is_recorded(service: Service) -> None:
    await service.ask(
        b"GET /a?utm=1 HTTP/1.1\r\nhost: GO.test.\r\nUSER-AGENT: Firefox \r\n"
        b"Referer: https://e.test/\xd0\xb0\r\nAccept-Language: ru\r\nSec-Purpose: prefetch\r\n"
        b"Purpose: p\r\nX-Moz: m\r\nX-Request-Id: id-1\r\nX-Forwarded-For: 192.0.2.1\r\n"
        b"Cookie: no=1\r\n\r\n"
    )

    assert service.clicks() == [
        RawClick(
            1,
            NOW_US,
            peer=b"127.0.0.1",
            user_agent=b"Firefox",
            referer=b"https://e.test/\xd0\xb0",
            accept_language=b"ru",
            sec_purpose=b"prefetch",
            purpose=b"p",
            x_moz=b"m",
            request_id=b"id-1",
            forwarded_for=b"192.0.2.1",
        )
    ]


@pytest.mark.parametrize(
    "path",
    [
        quote("ссылка").encode(),
        quote("ссылка").lower().encode(),
        "ссылка".encode(),
        b"%D1%81" + "сылка".encode(),
        quote("ссылка").encode() + b"?a=/b",
    ],
)
async def test_a_cyrillic_slug_is_found_escaped_and_plain(service: Service, path: bytes) -> None:
    (reply,) = await service.ask(b"GET /" + path)

    assert (status_of(reply), target_of(reply)) == (302, b"https://example.org/cyrillic")
    assert [click.link_id for click in service.clicks()] == [2]


@pytest.mark.parametrize(
    ("path", "status", "link"),
    [
        (b"/a/", 302, 1),
        (b"/a/?x=/", 302, 1),
        (b"/" + quote("ссылка").encode() + b"/", 302, 2),
        (b"/off/", 410, 0),
        (b"/nosuch/", 404, 0),
        (b"/a//", 404, 0),
        (b"//a", 404, 0),
        (b"/a%2F", 404, 0),
        (b"/healthz/", 404, 0),
        (b"/%68ealthz/", 404, 0),
        (b"//", 404, 0),
    ],
)
async def test_one_slash_after_a_slug_changes_nothing(
    service: Service, path: bytes, status: int, link: int
) -> None:
    (reply,) = await service.ask(b"GET " + path)

    assert status_of(reply) == status
    assert [click.link_id for click in service.clicks()] == ([link] if link else [])


async def test_the_store_is_asked_for_the_slug_without_the_slash(
    service: Service, tmp_path: Path
) -> None:
    service.store.links["go.test", "more"] = Entry(EntryKind.LIVE, 77, 1, b"https://example.org/m")
    build_replica(tmp_path, {"more": Entry(EntryKind.ORDINARY, 77, 1, b"https://example.org/m")})

    replies = await service.ask(b"GET /more", b"GET /more/")

    assert [target_of(reply) for reply in replies] == [b"https://example.org/m"] * 2
    assert [click.link_id for click in service.clicks()] == [77, 77]
    assert service.store.asked == [(("go.test",), "more")] * 2


async def test_a_decomposed_slug_is_found_by_its_composed_form(service: Service) -> None:
    replies = await service.ask(
        b"GET /" + quote("и\u0306од").encode(), b"GET /" + "и\u0306од".encode()
    )

    assert [target_of(reply) for reply in replies] == [b"https://example.org/composed"] * 2


@pytest.mark.parametrize(
    ("slug", "status"),
    [
        (b"nosuch", 404),
        (b"A", 404),  # case is kept
        (b"a/b", 404),  # another path
        (b"", 404),
        (b"%ff", 404),
        (b"%0A", 404),
        (b"a%0D%0Ab", 404),
        (b"%", 404),
        (b"x" * 300, 404),
        (b"deleted", 404),
        (b"soon", 404),
        (b"since", 302),
        (b"until", 302),
        (b"over", 410),
        (b"off", 410),
        (b"big", 302),
    ],
)
async def test_a_slug_leads_where_its_state_says(
    service: Service, slug: bytes, status: int
) -> None:
    (reply,) = await service.ask(b"GET /" + slug)

    assert status_of(reply) == status
    assert len(service.clicks()) == (status == 302)
    assert service.store.asked == []


@pytest.mark.parametrize(
    ("accepted", "language", "title"),
    [
        (b"ru-RU,ru;q=0.9,en;q=0.1", b"ru", "Такой ссылки нет"),
        (b"en", b"en", "No such link"),
        (b"de", b"en", "No such link"),
        (b"\xff;q=x", b"en", "No such link"),
    ],
)
async def test_a_page_speaks_the_visitors_language(
    service: Service, accepted: bytes, language: bytes, title: str
) -> None:
    head = b" /nosuch HTTP/1.1\r\nHost: go.test\r\nAccept-Language: " + accepted + b"\r\n\r\n"

    get, only_head = await service.ask(b"GET" + head, b"HEAD" + head)

    headers, _, body = get.partition(b"\r\n\r\n")
    assert b'<html lang="' + language + b'">' in body
    assert f"<title>{title}</title>".encode() in body
    assert only_head == headers + b"\r\n\r\n"
    assert headers.split(b"\r\n") == [
        b"HTTP/1.1 404 Not Found",
        b"Cache-Control: private, no-store",
        b"X-Robots-Tag: noindex",
        (
            b"Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none';"
            b" frame-ancestors 'none'"
        ),
        b"X-Content-Type-Options: nosniff",
        b"X-Frame-Options: DENY",
        b"Referrer-Policy: no-referrer",
        b"Content-Type: text/html; charset=utf-8",
        b"Content-Length: %d" % len(body),
        b"Date: Fri, 15 Jan 2027 08:00:00 GMT",
        b"Server: Linkyard",
    ]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"go.test", 302),
        (b"GO.Test", 302),
        (b"go.test.", 302),
        (b"go.test:80", 302),
        (b"go.test:443", 302),
        (b"go.test:9999", 302),  # a domain without a port answers on every port
        (b"localhost:8080", 404),  # another domain, which has no such link
        (b"localhost", 421),
        (b"unknown.test", 421),
        (b"go.test.evil.test", 421),
        (b"[::1]:8080", 421),
        (b"go.test@evil.test", 421),
        (b"\xff", 421),
        (b"go.test/a", 421),
    ],
)
async def test_the_host_header_chooses_the_domain(
    service: Service, host: bytes, status: int
) -> None:
    (reply,) = await service.ask(b"GET /a HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")

    assert status_of(reply) == status


@pytest.mark.parametrize("is_fast", [True, False])
async def test_every_name_of_this_machine_means_its_domain(
    tmp_path: Path, *, is_fast: bool
) -> None:
    names = ("go.test", "localhost:8080", "127.0.0.1:81", "[::1]:81")
    async with serving(tmp_path, is_fast=is_fast, local=names) as service:
        replies = [
            (await service.ask(b"GET /a", host=host))[0]
            for host in ("127.0.0.1:81", "[::1]:81", "[0::1]:81", "127.1:81", "localhost:8080")
        ]
        others = [
            (await service.ask(b"GET /a", host=host))[0] for host in ("127.0.0.1", "127.0.0.1:82")
        ]

    # localhost:8080 is a domain of its own there, which has no such link
    assert [status_of(reply) for reply in replies] == [302, 302, 302, 302, 404]
    assert [status_of(reply) for reply in others] == [421, 421]


async def test_the_request_target_never_chooses_the_domain(service: Service) -> None:
    replies = await service.ask(
        b"GET http://go.test/a HTTP/1.1\r\nHost: unknown.test\r\n\r\n",
        b"GET http://unknown.test/a HTTP/1.1\r\nHost: go.test\r\n\r\n",
    )

    assert [status_of(reply) for reply in replies] == [421, 421]


@pytest.mark.parametrize("is_fast", [True, False])
async def test_a_default_domain_answers_for_unknown_hosts(tmp_path: Path, is_fast: bool) -> None:  # noqa: FBT001
    async with serving(tmp_path, is_fast=is_fast, default_host="go.test") as service:
        replies = await service.ask(b"GET /a", b"GET /nosuch", host="unknown.test")

        assert [status_of(reply) for reply in replies] == [302, 404]


async def test_our_own_paths_are_never_slugs(service: Service) -> None:
    replies = await service.ask(b"GET /healthz", b"GET /%68ealthz", b"GET /healthz?x")

    assert [reply.rpartition(b"\r\n")[2] for reply in replies] == [b"ok"] * 3
    assert service.clicks() == []


async def test_other_methods_are_refused_and_not_counted(service: Service) -> None:
    (reply,) = await service.ask(b"POST /a HTTP/1.1\r\nHost: go.test\r\nContent-Length: 0\r\n\r\n")

    assert status_of(reply) == 405
    assert service.clicks() == []


async def test_http_1_0_and_close_are_honoured(service: Service) -> None:
    for request, connection in (
        (b"GET /a HTTP/1.0\r\nHost: go.test\r\n\r\n", b"Connection: close\r\n"),
        (
            b"GET /a HTTP/1.1\r\nHost: go.test\r\nConnection: close\r\n\r\n",
            b"Connection: close\r\n",
        ),
    ):
        reader, writer = await service.connect()
        writer.write(request)
        assert await reader.read() == FOUND + connection + b"\r\n"
        writer.close()
        await writer.wait_closed()
    (reply,) = await service.ask(
        b"GET /a HTTP/1.0\r\nHost: go.test\r\nConnection: keep-alive\r\n\r\n"
    )
    assert reply == FOUND + b"Connection: keep-alive\r\n\r\n"
    assert len(service.clicks()) == 3


async def test_a_change_is_in_force_in_the_next_turn(service: Service) -> None:
    before = await service.ask(b"GET /a", b"GET /b")
    build_replica(
        service.root,
        {
            "a": LINKS["a"]._replace(kind=EntryKind.OFF, revision=2),
            "b": Entry(EntryKind.LIVE, 20, 1, b"https://example.org/b"),
        },
    )
    after = await service.ask(b"GET /a", b"GET /b")

    assert [status_of(reply) for reply in before] == [302, 404]
    assert [status_of(reply) for reply in after] == [410, 302]


async def test_without_a_replica_the_store_answers(tmp_path: Path) -> None:
    async with serving(tmp_path, has_replica=False) as service:
        service.store.links["go.test", "ссылка"] = LINKS["ссылка"]
        service.store.links["go.test", "off"] = LINKS["off"]

        replies = await service.ask(
            b"GET /" + quote("ссылка").encode(), b"GET /off", b"GET /nosuch"
        )
        unknown = await service.ask(b"GET /a", host="unknown.test")

        assert [status_of(reply) for reply in [*replies, *unknown]] == [302, 410, 404, 421]
        assert target_of(replies[0]) == b"https://example.org/cyrillic"
        assert [click.link_id for click in service.clicks()] == [2]
        assert service.store.asked[0] == (("go.test",), "ссылка")


async def test_without_replica_and_store_the_visitor_is_asked_to_come_again(tmp_path: Path) -> None:
    async with serving(tmp_path, has_replica=False) as service:
        service.store.is_down = True

        (reply,) = await service.ask(b"GET /a")

        assert status_of(reply) == 503
        assert b"\r\nRetry-After: 5\r\n" in reply
        assert b"<title>Try again in a moment</title>" in reply
        assert service.clicks() == []
        build_replica(tmp_path)
        (reply,) = await service.ask(b"GET /a")
        assert reply == FOUND + b"\r\n"


async def test_a_replica_that_cannot_be_looked_at_costs_nobody_the_answer(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.store.links["go.test", "a"] = LINKS["a"]

    def fail() -> bool:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as starved:
        starved.setattr(service.replica, "refresh", fail)
        meanwhile, again = await service.ask(b"GET /a", b"GET /a")
    (after,) = await service.ask(b"GET /a")

    assert [reply[:12] for reply in (meanwhile, again, after)] == [b"HTTP/1.1 302"] * 3
    assert len(service.store.asked) == 2


async def test_a_link_that_needs_more_than_the_replica_asks_the_store(service: Service) -> None:
    build_replica(service.root, {"more": Entry(EntryKind.ORDINARY, 30, 1)})
    service.store.links["go.test", "more"] = Entry(EntryKind.LIVE, 30, 1, b"https://example.org/m")

    (reply,) = await service.ask(b"GET /more")

    assert target_of(reply) == b"https://example.org/m"
    assert [click.link_id for click in service.clicks()] == [30]


async def test_a_damaged_value_never_redirects_and_the_store_answers(service: Service) -> None:
    generation = service.folder.current()
    assert generation is not None
    file = service.folder.file_of(generation)
    content = file.read_bytes()
    assert content.count(b"https://example.org/a") == 1
    file.write_bytes(content.replace(b"https://example.org/a", b"https://example.org/X"))
    service.store.links["go.test", "a"] = LINKS["a"]

    replies = await service.ask(b"GET /a", b"GET /a")

    assert replies == [FOUND + b"\r\n"] * 2
    assert service.folder.current() is None
    assert service.counted("linkyard_replica_retired_total") == 1
    assert len(service.store.asked) == 2


async def test_damage_that_many_meet_at_once_costs_nobody_the_answer(service: Service) -> None:
    generation = service.folder.current()
    assert generation is not None
    file = service.folder.file_of(generation)
    file.write_bytes(file.read_bytes().replace(b"https://example.org/a", b"https://example.org/X"))
    service.store.links["go.test", "a"] = LINKS["a"]
    connections = [await service.connect() for _ in range(20)]

    for _, writer in connections:
        writer.write(b"GET /a HTTP/1.1\r\nHost: go.test\r\n\r\n")
    replies = [await read_reply(reader) for reader, _ in connections]

    assert replies == [FOUND + b"\r\n"] * 20
    assert service.counted("linkyard_replica_retired_total") == 1
    assert len(service.clicks()) == 20
    for _, writer in connections:
        writer.close()
        await writer.wait_closed()


async def test_a_full_disk_costs_clicks_but_no_redirect(service: Service) -> None:
    (service.root / "spool").rmdir()

    replies = await service.ask(b"GET /a", b"GET /a")

    assert replies == [FOUND + b"\r\n"] * 2
    assert service.counted("linkyard_clicks_lost_total") == 2
    assert service.counted("linkyard_spool_failing") == 1
    (service.root / "spool").mkdir()
    await service.ask(b"GET /a")
    assert len(service.clicks()) == 1
    assert service.counted("linkyard_spool_failing") == 0
    assert service.counted("linkyard_clicks_spooled_total") == 1


async def test_every_answer_is_counted_by_status(service: Service) -> None:
    way = "fast" if service.server.is_fast else "ordinary"

    await service.ask(b"GET /a", b"GET /nosuch", b"GET /over", b"GET /a")

    for status, number in ((302, 2), (404, 1), (410, 1)):
        name = f'linkyard_redirects_total{{status="{status}",way="{way}"}}'
        assert service.counted(name) == number


@pytest.mark.parametrize("is_fast", [True, False])
async def test_clicks_can_be_synced_before_the_reply(tmp_path: Path, is_fast: bool) -> None:  # noqa: FBT001
    async with serving(tmp_path, is_fast=is_fast, sync_before_reply=True) as service:
        replies = await asyncio.gather(*(service.ask(b"GET /a", b"GET /nosuch") for _ in range(20)))

        assert [reply[0] for reply in replies] == [FOUND + b"\r\n"] * 20
        assert {status_of(reply[1]) for reply in replies} == {404}
        assert len(service.clicks()) == 20


async def test_a_client_that_sends_no_more_still_gets_its_reply(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        reader, writer = await service.connect()
        writer.write(b"GET /a HTTP/1.1\r\nHost: go.test\r\n\r\n")
        writer.write_eof()

        assert await reader.read() == FOUND + b"\r\n"
        writer.close()
        await writer.wait_closed()


async def test_pipelined_requests_are_answered_in_order(service: Service) -> None:
    reader, writer = await service.connect()
    paths = [b"a", b"nosuch", b"healthz", b"a", b"over"]
    head = b" HTTP/1.1\r\nHost: go.test\r\n\r\n"
    writer.write(b"".join(b"GET /" + path + head for path in paths))

    replies = [await read_reply(reader) for _ in paths]

    assert [status_of(reply) for reply in replies] == [302, 404, 200, 302, 410]
    assert len(service.clicks()) == 2
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://go.test/a", 302),
        (b"http://GO.test:80/a", 302),
        (b"http://evil.test/a", 421),
        (b"http://go.test:8080/a", 421),
        (b"http://go.test@evil.test/a", 421),
    ],
)
async def test_a_whole_address_must_name_the_host_of_the_header(
    service: Service, target: bytes, status: int
) -> None:
    for method in (b"GET ", b"HEAD "):
        (reply,) = await service.ask(method + target)
        assert status_of(reply) == status

    assert len(service.clicks()) == (2 if status == 302 else 0)
