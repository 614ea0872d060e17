"""The proxies we ship send to the portal what is the portal's, and every link to the redirects."""

import re
from pathlib import Path
from typing import Any, cast

import pytest

from api import static_answers
from api.app import Parts, create_app
from api.oidc import OidcRoutes
from models.rules.slugs import RESERVED_WORDS
from resolvers.ports import Ports
from schema.context import PortalFacts

NGINX = Path("deploy/nginx.conf").read_text()
CADDY = Path("deploy/Caddyfile").read_text()
FOLDERS = ("/api/", "/app/", "/assets/", "/files/")  # all that lies below them
_NGINX_LOCATION = re.compile(r"^ *location ([^{]*?) *\{([^}]*)\}", re.MULTILINE)
_CADDY_HANDLE = re.compile(r"^\thandle ?([^{\n]*?) ?\{\n(.*?)^\t\}", re.MULTILINE | re.DOTALL)


def destination(block: str) -> str:
    """Return which service a block leads to."""
    found = re.search(r"linkyard_api|linkyard_redirect|:8080|:8081|\b404\b", block)
    assert found is not None
    return {"linkyard_api": "api", ":8081": "api", "404": "nowhere"}.get(found[0], "redirect")


@pytest.fixture
def portal_paths(ports: Ports) -> set[str]:
    facts = PortalFacts(name="Linkyard", version="0", public_url="https://portal.test")
    oidc = OidcRoutes(cast("Any", None), may_create=False)
    app = create_app(Parts(ports=ports, portal=facts, oidc=oidc))
    everywhere = {resource.path for resource in static_answers.routes}  # type: ignore[attr-defined]
    paths = {resource.canonical for resource in app.router.resources()} - everywhere
    return {next(filter(path.startswith, FOLDERS), path) for path in paths}


def test_nginx_takes_no_path_that_a_link_can_have(portal_paths: set[str]) -> None:
    found = {where: destination(block) for where, block in _NGINX_LOCATION.findall(NGINX)}

    assert found == {"/": "redirect", "= /metrics": "nowhere"} | {
        path if path in FOLDERS else f"= {path}": "api" for path in portal_paths
    }
    slugs = {path.strip("= /") for path in found if path not in {"/", "= /"}}
    assert slugs <= RESERVED_WORDS


def test_caddy_takes_no_path_that_a_link_can_have(portal_paths: set[str]) -> None:
    found = {where: destination(block) for where, block in _CADDY_HANDLE.findall(CADDY)}

    assert found == {"": "redirect", "/metrics": "nowhere"} | {
        f"{path}*" if path in FOLDERS else path: "api" for path in portal_paths
    }
    assert {path.strip("/*") for path in found if path not in {"", "/"}} <= RESERVED_WORDS


def test_caddy_decides_in_handles_alone() -> None:
    outside = _CADDY_HANDLE.sub("", CADDY)

    assert re.findall(r"^\t\S+.*", outside, re.MULTILINE) == [
        line for line in re.findall(r"^\t\S+.*", outside, re.MULTILINE) if line.startswith("\t#")
    ]
