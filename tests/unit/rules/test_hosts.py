"""Hosts in their one spelling."""

import pytest

from models.rules.hosts import join_port, leads_home, normal_host, split_port


@pytest.mark.parametrize(
    ("host", "normal"),
    [
        ("go.example.org", "go.example.org"),
        ("GO.Example.ORG.", "go.example.org"),
        ("go.example.org:80", "go.example.org"),
        ("go.example.org:443", "go.example.org"),
        ("go.example.org.:8080", "go.example.org:8080"),
        ("localhost:8080", "localhost:8080"),
        ("Пример.РФ", "xn--e1afmkfd.xn--p1ai"),
        ("0x7f.1:8080", "127.0.0.1:8080"),
        ("[::1]:8080", "[::1]:8080"),
        ("[0:0::1]", "[::1]"),
        ("a_b.example.org", "a_b.example.org"),
        ("", None),
        (".", None),
        ("a..b", None),
        ("a b", None),
        ("a/b", None),
        ("user@a", None),
        ("a?b", None),
        ("a#b", None),
        ("a\\b", None),
        ("a\tb", None),
        ("a:port", None),
        ("a:99999", None),
        ("[::1", None),
        ("xn--a", None),
        ("\ud800", None),
        ("http://a", None),
    ],
)
def test_a_host_has_one_spelling_or_is_none(host: str, normal: str | None) -> None:
    assert normal_host(host) == normal
    if normal is not None:
        assert normal_host(normal) == normal
        assert join_port(*split_port(normal)) == normal


@pytest.mark.parametrize(
    ("name", "port", "home"),
    [
        ("go.test", "", True),
        ("go.test", "9999", True),
        ("go.test.", "", True),
        ("a.go.test", "", False),
        ("localhost", "8080", True),
        ("127.0.0.2", "8080", True),
        ("localhost", "", False),
        ("localhost", "8081", False),
        ("10.0.0.1", "8080", False),
    ],
)
def test_a_request_comes_home_by_name_and_port(name: str, port: str, *, home: bool) -> None:
    assert leads_home(name, port, own={"go.test", "localhost:8080"}) == home
