"""The one client for all that leaves the machine, against servers that mean no good."""

import asyncio
import gzip
import ssl
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api.adapters.outbound_http import OutboundHttp
from resolvers.ports import FetchFailedError, FetchRefusedError
from tests.web_of_one import AGENT, LOOPBACK, PUBLIC, Web, pages, reply, web

HOSTILE = [
    line
    for line in Path("tests/data/hostile_fetches.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
PAGE = {"/": reply(b"<title>x</title>")}


async def test_no_hostile_address_reaches_a_server_of_ours() -> None:
    assert len(HOSTILE) >= 100
    taken = []
    async with web(pages(PAGE)) as canary:
        canary.names = {"half-internal.test": [[PUBLIC, LOOPBACK]]}
        client = canary.strict_client()
        for line in HOSTILE:
            url = line.replace("PORT", str(canary.port))
            try:
                answer = await client(url, max_redirects=3)
            except FetchRefusedError:
                continue
            taken.append((url, answer))

        assert taken == []
        assert canary.connections == 0


async def test_the_same_server_is_reached_where_the_rule_allows_it() -> None:
    async with web(pages(PAGE)) as site:
        answer = await site.client()(site.url())

    assert (answer.status, answer.body, answer.is_cut) == (200, b"<title>x</title>", False)
    assert answer.headers["content-type"] == "text/html"
    assert site.connections == 1


async def test_a_request_says_who_asks_and_nothing_else() -> None:
    async with web(pages(PAGE)) as site:
        await site.client()(site.url("/?a=%D1%8B&b=~"))

    assert "".join(site.heads) == (
        f"GET /?a=%D1%8B&b=~ HTTP/1.1\r\nHost: site.test:{site.port}\r\nUser-Agent: {AGENT}\r\n"
        "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )


async def test_a_name_that_leads_elsewhere_the_second_time_is_looked_up_once() -> None:
    elsewhere = bytes((127, 0, 0, 2))  # nobody listens there
    async with web(pages(PAGE)) as canary:
        canary.names = {"rebound.test": [[elsewhere], [LOOPBACK]]}
        client = OutboundHttp(
            user_agent=AGENT,
            addresses=canary.addresses,
            may_reach=lambda packed: packed == elsewhere,
            ports={canary.port},
        )

        with pytest.raises(FetchFailedError, match="ConnectorError"):
            await client(canary.url(host="rebound.test"))

        assert canary.lookups == ["rebound.test"]
        assert canary.connections == 0


async def test_one_internal_address_among_public_ones_is_enough_to_refuse() -> None:
    async with web(pages(PAGE)) as canary:
        canary.names = {"half.test": [[PUBLIC, LOOPBACK]]}

        with pytest.raises(FetchRefusedError, match="open internet"):
            await canary.strict_client()(canary.url(host="half.test"))

        assert canary.connections == 0


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:PORT/secret",
        "http://internal.test:PORT/secret",
        "http://[::1]:PORT/secret",
        "//internal.test:PORT/secret",
        "http://site.test:22/",
        "file:///etc/passwd",
        "gopher://site.test/",
        "http://user@site.test:PORT/secret",
        "http:\\\\site.test:PORT\\secret",
        "http://[/",
    ],
)
async def test_a_redirect_is_checked_like_the_first_address(location: str) -> None:
    answers: dict[str, bytes] = {}
    async with web(pages(answers)) as site:
        to = location.replace("PORT", str(site.port))
        answers["/"] = reply(b"", f"Location: {to}", status="302 Found")

        with pytest.raises(FetchRefusedError):
            await public_once(site)(site.url(), max_redirects=3)

        assert site.connections == 1


def public_once(site: Web) -> OutboundHttp:
    """Return a client for which the server is public for one request, and then no longer."""
    asked: list[bytes] = []

    def may_reach(packed: bytes) -> bool:
        asked.append(packed)
        return len(asked) <= 2  # the check of the name, and the gate of its socket

    return OutboundHttp(
        user_agent=AGENT, addresses=site.addresses, may_reach=may_reach, ports={site.port}
    )


async def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    answers = {
        f"/{n}": reply(b"", f"Location: {n + 1}", status="301 Moved Permanently") for n in range(9)
    }
    answers["/3"] = reply(b"<title>there</title>")
    async with web(pages(answers)) as site:
        assert (await site.client()(site.url("/0"), max_redirects=3)).url == site.url("/3")
        answers["/3"] = reply(b"", "Location: /4", status="307 Temporary Redirect")
        last = await site.client()(site.url("/0"), max_redirects=3)

    assert (last.status, last.url) == (307, site.url("/3"))
    assert site.connections == 8


async def test_a_webhook_follows_no_redirect_and_sends_its_body_once() -> None:
    async with web(
        pages({"/hook": reply(b"", "Location: /", status="307 Temporary Redirect")})
    ) as site:
        answer = await site.client()(
            site.url("/hook"), method="POST", content=b"{}", max_redirects=3
        )

    assert (answer.status, site.connections) == (307, 1)
    assert site.heads[0].startswith("POST /hook HTTP/1.1\r\n")


async def test_headers_for_one_server_do_not_go_to_the_next() -> None:
    answers: dict[str, bytes] = {"/there": reply(b"x")}
    async with web(pages(answers)) as site:
        answers["/"] = reply(b"", f"Location: {site.url('/there', host='b.test')}", status="302 F")
        await site.client()(
            site.url(host="a.test"), headers={"Authorization": "Bearer x"}, max_redirects=1
        )

    assert ["Authorization: Bearer x" in head for head in site.heads] == [True, False]


async def test_cookies_are_never_sent_back() -> None:
    answers = {
        "/": reply(b"", "Set-Cookie: a=b; Path=/", "Location: /b", status="302 Found"),
        "/b": reply(b"x"),
    }
    async with web(pages(answers)) as site:
        await site.client()(site.url(), max_redirects=1)

    assert not any("cookie" in head.lower() for head in site.heads)


async def test_the_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with web(pages(PAGE)) as proxy, web(pages(PAGE)) as site:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")

        assert (await site.client()(site.url())).status == 200

    assert (proxy.connections, site.connections) == (0, 1)


@pytest.mark.parametrize("port", [22, 25, 6379, 8080])
async def test_ports_of_other_services_are_refused(port: int) -> None:
    async with web(pages(PAGE)) as site:
        with pytest.raises(FetchRefusedError, match="port"):
            await site.client()(f"http://site.test:{port}/")
        assert site.connections == 0


async def test_a_configured_service_may_be_anywhere() -> None:
    async with web(pages(PAGE)) as site:
        client = OutboundHttp(
            user_agent=AGENT, addresses=site.addresses, trusted={f"sso.test:{site.port}"}
        )

        assert (await client(site.url(host="sso.test"))).status == 200
        with pytest.raises(FetchRefusedError):
            await client(site.url(host="other.test"))

    assert site.connections == 1


async def test_a_name_without_an_address_may_have_one_later() -> None:
    async with web(pages(PAGE)) as site:
        site.names = {"gone.test": [[]]}
        with pytest.raises(FetchFailedError, match="no address"):
            await site.client()(site.url(host="gone.test"))


# TLS: to a checked address, under the name of the URL


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for secure.test that says so itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "secure.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("secure.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "secure.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


async def test_the_certificate_is_that_of_the_name_and_not_of_the_address(
    certificate: Path,
) -> None:
    asked: list[str | None] = []
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    served.sni_callback = lambda _object, name, _context: asked.append(name)
    async with web(pages(PAGE), tls=served) as site:
        client = OutboundHttp(
            user_agent=AGENT,
            addresses=site.addresses,
            may_reach=lambda packed: packed == LOOPBACK,
            ports={site.port},
            tls=ssl.create_default_context(cafile=str(certificate)),
        )

        answer = await client(f"https://secure.test:{site.port}/")
        with pytest.raises(FetchFailedError, match="Certificate"):
            await client(f"https://other.test:{site.port}/")
        with pytest.raises(FetchFailedError, match="Certificate"):
            await client(f"https://127.0.0.1:{site.port}/")

    assert (answer.status, answer.body) == (200, b"<title>x</title>")
    assert asked == ["secure.test", "other.test", None]
    assert [head.split("\r\n")[1] for head in site.heads] == [f"Host: secure.test:{site.port}"]


async def test_a_certificate_of_nobody_is_not_believed(certificate: Path) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    async with web(pages(PAGE), tls=served) as site:
        with pytest.raises(FetchFailedError, match="Certificate"):
            await site.client()(f"https://secure.test:{site.port}/")

    assert site.heads == []


# Servers that never come to an end


async def test_a_server_that_drips_is_left_after_the_whole_time() -> None:
    async def drip(found: Web, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await found.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with web(drip) as site:
        with pytest.raises(FetchFailedError, match=r"no whole answer in 0\.2 s"):
            await site.client(total_s=0.2)(site.url())


async def test_a_server_that_says_nothing_is_left_after_the_whole_time() -> None:
    async def hang(found: Web, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await found.head(reader)
        await asyncio.get_running_loop().create_future()

    async with web(hang) as site:
        with pytest.raises(FetchFailedError, match="no whole answer"):
            await site.client(total_s=0.2)(site.url())


async def test_the_time_is_one_for_all_redirects() -> None:
    async def slow(found: Web, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await found.head(reader)
        await asyncio.sleep(0.15)
        writer.write(reply(b"", "Location: /", status="302 Found"))
        await writer.drain()

    async with web(slow) as site:
        with pytest.raises(FetchFailedError, match="no whole answer"):
            await site.client(total_s=0.3)(site.url(), max_redirects=3)
        assert site.connections <= 3


async def endless(found: Web, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await found.head(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def test_a_body_without_end_is_read_to_its_bound() -> None:
    async with web(endless) as site:
        answer = await site.client()(site.url())

    assert (len(answer.body), answer.is_cut) == (524_288, True)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "x-gzip"])
async def test_a_bomb_is_inflated_to_the_bound_and_no_further(coding: str) -> None:
    plain = bytes(50 << 20)
    bomb = zlib.compress(plain, 9) if coding == "deflate" else gzip.compress(plain)
    assert len(bomb) < 100_000
    async with web(pages({"/": reply(bomb, f"Content-Encoding: {coding}")})) as site:
        client = site.client()
        tracemalloc.start()
        answer = await client(site.url())
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert (len(answer.body), answer.is_cut) == (524_288, True)
    assert peak_bytes < 4 << 20


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate"])
async def test_a_compressed_page_is_read(coding: str) -> None:
    plain = b"<title>x</title>" * 9999
    if coding == "gzip":
        packed = gzip.compress(plain)
    elif coding == "deflate":
        packed = zlib.compress(plain)
    else:
        packed = zlib.compress(plain)[2:-4]
    name = coding.rpartition(" ")[2]
    async with web(pages({"/": reply(packed, f"Content-Encoding: {name}")})) as site:
        answer = await site.client()(site.url())

    assert (answer.body, answer.is_cut) == (plain, False)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress"])
async def test_a_coding_that_was_not_asked_for_is_not_decoded(coding: str) -> None:
    async with web(pages({"/": reply(b"\x1b\xff", f"Content-Encoding: {coding}")})) as site:
        with pytest.raises(FetchFailedError, match="content coding"):
            await site.client()(site.url())


async def test_a_damaged_body_is_an_answer_that_cannot_be_read() -> None:
    async with web(pages({"/": reply(b"no gzip at all", "Content-Encoding: gzip")})) as site:
        with pytest.raises(FetchFailedError, match="UnreadableBodyError"):
            await site.client()(site.url())


@pytest.mark.parametrize(
    "headers",
    [
        [f"X-{n}: y" for n in range(200)],
        ["X: " + "y" * 100_000],
        ["X" * 100_000 + ": y"],
    ],
)
async def test_huge_headers_are_refused(headers: list[str]) -> None:
    async with web(pages({"/": reply(b"x", *headers)})) as site:
        with pytest.raises(FetchFailedError):
            await site.client()(site.url())


async def test_headers_without_end_are_refused() -> None:
    async def flood(found: Web, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await found.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-A: y\r\n" * 1000)
            await writer.drain()

    async with web(flood) as site:
        with pytest.raises(FetchFailedError):
            await site.client()(site.url())


@pytest.mark.parametrize(
    "answer", [b"", b"\x00" * 100, b"HTTP/1.1 999999 X\r\n\r\n", b"SSH-2.0-OpenSSH\r\n"]
)
async def test_what_is_no_http_is_an_answer_that_cannot_be_read(answer: bytes) -> None:
    async with web(pages({"/": answer})) as site:
        with pytest.raises(FetchFailedError):
            await site.client()(site.url())
