"""The pages that work before there is a portal: the front page, and where letters lead."""

import re
import shlex
import time
from html import unescape
from html.parser import HTMLParser
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin

import pytest
from aiohttp import ClientResponse
from aiohttp.pytest_plugin import AiohttpClient

from api.app import Parts, create_app
from api.entrance.doors import DOORS
from api.known_hosts import KnownHosts
from benchmarks.service import service
from models.rules import portal_paths
from models.rules.slugs import is_reserved
from resolvers.ports import Ports
from schema.context import PortalFacts
from schema.trusted_documents import hash_of
from tests.portal import Client, operation

PORTAL = "portal.test"
DOMAIN = "go.test"  # of links
OPERATIONS = {
    portal_paths.PASSWORD_RESET: "PasswordReset",
    portal_paths.SIGN_UP: "SignUp",
    portal_paths.INVITATION: "InvitationAccept",
    portal_paths.EMAIL_CHANGE: "EmailChange",
}
PATHS = tuple(OPERATIONS)
FRONT_POLICY = (
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'self'; "
    "form-action 'none'"
)
DOOR_POLICY = (
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'self'; "
    "script-src 'self'; connect-src 'self'; form-action 'self'"
)


class Tags(HTMLParser):
    """The start tags of a document, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every element of a kind."""
        return [attributes for each, attributes in self.found if each == tag]


async def open_portal(
    aiohttp_client: AiohttpClient, ports: Ports, *, public_url: str = f"https://{PORTAL}"
) -> Client:
    async def domains() -> tuple[str, ...]:
        return (DOMAIN,)

    facts = PortalFacts(name="<Links & Co>", version="7.7.7", public_url=public_url)
    hosts = KnownHosts({PORTAL}, domains=domains)
    return await aiohttp_client(create_app(Parts(ports=ports, portal=facts, hosts=hosts)))


@pytest.fixture
async def portal(ports: Ports, aiohttp_client: AiohttpClient) -> Client:
    return await open_portal(aiohttp_client, ports)


async def get(
    client: Client, path: str, *, host: str = PORTAL, language: str = ""
) -> ClientResponse:
    return await client.get(path, headers={"Host": host, "Accept-Language": language})


@pytest.mark.parametrize(
    ("language", "locale", "told"),
    [("", "en", "Short links live here"), ("ru-RU,en;q=0.5", "ru", "Здесь живут короткие ссылки")],
)
async def test_the_front_page_says_what_this_is_and_where_the_api_is(
    portal: Client, language: str, locale: str, told: str
) -> None:
    response = await get(portal, "/", language=language)
    page = await response.text()

    assert (response.status, response.content_type) == (200, "text/html")
    assert response.headers["Content-Language"] == locale
    assert response.headers["Content-Security-Policy"] == FRONT_POLICY
    assert response.headers["Vary"] == "Accept-Language"
    assert response.headers["Cache-Control"] == "no-store"
    assert (response.headers["X-Robots-Tag"], response.headers["X-Frame-Options"]) == (
        "noindex",
        "DENY",
    )
    assert f'<html lang="{locale}">' in page
    assert "<title>&lt;Links &amp; Co&gt;</title>" in page
    assert told in page
    assert f"https://{PORTAL}/graphql" in page
    assert "curl" not in page
    assert "7.7.7" not in page


async def test_under_a_domain_of_links_the_front_page_says_nothing_of_the_api(
    portal: Client,
) -> None:
    page = await (await get(portal, "/", host=DOMAIN)).text()

    assert "Short links live here" in page
    assert "graphql" not in page
    assert PORTAL not in page


@pytest.mark.parametrize("path", ["/", *PATHS])
async def test_other_names_are_not_ours(portal: Client, path: str) -> None:
    response = await get(portal, path, host="rebound.test")

    assert response.status == HTTPStatus.MISDIRECTED_REQUEST
    assert "<html" not in await response.text()


@pytest.mark.parametrize("path", ["/", *PATHS])
async def test_head_says_what_get_says(portal: Client, path: str) -> None:
    full = await get(portal, path)
    head = await portal.head(path, headers={"Host": PORTAL, "Accept-Language": ""})

    named = ("Content-Type", "Content-Length", "Content-Security-Policy", "Content-Language")
    assert head.status == 200
    assert [head.headers[name] for name in named] == [full.headers[name] for name in named]
    assert await head.read() == b""


@pytest.mark.parametrize("path", ["/", *PATHS])
async def test_nothing_is_sent_to_a_page(portal: Client, path: str) -> None:
    response = await portal.post(path, data={"password": "x"}, headers={"Host": PORTAL})

    assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("language", "locale"), [("en", "en"), ("ru", "ru")])
async def test_a_door_asks_so_that_browsers_and_screen_readers_understand(
    portal: Client, path: str, language: str, locale: str
) -> None:
    response = await get(portal, path, language=language)
    page = await response.text()
    tags = Tags(page)

    assert response.status == 200
    assert response.headers["Content-Security-Policy"] == DOOR_POLICY
    assert (response.headers["Cache-Control"], response.headers["Referrer-Policy"]) == (
        "no-store",
        "no-referrer",
    )
    assert tags.all("html") == [{"lang": locale}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in tags.all(
        "meta"
    )
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {label.get("for") for label in tags.all("label")}
    fields = {each["name"]: each for each in tags.all("input") if "name" in each}
    for name, field in fields.items():
        assert name in labelled
        assert set((field["aria-describedby"] or "").split()) <= set(ids)
        assert "required" in field
    secrets = [each for each in fields.values() if each["type"] == "password"]
    asked = [("new-password", "8")] if path != portal_paths.EMAIL_CHANGE else []
    assert [(each["autocomplete"], each["minlength"]) for each in secrets] == asked
    if path in {portal_paths.SIGN_UP, portal_paths.INVITATION}:
        assert fields["name"]["autocomplete"] == "name"
        assert fields["name"]["maxlength"] == "200"
    (form,) = tags.all("form")
    assert "hidden" in form  # nothing can be typed that no script would send
    assert form["method"] == "post"
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script>", page)  # the policy forbids them
    assert "JavaScript" in page


@pytest.mark.parametrize("path", ["/", *PATHS])
async def test_a_page_loads_our_own_files_alone_and_keeps_them(portal: Client, path: str) -> None:
    tags = Tags(await (await get(portal, path)).text())
    addresses = [each["href"] for each in tags.all("link") + tags.all("a")]
    addresses += [each["src"] for each in tags.all("script")]
    addresses += [each["data-endpoint"] for each in tags.all("form")]

    # Below a prefix, too: a proxy takes /p/ away.
    found = {urljoin(f"https://{PORTAL}/p{path}", each or "") for each in addresses}

    assert all(each.startswith(f"https://{PORTAL}/p/") for each in found)
    files = {each for each in found if "/assets/" in each}
    assert found - files <= {f"https://{PORTAL}/p/", f"https://{PORTAL}/p/graphql"}
    assert len(files) == (1 if path == "/" else 2)
    for file in files:
        response = await get(portal, file.removeprefix(f"https://{PORTAL}/p"))
        assert response.status == 200
        assert (
            response.content_type
            == {"s": "text/javascript", "css": "text/css"}["css" if file.endswith("css") else "s"]
        )
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"https?://|@import|url\(", await response.text())


@pytest.mark.parametrize("name", ["door.js", "door.0000000000000000.js", "..%2Fdoor.js", "x"])
async def test_no_other_file_is_sent(portal: Client, name: str) -> None:
    response = await get(portal, f"/assets/{name}")

    assert response.status == 404
    assert response.headers["Cache-Control"] == "no-store"


async def test_where_others_can_listen_no_password_is_asked(
    ports: Ports, aiohttp_client: AiohttpClient
) -> None:
    client = await open_portal(aiohttp_client, ports, public_url=f"http://{PORTAL}")

    page = await (await get(client, portal_paths.PASSWORD_RESET)).text()

    assert "The connection is not encrypted" in page
    assert Tags(page).all("form") == Tags(page).all("input") == Tags(page).all("script") == []


def test_doors_send_the_operations_of_the_contract() -> None:
    assert {door.path: door.document for door in DOORS} == {
        path: hash_of(operation(name)) for path, name in OPERATIONS.items()
    }


def test_no_slug_takes_the_address_of_a_door() -> None:
    assert all(is_reserved(path.split("/")[1]) for path in PATHS)


def test_the_first_address_of_an_installation_leads_to_the_first_link(tmp_path: Path) -> None:
    with service({"PROCESSES": "1"}) as running:
        opened = running.request("GET", "/")
        page = opened.body.decode()

        assert opened.status == HTTPStatus.OK
        assert running.request("HEAD", "/").headers["content-length"] == str(len(opened.body))
        assert running.request("GET", "/?utm_source=x").body == opened.body
        assert running.request("GET", portal_paths.SIGN_UP).status == HTTPStatus.OK
        assert running.request("GET", "/app/other").status == HTTPStatus.NOT_FOUND

        command = unescape(page.split("<pre")[2].partition("<code>")[2].partition("</code>")[0])
        words = shlex.split(command.replace("\\\n", " ").replace("$KEY", running.key()))
        made = running.request(
            "POST",
            words[words.index("-s") + 1].removeprefix(f"http://{running.host}"),
            headers={
                "Authorization": f"Bearer {running.key()}",
                "Content-Type": "application/json",
            },
            body=words[words.index("-d") + 1].encode(),
        )
        assert made.json()["data"]["linkCreate"]["link"] == {
            "shortUrl": f"http://{running.host}/hello"
        }
        deadline = time.monotonic() + 1  # a change is in force within a second
        while (followed := running.request("GET", "/hello")).status == HTTPStatus.NOT_FOUND:
            assert time.monotonic() < deadline
        assert followed.headers["location"] == "https://example.org/"
        assert running.stop() == 0
