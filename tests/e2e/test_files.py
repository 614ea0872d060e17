"""Files over HTTP: on their way in, at rest, and on their way out."""

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from aiohttp import FormData, StreamReader
from aiohttp.pytest_plugin import AiohttpClient
from yarl import URL

from api.app import Parts, create_app
from api.file_uploads import AT_ONCE_OF_ONE
from models.audit_entries import AuditEntry
from models.files import Blob, ScanStatus, StoredFile
from models.rules.scopes import Scope
from models.sessions import Session
from models.users import User
from resolvers.file_ports import FilePolicy
from resolvers.ports import Ports
from schema.context import PortalFacts
from schema.nodes import encode_id
from tests.factories import make_user
from tests.fakes import FixedClock
from tests.files import EICAR, GIF, HTML, JPEG, PNG, PROGRAM, SVG, WEBP, drafts, on_disk, zipped
from tests.people import begin
from tests.portal import Client, Portal, sign_in

HOST = "https://portal.test"
COOKIE = "__Host-linkyard"
SMALL = FilePolicy(max_bytes=5_000, quota_bytes=20_000)
BIG = os.urandom(3 << 20) + b"end"


@pytest.fixture
async def person(client: Client) -> User:
    return await make_user()


@pytest.fixture
async def portal(client: Client, ports: Ports, person: User) -> Portal:
    return await sign_in(client, ports, person)


async def small(aiohttp_client: AiohttpClient, ports: Ports, policy: FilePolicy = SMALL) -> Client:
    """Return a portal with other limits on the same store."""
    facts = PortalFacts(name="Linkyard", version="0", public_url=HOST)
    return await aiohttp_client(create_app(Parts(ports=replace(ports, files=policy), portal=facts)))


async def begun(portal: Portal, content: bytes, *, name: str = "a.png", **more: str) -> str:
    """Begin to send a file and return the path of its address."""
    fields = {"name": name, "bytes": len(content), **more}
    answer = (await portal.ask("FileUploadBegin", input=fields))["fileUploadBegin"]
    assert answer["__typename"] == "FileUploadBeginSuccess", answer
    return URL(answer["url"]).path


async def sent(portal: Portal, content: bytes, *, name: str = "a.png") -> dict[str, Any]:
    """Send a file at once and return what the server says of it."""
    response = await portal.client.post(
        "/files", params={"name": name}, data=io.BytesIO(content), headers=portal.headers
    )
    assert response.status == 201, await response.text()
    file: dict[str, Any] = (await response.json())["file"]
    return file


async def path_of(portal: Portal, file_id: str) -> str:
    """Return the path at which a file can be fetched now."""
    url = (await portal.ask("StoredFile", id=file_id))["node"]["url"]
    assert url.startswith(f"{HOST}/files/")
    return URL(url).path


async def refusal(response: Any) -> tuple[int, str]:  # noqa: ANN401 - of aiohttp
    [error] = (await response.json())["errors"]
    assert error["message"]
    return response.status, error["extensions"]["code"]


async def nothing_is_left(ports: Ports) -> bool:
    rows = await StoredFile.all().count() + await Blob.all().count()
    return not (rows or on_disk(ports) or drafts(ports))


async def test_several_megabytes_come_and_go_byte_for_byte(portal: Portal, ports: Ports) -> None:
    sha256 = hashlib.sha256(BIG).hexdigest()
    path = await begun(portal, BIG, name="Отчёт.bin", sha256=sha256)

    response = await portal.client.post(path, data=io.BytesIO(BIG))  # the address alone is enough

    assert response.status == 201
    file = (await response.json())["file"]
    assert file == {
        "id": file["id"],
        "name": "Отчёт.bin",
        "mediaType": "application/octet-stream",
        "bytes": len(BIG),
        "sha256": sha256,
        "scanStatus": "UNSCANNED",
        "expiresAt": "2026-01-03T03:04:05.000Z",
    }
    node = (await portal.ask("StoredFile", id=file["id"]))["node"]
    assert {name: node[name] for name in file if name != "url"} == file
    fetched = await portal.client.get(URL(node["url"]).path)
    assert (fetched.status, await fetched.read() == BIG) == (200, True)
    actions = [entry.action for entry in await AuditEntry.all().order_by("id")]
    assert actions[-2:] == ["stored_file.create", "stored_file.fetch"]


async def test_an_address_works_once(portal: Portal, ports: Ports) -> None:
    path = await begun(portal, PNG)

    first = await portal.client.post(path, data=PNG)
    second = await portal.client.post(path, data=PNG)

    assert first.status == 201
    assert await refusal(second) == (404, "TOKEN_INVALID")
    assert await StoredFile.all().count() == 1
    assert drafts(ports) == []


async def test_a_form_of_one_file_is_taken_and_its_name_with_it(
    portal: Portal, ports: Ports
) -> None:
    form = FormData(quote_fields=False)  # as browsers write names: in UTF-8
    form.add_field("file", io.BytesIO(BIG), filename="../Фото 1.png", content_type="text/html")

    response = await portal.client.post("/files", data=form, headers=portal.headers)

    assert response.status == 201, await response.text()
    file = (await response.json())["file"]
    assert (file["name"], file["bytes"]) == ("Фото 1.png", len(BIG))
    assert file["sha256"] == hashlib.sha256(BIG).hexdigest()
    path = await begun(portal, PNG, name="b.png")
    form = FormData()
    form.add_field("file", PNG, filename="other.png")
    assert (await portal.client.post(path, data=form)).status == 201


def _form(*parts: tuple[str, bytes], end: str = "--B--\r\n") -> bytes:
    return b"".join(f"--B\r\n{head}\r\n\r\n".encode() + body + b"\r\n" for head, body in parts) + (
        end.encode()
    )


FILE = 'Content-Disposition: form-data; name="a"; filename="a.txt"'


@pytest.mark.parametrize(
    "body",
    [
        _form(),
        _form(('Content-Disposition: form-data; name="a"', b"no file")),
        _form((FILE, b"one"), (FILE, b"two")),
        _form((FILE, b"one"), ('Content-Disposition: form-data; name="b"', b"more")),
        _form((f"{FILE}\r\nContent-Transfer-Encoding: base64", b"YWJj")),
        _form((f"{FILE}\r\nContent-Encoding: gzip", b"x")),
        _form(("Content-Type: multipart/mixed; boundary=C", b"--C--")),
        _form((FILE, b"no end"), end=""),
        b"no form at all",
        b"",
    ],
)
async def test_a_form_of_anything_else_is_refused_and_leaves_nothing(
    portal: Portal, ports: Ports, body: bytes
) -> None:
    headers = {**portal.headers, "Content-Type": "multipart/form-data; boundary=B"}

    response = await portal.client.post("/files", data=body, headers=headers)

    assert await refusal(response) == (400, "BAD_REQUEST")
    assert await nothing_is_left(ports)


@pytest.mark.parametrize("line", [b"\n", b"a\r\n", b"--B\r\nX: 1\r\n", b"--C\r\n"])
async def test_cve_2026_34516_a_form_of_lines_alone_is_refused_after_a_few_of_them(
    portal: Portal, ports: Ports, monkeypatch: pytest.MonkeyPatch, line: bytes
) -> None:
    read = 0
    readline = StreamReader.readline

    async def counted(self: StreamReader, *, max_line_length: int | None = None) -> bytes:
        nonlocal read
        read += 1
        return await readline(self, max_line_length=max_line_length)

    monkeypatch.setattr(StreamReader, "readline", counted)
    headers = {**portal.headers, "Content-Type": "multipart/form-data; boundary=B"}

    response = await portal.client.post("/files", data=line * 20_000, headers=headers)

    assert await refusal(response) == (400, "BAD_REQUEST")
    assert read <= 256
    assert await nothing_is_left(ports)


async def test_cve_2026_50269_no_header_of_a_part_becomes_one_of_ours(portal: Portal) -> None:
    head = (
        'Content-Disposition: form-data; name="a"; filename="a%0d%0aSet-Cookie: x=y.png"\r\n'
        "Content-Type: text/html\r\nSet-Cookie: x=y"
    )
    headers = {**portal.headers, "Content-Type": "multipart/form-data; boundary=B"}

    response = await portal.client.post("/files", data=_form((head, PNG)), headers=headers)

    file = (await response.json())["file"]
    fetched = await portal.client.get(await path_of(portal, file["id"]))
    assert (response.status, fetched.headers["Content-Type"]) == (201, "image/png")
    assert "Set-Cookie" not in {*response.headers, *fetched.headers}
    assert "x=y" in file["name"]


async def test_what_is_too_large_is_refused_early_or_late_and_leaves_nothing(
    client: Client, ports: Ports, person: User, aiohttp_client: AiohttpClient
) -> None:
    portal = await sign_in(await small(aiohttp_client, ports), ports, person)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(1000)

    form = FormData()
    form.add_field("file", bytes(30_000), filename="a")
    for body in (bytes(5_001), endless(), form):
        response = await portal.client.post("/files?name=a", data=body, headers=portal.headers)
        assert await refusal(response) == (413, "FILE_TOO_LARGE")
    path = await begun(portal, bytes(100), name="a")
    for body in (bytes(101), endless()):
        assert await refusal(await portal.client.post(path, data=body)) == (413, "FILE_TOO_LARGE")
    answer = await portal.ask("FileUploadBegin", input={"name": "a", "bytes": 5_001})
    assert answer["fileUploadBegin"] == {
        "__typename": "FileTooLargeProblem",
        "code": "FILE_TOO_LARGE",
        "message": "The file is too large: it may have at most 4.9 KiB.",
        "path": ["bytes"],
        "limit": 5_000,
    }
    assert (await portal.ask("{ portal { maxFileBytes } }"))["portal"]["maxFileBytes"] == 5_000

    assert await nothing_is_left(ports)


async def test_each_other_refusal_has_its_code_and_leaves_nothing(
    client: Client, ports: Ports, person: User, aiohttp_client: AiohttpClient
) -> None:
    policy = replace(SMALL, quota_bytes=1_000)
    portal = await sign_in(await small(aiohttp_client, ports, policy), ports, person)
    post, keys = portal.client.post, portal.headers
    path = await begun(portal, b"x" * 100, name="a", sha256="0" * 64)

    for response, wanted in (
        (await post("/files?name=a", data=PROGRAM, headers=keys), (415, "FILE_TYPE")),
        (await post("/files?name=a.exe", data=b"x", headers=keys), (415, "FILE_TYPE")),
        (await post("/files?name=a", data=b"x" * 1001, headers=keys), (403, "QUOTA_EXCEEDED")),
        (await post("/files", data=b"x", headers=keys), (400, "REQUIRED")),
        (await post("/files?name=a&sha256=x", data=b"x", headers=keys), (400, "INVALID_VALUE")),
        (
            await post(f"/files?name=a&sha256={'0' * 64}", data=b"x", headers=keys),
            (400, "INVALID_VALUE"),
        ),
        (await post(path, data=b"x" * 100), (400, "INVALID_VALUE")),
        (await post(path, data=b"x" * 99), (400, "INVALID_VALUE")),
        (
            await post("/files?name=a", data=b"x", headers={**keys, "Content-Encoding": "gzip"}),
            (415, "UNSUPPORTED_MEDIA_TYPE"),
        ),
        (await post("/files/" + "x" * 43, data=b"x"), (404, "TOKEN_INVALID")),
        (await post("/files/x", data=b"x"), (404, "TOKEN_INVALID")),
    ):
        assert await refusal(response) == wanted
        assert await nothing_is_left(ports)
    for fields, problem in (
        ({"name": "a.exe", "bytes": 1}, "FileTypeProblem"),
        ({"name": "a", "bytes": 1_001}, "QuotaExceededProblem"),
        ({"name": "", "bytes": 1}, "ValidationProblem"),
    ):
        answer = (await portal.ask("FileUploadBegin", input=fields))["fileUploadBegin"]
        assert answer["__typename"] == problem


async def test_a_full_disk_is_told_by_a_status_of_its_own(
    client: Client, ports: Ports, person: User, aiohttp_client: AiohttpClient
) -> None:
    folder = ports.blobs.path_of("0" * 64).parent.parent
    full = replace(ports, blob_store=type(ports.blobs)(folder, reserve_bytes=1 << 60))  # type: ignore[call-arg]
    portal = await sign_in(await small(aiohttp_client, full), ports, person)

    response = await portal.client.post("/files?name=a", data=b"x", headers=portal.headers)
    answer = await portal.ask("FileUploadBegin", input={"name": "a", "bytes": 1})

    assert await refusal(response) == (507, "STORAGE_FULL")
    assert answer["fileUploadBegin"]["__typename"] == "StorageFullProblem"
    assert await nothing_is_left(ports)


async def test_who_may_send_is_asked_as_at_graphql(
    client: Client, ports: Ports, person: User
) -> None:
    started = await begin(ports, person)
    cookie = {"Cookie": f"{COOKIE}={started.token}"}
    ours = {**cookie, "Linkyard-Client": "test"}
    reader = await sign_in(client, ports, person, scopes=frozenset(Scope) - {Scope.FILE_WRITE})

    for headers, wanted in (
        ({}, (401, "UNAUTHENTICATED")),
        ({"Authorization": "Bearer lky_wrong"}, (401, "UNAUTHENTICATED")),
        (cookie, (403, "CROSS_SITE")),
        ({**ours, "Origin": "https://evil.test"}, (403, "CROSS_SITE")),
        ({**ours, "Authorization": "Bearer lky_x"}, (400, "BAD_REQUEST")),
        ({"Cookie": f"{COOKIE}={'x' * 43}", "Linkyard-Client": "x"}, (401, "UNAUTHENTICATED")),
        (reader.headers, (403, "FORBIDDEN")),
    ):
        response = await client.post("/files?name=a", data=b"x", headers=headers)
        assert await refusal(response) == wanted
    path = await begun(Portal(client, ours), b"x", name="a")
    assert await refusal(await client.post(path, data=b"x", headers=cookie)) == (403, "CROSS_SITE")
    assert await nothing_is_left(ports)

    assert (await client.post(path, data=b"x", headers={**ours, "Origin": HOST})).status == 201
    assert (await client.post("/files?name=b", data=b"y", headers=ours)).status == 201


@pytest.mark.parametrize(
    ("content", "name", "media_type", "is_inline"),
    [
        (PNG, "a.png", "image/png", True),
        (JPEG, "a.html", "image/jpeg", True),
        (GIF, "a", "image/gif", True),
        (WEBP, "a", "image/webp", True),
        (HTML, "a.png", "text/html", False),
        (SVG, "a.png", "image/svg+xml", False),
        (b'<?xml version="1.0"?><a/>', "a.png", "application/xml", False),
        (b"%PDF-1.7 x", "a.pdf", "application/pdf", False),
        (b"words", "a.js", "text/plain", False),
        (zipped("a"), "a.zip", "application/zip", False),
    ],
)
async def test_only_pictures_are_shown_and_everything_is_cut_off_from_the_portal(
    portal: Portal, content: bytes, name: str, media_type: str, *, is_inline: bool
) -> None:
    file = await sent(portal, content, name=name)

    response = await portal.client.get(await path_of(portal, file["id"]))

    kind = "inline" if is_inline else "attachment"
    assert await response.read() == content
    headers = dict(response.headers)
    assert headers["Content-Type"] == media_type
    assert headers["Content-Disposition"] == (
        f"{kind}; filename=\"{name}\"; filename*=UTF-8''{name}"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "private, no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert "Set-Cookie" not in headers


async def test_a_part_of_a_file_can_be_asked_for(portal: Portal) -> None:
    file = await sent(portal, BIG, name="big")
    path = await path_of(portal, file["id"])
    get, size = portal.client.get, len(BIG)

    for asked, start, end in (
        ("bytes=0-9", 0, 10),
        ("bytes=1000000-", 1_000_000, size),
        ("bytes=-7", size - 7, size),
    ):
        response = await get(path, headers={"Range": asked})
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
        assert await response.read() == BIG[start:end]
    response = await get(path, headers={"Range": f"bytes={size}-"})
    assert (response.status, response.headers["Content-Range"]) == (416, f"bytes */{size}")
    head = await portal.client.head(path)
    assert (head.status, head.headers["Content-Length"]) == (200, str(size))
    again = await get(path, headers={"If-None-Match": head.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")

    fetches = await AuditEntry.filter(action="stored_file.fetch").count()
    assert fetches == 5  # every GET: who leaves out the first byte has the file, too


async def test_who_sends_a_file_does_not_learn_that_it_was_there_before(
    portal: Portal, client: Client, ports: Ports
) -> None:
    other = await sign_in(client, ports, await make_user())
    await sent(portal, PNG, name="secret.png")
    file = await sent(other, PNG, name="guess.png")

    response = await client.get(await path_of(other, file["id"]))

    moment = parsedate_to_datetime(response.headers["Last-Modified"])
    assert moment.year < 2005  # made of the content, not of when it came
    assert file["scanStatus"] == "UNSCANNED"


async def test_an_empty_file_is_a_file(portal: Portal) -> None:
    file = await sent(portal, b"", name="empty")

    response = await portal.client.get(await path_of(portal, file["id"]))

    assert (response.status, await response.read()) == (200, b"")
    assert response.headers["Content-Type"] == "application/x-empty"


async def test_what_is_foreign_infected_over_or_false_looks_like_what_is_not_there(
    portal: Portal, ports: Ports, person: User, clock: FixedClock
) -> None:
    file = await sent(portal, EICAR, name="a")
    other = await sign_in(portal.client, ports, await make_user(is_staff=True))
    path = await path_of(portal, file["id"])
    spare = await path_of(portal, file["id"])
    absent = await portal.client.get("/files/" + "x" * 200)
    wanted = await absent.read()
    assert await refusal(absent) == (404, "NOT_FOUND")

    foreign = [await other.ask("StoredFile", id=each) for each in (file["id"], "x")]
    assert foreign == [{"node": None}] * 2
    deleted = await other.ask("FileDelete", input={"id": file["id"]})
    missing = await other.ask("FileDelete", input={"id": encode_id("StoredFile", 4)})
    assert deleted == missing
    assert deleted["fileDelete"]["__typename"] == "NotFoundProblem"
    await Blob.all().update(scan_status=ScanStatus.INFECTED)
    infected = await portal.client.get(path)
    assert (await portal.ask("StoredFile", id=file["id"]))["node"]["url"] is None
    await Blob.all().update(scan_status=ScanStatus.CLEAN)
    clock.at += timedelta(minutes=5)
    late = await portal.client.get(spare)
    clock.at -= timedelta(minutes=5)
    for _ in range(17):  # 2 of 20 were tried before, one more is to come
        assert (await portal.client.get(path)).status == 200
    ended = [infected, late]
    await ports.blobs.remove(file["sha256"])
    ended.append(await portal.client.get(path))
    ended.append(await portal.client.get(path))
    ended.append(await portal.client.get(path))

    for response in ended:
        assert (response.status, await response.read()) == (404, wanted)
        assert "Content-Disposition" not in response.headers
    assert await StoredFile.all().count() == 1


async def test_a_session_that_has_ended_takes_its_addresses_with_it(
    client: Client, ports: Ports, person: User, clock: FixedClock
) -> None:
    started = await begin(ports, person)
    headers = {"Cookie": f"{COOKIE}={started.token}", "Linkyard-Client": "test"}
    portal = Portal(client, headers)
    file = await sent(portal, PNG)
    inward, outward = await begun(portal, PNG), await path_of(portal, file["id"])

    await Session.all().update(revoked_at=clock.now())

    assert (await client.get(outward)).status == 404
    assert (await client.post(inward, data=PNG)).status == 404
    assert await StoredFile.all().count() == 1


async def test_who_sent_a_file_can_delete_it(portal: Portal) -> None:
    file = await sent(portal, PNG)
    path = await path_of(portal, file["id"])

    answer = await portal.ask("FileDelete", input={"id": file["id"]})

    assert answer == {"fileDelete": {"__typename": "FileDeleteSuccess", "deletedId": file["id"]}}
    assert (await portal.client.get(path)).status == 404
    assert (await portal.ask("StoredFile", id=file["id"]))["node"] is None


async def test_pages_of_named_origins_send_and_fetch_with_a_key(
    client: Client, ports: Ports, person: User, aiohttp_client: AiohttpClient
) -> None:
    facts = PortalFacts(name="Linkyard", version="0", public_url=HOST)
    partner = {"Origin": "https://partner.test"}
    parts = Parts(ports=ports, portal=facts, cors_origins=frozenset(partner.values()))
    open_client = await aiohttp_client(create_app(parts))
    portal = await sign_in(open_client, ports, person)

    asked = await open_client.options(
        "/files/x", headers={**partner, "Access-Control-Request-Method": "POST"}
    )
    sent_there = await open_client.post(
        "/files?name=a", data=b"x", headers={**portal.headers, **partner}
    )
    foreign = await open_client.options(
        "/files", headers={"Origin": "https://evil.test", "Access-Control-Request-Method": "POST"}
    )

    assert asked.status == 204
    assert asked.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert sent_there.status == 201
    assert sent_there.headers["Access-Control-Allow-Origin"] == partner["Origin"]
    assert "Access-Control-Allow-Origin" not in foreign.headers


async def test_a_person_sends_only_so_many_at_once(portal: Portal, ports: Ports) -> None:
    """Each holds a place on the disk until it has come or was given up."""
    go = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 100
        await go.wait()
        yield b"y" * 100

    def send(number: int) -> asyncio.Task[Any]:
        request = portal.client.post(f"/files?name={number}", data=slow(), headers=portal.headers)
        return asyncio.create_task(request)

    sending = [send(number) for number in range(AT_ONCE_OF_ONE)]
    async with asyncio.timeout(10):
        while len(drafts(ports)) < AT_ONCE_OF_ONE:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)
        one_more = await portal.client.post("/files?name=a", data=b"x", headers=portal.headers)
    go.set()

    assert await refusal(one_more) == (429, "RATE_LIMITED")
    assert one_more.headers["Retry-After"] == "5"
    assert {(await each).status for each in sending} == {201}
    assert await Blob.all().count() == 1
    assert (
        await portal.client.post("/files?name=a", data=b"x", headers=portal.headers)
    ).status == 201
