"""Where the portal is: which cookie, which pages, which connections."""

import pytest

from api.portal_site import PortalSite

HTTPS = "https://links.example.org"
LOCAL = "http://localhost:8080"
PLAIN = "http://links.example.org"


@pytest.mark.parametrize(
    ("public_url", "name"),
    [
        (HTTPS, "__Host-linkyard"),
        ("https://localhost", "__Host-linkyard"),
        (LOCAL, "linkyard-local"),
        ("http://127.0.0.1:8080", "linkyard-local"),
        ("http://[::1]", "linkyard-local"),
        ("http://portal.localhost:8080/sub", "linkyard-local"),
        (PLAIN, ""),
        ("http://192.0.2.7:8080", ""),
        ("http://localhost.example.org", ""),
    ],
)
def test_there_is_a_cookie_where_nobody_else_reads_it(public_url: str, name: str) -> None:
    assert PortalSite.of(public_url).cookie_name == name


@pytest.mark.parametrize("is_encrypted", [True, False])
@pytest.mark.parametrize(
    ("public_url", "host", "is_secure"),
    [
        (LOCAL, "localhost:8080", True),
        (LOCAL, "127.0.0.1:8080", True),
        (LOCAL, "[::1]:8080", True),
        (LOCAL, "192.0.2.7:8080", False),
        (LOCAL, "localhost.example.org", False),
        (LOCAL, "", False),
        (PLAIN, "localhost", False),
        (PLAIN, "links.example.org", False),
    ],
)
def test_plain_http_is_for_this_machine(
    public_url: str, host: str, *, is_secure: bool, is_encrypted: bool
) -> None:
    assert PortalSite.of(public_url).is_secure(host, is_encrypted=is_encrypted) is is_secure


@pytest.mark.parametrize("host", ["links.example.org", "10.0.0.5:8080", ""])
def test_https_is_for_requests_that_came_by_it(host: str) -> None:
    site = PortalSite.of(HTTPS)

    assert site.is_secure(host, is_encrypted=True)
    assert not site.is_secure(host, is_encrypted=False)


@pytest.mark.parametrize(
    ("public_url", "origin", "host", "is_ours"),
    [
        (HTTPS, HTTPS, "links.example.org", True),
        (HTTPS, "https://links.example.org:443", "links.example.org", True),
        (HTTPS, "https://LINKS.example.org", "10.0.0.5", True),
        (HTTPS, PLAIN, "links.example.org", False),
        (HTTPS, "https://links.example.org:8443", "links.example.org:8443", False),
        (HTTPS, "https://evil.example", "evil.example", False),
        (HTTPS, "https://links.example.org.evil.example", "links.example.org", False),
        (HTTPS, "https://localhost", "localhost", False),
        (HTTPS, "null", "links.example.org", False),
        (HTTPS, "", "links.example.org", False),
        (HTTPS, "https://", "links.example.org", False),
        (HTTPS, "https://[", "links.example.org", False),
        (HTTPS, "https://links.example.org:port", "links.example.org", False),
        (LOCAL, "http://localhost:8080", "localhost:8080", True),
        (LOCAL, "http://127.0.0.1:8080", "localhost:8080", True),
        (LOCAL, "http://127.0.0.1:8081", "127.0.0.1:8081", True),
        (LOCAL, "http://127.0.0.1:3000", "127.0.0.1:8080", False),
        (LOCAL, "https://localhost:8080", "localhost:8080", False),
        (LOCAL, "http://evil.example:8080", "localhost:8080", False),
        (PLAIN, PLAIN, "links.example.org", True),
        (PLAIN, "http://localhost", "localhost", False),
    ],
)
def test_a_page_is_ours_by_its_origin(
    public_url: str, origin: str, host: str, *, is_ours: bool
) -> None:
    assert PortalSite.of(public_url).allows(origin, host=host) is is_ours
