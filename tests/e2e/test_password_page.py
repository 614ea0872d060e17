"""A link that asks for a password, as a browser meets it: on the fast path and without it."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest

from api.link_forms import FORM_TYPE, MAX_FORM_BYTES
from models.rules.addresses import parse_networks
from models.rules.click_record import RawClick
from models.rules.replica_format import Entry, EntryKind
from models.texts import text
from tests.redirect_service import NOW_US, Service, build_replica, plain, read_reply, serving

TARGET = b"https://example.org/secret-place"
LOCKED = Entry(EntryKind.ORDINARY, 50, 3)
OPENED = Entry(EntryKind.LIVE, 50, 3, TARGET)
RIGHT = {"password": "open sesame"}
WRONG = {"password": "open barley"}
SAFE = {
    b"cache-control": b"private, no-store",
    b"x-robots-tag": b"noindex",
    b"referrer-policy": b"no-referrer",
    b"x-frame-options": b"DENY",
    b"x-content-type-options": b"nosniff",
    b"content-type": b"text/html; charset=utf-8",
}


@pytest.fixture(params=[True, False], ids=["fast", "ordinary"])
async def service(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    async with serving(tmp_path, is_fast=request.param) as service:
        protect(service, LOCKED, OPENED)
        yield service


def protect(service: Service, locked: Entry, opened: Entry | None = None) -> None:
    """Let the replica and the store say that the link `a` asks for a password."""
    live = Entry(EntryKind.LIVE, 51, 1, b"https://example.org/plain")
    build_replica(service.root, {"a": locked, "plain": live})
    service.store.links["go.test", "a"] = locked
    service.store.links["go.test", "plain"] = live
    if opened is not None:
        service.store.opened["go.test", "a"] = opened


async def post(
    service: Service,
    fields: dict[str, str] | bytes,
    *,
    path: bytes = b"/a",
    content_type: str = FORM_TYPE,
    lines: bytes = b"",
) -> bytes:
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    head = (
        b"POST " + path + b" HTTP/1.1\r\nHost: go.test\r\nContent-Length: %d\r\n" % len(body)
    ) + b"Content-Type: %b\r\n%b\r\n" % (content_type.encode(), lines)
    [reply] = await service.ask(head + body)
    return reply


def status_of(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


def headers_of(reply: bytes) -> dict[bytes, bytes]:
    lines = reply.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}


def notice_of(reply: bytes) -> str | None:
    found = re.search(r'<p id="notice" role="alert">(.*?)</p>', reply.decode())
    return found and found[1]


class _Form(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def one(self, tag: str) -> dict[str, str | None]:
        [found] = [attributes for name, attributes in self.seen if name == tag]
        return found


@pytest.mark.parametrize("language", ["ru", "en"])
async def test_the_page_asks_in_the_visitors_language_and_tells_nothing_of_the_link(
    service: Service, language: str
) -> None:
    lines = b" HTTP/1.1\r\nHost: go.test\r\nAccept-Language: %b\r\n\r\n" % language.encode()
    [reply] = await service.ask(b"GET /a" + lines)

    page = _Form(reply.partition(b"\r\n\r\n")[2].decode())
    assert status_of(reply) == 200
    assert headers_of(reply).items() >= SAFE.items()
    assert text(language, "PAGE_PASSWORD_TITLE") in reply.decode()
    assert page.one("html")["lang"] == language
    assert page.one("form") == {"method": "post"}  # to its own address, with its query
    assert (page.one("input")["name"], page.one("input")["type"]) == ("password", "password")
    assert page.one("label")["for"] == page.one("input")["id"]
    assert [tag for tag, _ in page.seen if tag in {"script", "style", "link", "img"}] == []
    assert b"example.org" not in reply
    assert service.clicks() == []


async def test_a_browser_may_send_the_form_and_follow_it_to_any_target(service: Service) -> None:
    """Chromium holds `form-action` against the answer of a form, too."""
    [reply] = await service.ask(b"GET /a")

    policy = headers_of(reply)[b"content-security-policy"]
    assert policy == (
        b"default-src 'none'; base-uri 'none'; form-action http: https:; frame-ancestors 'none'"
    )


async def test_head_says_what_get_says_without_a_body(service: Service) -> None:
    whole, head = await service.ask(b"GET /a", b"HEAD /a")

    assert head == whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


async def test_the_right_password_leads_on_and_is_one_click(service: Service) -> None:
    reply = await post(service, RIGHT, lines=b"User-Agent: Firefox\r\n")

    headers = headers_of(reply)
    assert reply.startswith(b"HTTP/1.1 303 See Other\r\n")
    assert headers[b"location"] == TARGET
    assert (headers[b"cache-control"], headers[b"x-robots-tag"]) == (
        b"private, no-store",
        b"noindex",
    )
    assert service.clicks() == [RawClick(50, NOW_US, peer=b"127.0.0.1", user_agent=b"Firefox")]
    assert service.store.tried == [("open sesame", "127.0.0.1")]


@pytest.mark.parametrize(
    "referrer",
    [
        b"https://example.com/page?a=1&b=<\"'>",
        "https://example.com/\u044b".encode(),
        b"https://example.com/" + b"x" * 900,
    ],
    ids=["quotes", "letters", "long"],
)
async def test_where_a_visitor_came_from_outlives_the_form(
    service: Service, referrer: bytes
) -> None:
    """The browser names no page of its own with the form: our policy says so."""
    lines = b" HTTP/1.1\r\nHost: go.test\r\nReferer: " + referrer + b"\r\n\r\n"
    [asked] = await service.ask(b"GET /a" + lines)

    for typed, status in ((WRONG, 403), (RIGHT, 303)):
        page = _Form(asked.partition(b"\r\n\r\n")[2].decode())
        [kept] = [each for tag, each in page.seen if each.get("type") == "hidden"]
        asked = await post(service, {**typed, "referrer": str(kept["value"])})
        assert status_of(asked) == status

    assert [click.referer for click in service.clicks()] == [referrer]


async def test_a_referrer_of_ones_own_is_one_line_of_a_click(service: Service) -> None:
    reply = await post(
        service, {**RIGHT, "referrer": "https://e.test/\r\nru\n\x00\x7f" + "x" * 2000}
    )

    [click] = service.clicks()
    assert status_of(reply) == 303
    assert click.referer == b"https://e.test/ru" + b"x" * (1024 - 17)
    assert click.accept_language == b""


@pytest.mark.parametrize("path", [b"/a/", b"/%61", b"/a?utm=1"])
async def test_other_spellings_of_the_address_take_the_password(
    service: Service, path: bytes
) -> None:
    reply = await post(service, RIGHT, path=path)

    assert (status_of(reply), headers_of(reply)[b"location"]) == (303, TARGET)


async def test_a_wrong_password_asks_again_and_counts_no_click(service: Service) -> None:
    reply = await post(service, WRONG, lines=b"Accept-Language: ru\r\n")

    assert status_of(reply) == 403
    assert headers_of(reply).items() >= SAFE.items()
    assert notice_of(reply) == text("ru", "PAGE_PASSWORD_WRONG")
    assert b"example.org" not in reply
    assert b"barley" not in reply
    assert service.clicks() == []
    assert service.store.tried == [("open barley", "127.0.0.1")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"password=",
        b"passwort=open+sesame",
        b"&" * 9,
        b"password=" + b"x" * MAX_FORM_BYTES,
    ],
    ids=["empty", "no value", "other name", "many fields", "too long"],
)
async def test_a_form_without_a_password_is_no_guess(service: Service, body: bytes) -> None:
    reply = await post(service, body)

    assert (status_of(reply), notice_of(reply)) == (400, text("en", "PAGE_PASSWORD_EMPTY"))
    assert (service.store.tried, service.clicks()) == ([], [])


async def test_a_body_in_chunks_is_bounded_and_read(service: Service) -> None:
    head = (
        b"POST /a HTTP/1.1\r\nHost: go.test\r\nContent-Type: %b\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" % FORM_TYPE.encode()
    )
    body = urlencode(RIGHT).encode()
    endless = b"%x\r\n%b\r\n0\r\n\r\n" % (MAX_FORM_BYTES + 1, b"x" * (MAX_FORM_BYTES + 1))

    right, long = await service.ask(
        head + b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (body[:5], len(body) - 5, body[5:]),
        head + endless,
    )

    assert (status_of(right), status_of(long)) == (303, 400)


async def test_who_guesses_too_often_is_told_when_to_come_again(service: Service) -> None:
    service.store.retry_after_s = 75

    reply = await post(service, RIGHT)

    assert (status_of(reply), headers_of(reply)[b"retry-after"]) == (429, b"75")
    assert notice_of(reply) == text("en", "RATE_LIMITED", count=75)
    assert b"example.org" not in reply
    assert service.clicks() == []


async def test_without_the_store_nobody_gets_in_and_nobody_learns_the_target(
    service: Service,
) -> None:
    service.store.is_down = True

    [asked] = await service.ask(b"GET /a")
    typed = await post(service, RIGHT)

    assert [status_of(asked), status_of(typed)] == [503, 503]
    assert headers_of(asked)[b"retry-after"] == b"5"
    assert b"example.org" not in asked + typed
    assert service.clicks() == []


@pytest.mark.parametrize(
    ("locked", "status"),
    [
        (LOCKED._replace(kind=EntryKind.OFF), 410),
        (LOCKED._replace(not_after_us=NOW_US), 410),
        (LOCKED._replace(not_before_us=NOW_US + 1), 404),
        (LOCKED._replace(kind=EntryKind.TOMBSTONE), 404),
    ],
    ids=["off", "expired", "scheduled", "deleted"],
)
async def test_a_link_that_leads_nowhere_asks_for_nothing_also_without_the_store(
    service: Service, locked: Entry, status: int
) -> None:
    protect(service, locked)
    service.store.is_down = True

    replies = [*await service.ask(b"GET /a"), await post(service, RIGHT)]

    assert [status_of(reply) for reply in replies] == [status] * 2
    assert (service.store.asked, service.store.tried, service.clicks()) == ([], [], [])


async def test_what_ended_while_the_password_was_typed_is_over(service: Service) -> None:
    service.store.opened["go.test", "a"] = OPENED._replace(not_after_us=NOW_US)

    reply = await post(service, RIGHT)

    assert (status_of(reply), service.clicks()) == (410, [])


async def test_a_form_for_a_link_that_asks_for_nothing_any_more_goes_on_by_get(
    service: Service,
) -> None:
    reply = await post(service, RIGHT, path=b"/plain?x=1")

    assert (status_of(reply), headers_of(reply)[b"location"]) == (303, b"/plain")
    assert (service.store.tried, service.clicks()) == ([], [])


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("path", [b"/a", b"/plain", b"/nosuch"])
async def test_what_is_no_form_is_refused(service: Service, path: bytes, content_type: str) -> None:
    reply = await post(service, RIGHT, path=path, content_type=content_type)

    headers = headers_of(reply)
    assert (status_of(reply), headers[b"allow"]) == (405, b"GET,HEAD")
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert (service.store.tried, service.clicks()) == ([], [])


@pytest.mark.parametrize("path", [b"/slow", b"/%73low", b"/", b"/a/b", b"//a"])
async def test_a_form_for_what_is_no_link_is_refused(service: Service, path: bytes) -> None:
    reply = await post(service, RIGHT, path=path)

    assert (status_of(reply), headers_of(reply)[b"allow"]) == (405, b"GET,HEAD")


async def test_a_form_under_another_host_is_misdirected(service: Service) -> None:
    body = urlencode(RIGHT).encode()
    rest = b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (FORM_TYPE.encode(), len(body))

    replies = await service.ask(
        b"POST /a HTTP/1.1\r\nHost: unknown.test\r\n" + rest + body,
        b"POST http://unknown.test/a HTTP/1.1\r\nHost: go.test\r\n" + rest + body,
    )

    assert [status_of(reply) for reply in replies] == [421, 421]
    assert (service.store.tried, service.clicks()) == ([], [])


@pytest.mark.parametrize(("proxies", "address"), [("", "127.0.0.1"), ("127.0.0.1", "192.0.2.9")])
async def test_guesses_are_counted_by_the_address_that_a_trusted_proxy_names(
    tmp_path: Path, proxies: str, address: str
) -> None:
    async with serving(tmp_path, proxies=parse_networks(proxies)) as service:
        protect(service, LOCKED, OPENED)
        await post(service, WRONG, lines=b"X-Forwarded-For: 192.0.2.9\r\n")

        assert service.store.tried == [("open barley", address)]


async def test_a_page_and_a_plain_redirect_share_a_connection(service: Service) -> None:
    body = urlencode(WRONG).encode()
    form = (
        b"POST /a HTTP/1.1\r\nHost: go.test\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b"
    ) % (FORM_TYPE.encode(), len(body), body)
    reader, writer = await service.connect()
    writer.write(plain(b"GET /plain") + plain(b"GET /a") + form + plain(b"GET /plain"))
    replies = [await read_reply(reader) for _ in range(4)]
    writer.close()
    await writer.wait_closed()

    assert [status_of(reply) for reply in replies] == [302, 200, 403, 302]
    assert [click.link_id for click in service.clicks()] == [51, 51]
