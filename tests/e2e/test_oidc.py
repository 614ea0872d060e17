"""Signing in at the customer's own provider: a real one on loopback, honest and lying."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from html import unescape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from aiohttp.pytest_plugin import AiohttpClient
from joserfc import jwt
from yarl import URL

from api.adapters.oidc_provider import OidcClient, OidcProvider
from api.adapters.outbound_http import OutboundHttp
from api.app import Parts, create_app
from api.oidc import CALLBACK, OidcRoutes
from models.audit_entries import AuditEntry
from models.one_time_tokens import OneTimeToken
from models.rules.base64url import to_base64url
from models.rules.roles import CUSTOMER
from models.rules.tokens import new_token
from models.second_factors import Identity
from models.sessions import Session
from models.texts import text
from models.throttles import Throttle
from models.users import Role, User
from resolvers.ports import Ports
from resolvers.session_lookup import session_uses_written
from schema.context import PROVIDER_START, PortalFacts
from tests.factories import make_user
from tests.fakes import FixedClock
from tests.oidc_stub import (
    CLIENT_ID,
    CLIENT_SECRET,
    Claims,
    StubProvider,
    rsa_key,
    stub_provider,
    unsigned,
)
from tests.people import begin
from tests.portal import Client, operation

PORTAL = "https://portal.test"
COOKIE = "__Host-linkyard-oidc"
SESSION_COOKIE = "__Host-linkyard"


@dataclass
class World:
    """The portal, the provider, and a person's browser."""

    client: Client
    stub: StubProvider
    timer: list[float]

    async def leave(self, *, query: str = "", session: str = "") -> tuple[str, str]:
        """Begin: return the address of the provider and the browser's cookie."""
        headers = {"Cookie": f"{SESSION_COOKIE}={session}"} if session else {}
        response = await self.client.get(
            f"{PROVIDER_START}{query}", headers=headers, allow_redirects=False
        )
        assert response.status == 303, await response.text()
        cookie = SimpleCookie(response.headers["Set-Cookie"])[COOKIE]
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (
            True,
            True,
            "Lax",
            "/",
        )
        return response.headers["Location"], cookie.value

    async def come_back(self, url: str, cookie: str | None, *, session: str = "") -> Any:  # noqa: ANN401 - a response
        """Follow the provider's redirect."""
        assert url.startswith(f"{PORTAL}{CALLBACK}?")
        headers = {} if cookie is None else {"Cookie": f"{COOKIE}={cookie}"}
        if session:
            headers["Cookie"] += f"; {SESSION_COOKIE}={session}"
        address = URL(url.removeprefix(PORTAL), encoded=True)
        return await self.client.get(address, headers=headers, allow_redirects=False)

    async def sign_in(self) -> Any:  # noqa: ANN401 - a response
        """Go all the way."""
        address, cookie = await self.leave()
        return await self.come_back(self.stub.authorize(address), cookie)

    async def refusal(self) -> str:
        """Go all the way, see that nobody is signed in, and return the reason of the log."""
        before = await Session.all().count(), await Identity.all().count(), await User.all().count()
        response = await self.sign_in()
        assert response.status in {403, 502, 503}
        assert f"{SESSION_COOKIE}=" not in str(response.headers.getall("Set-Cookie", []))
        after = await Session.all().count(), await Identity.all().count(), await User.all().count()
        assert after == before
        entry = await AuditEntry.filter(action="identity.refuse").order_by("-id").first()
        assert entry is not None
        told = orjson.loads(entry.after)
        title = text("en", "PAGE_SIGN_IN_TITLE")
        page = await response.text()
        assert title in page
        assert text("en", f"PAGE_SIGN_IN_{told['reason'].upper()}").split("'")[0] in page
        return f"{told['reason']} {told['detail']}".strip()


@pytest.fixture
async def stub(clock: FixedClock) -> AsyncIterator[StubProvider]:
    async with stub_provider(clock) as found:
        yield found


@pytest.fixture
async def world(
    database: None, ports: Ports, stub: StubProvider, aiohttp_client: AiohttpClient
) -> World:
    return await make_world(ports, stub, aiohttp_client)


async def make_world(
    ports: Ports, stub: StubProvider, aiohttp_client: AiohttpClient, *, may_create: bool = False
) -> World:
    timer = [0.0]
    provider = OidcProvider(
        OidcClient(
            issuer=stub.issuer,
            client_id=CLIENT_ID,
            secret=CLIENT_SECRET,
            scopes="openid email",
            redirect_uri=f"{PORTAL}{CALLBACK}",
        ),
        OutboundHttp(user_agent="Linkyard", trusted=[urlsplit(stub.issuer).netloc]),
        timer=lambda: timer[0],
    )
    facts = PortalFacts(name="Linkyard", version="0", public_url=PORTAL)
    routes = OidcRoutes(provider, may_create=may_create)
    client = await aiohttp_client(create_app(Parts(ports=ports, portal=facts, oidc=routes)))
    return World(client, stub, timer)


async def test_a_verified_address_is_linked_once_and_the_subject_counts_from_then_on(
    world: World,
) -> None:
    user = await make_user("ann@people.test")

    response = await world.sign_in()

    assert (response.status, response.headers["Location"]) == (303, f"{PORTAL}/")
    cookies = SimpleCookie("; ".join(response.headers.getall("Set-Cookie")))
    assert len(cookies[SESSION_COOKIE].value) == 43
    [identity] = await Identity.all()
    assert (identity.user_id, identity.issuer, identity.subject) == (
        user.id,
        world.stub.issuer,
        "ann-17",
    )
    world.stub.claims = {"sub": "ann-17", "email": "new@people.test", "email_verified": False}
    assert (await world.sign_in()).status == 303
    assert [each.factors for each in await Session.filter(user_id=user.id)] == ["oidc", "oidc"]
    actions = [entry.action for entry in await AuditEntry.all().order_by("id")]
    assert actions == ["identity.create", "session.create", "session.create"]


async def test_the_cookie_signs_the_person_in(world: World) -> None:
    await make_user("ann@people.test")
    response = await world.sign_in()
    cookies = SimpleCookie("; ".join(response.headers.getall("Set-Cookie")))

    answer = await world.client.post(
        "/graphql",
        json={"query": "{ viewer { user { email } } }"},
        headers={
            "Cookie": f"{SESSION_COOKIE}={cookies[SESSION_COOKIE].value}",
            "Linkyard-Client": "test",
        },
    )

    assert (await answer.json())["data"] == {"viewer": {"user": {"email": "ann@people.test"}}}


async def test_what_the_provider_publishes_is_asked_for_once(world: World) -> None:
    await make_user("ann@people.test")

    for _ in range(3):
        assert (await world.sign_in()).status == 303

    assert world.stub.asked.count("/.well-known/openid-configuration") == 1
    assert world.stub.asked.count("/keys") == 1
    world.timer[0] += 3601
    assert (await world.sign_in()).status == 303
    assert world.stub.asked.count("/keys") == 2


async def test_new_keys_are_found_and_a_flood_of_unknown_ones_asks_once_a_minute(
    world: World,
) -> None:
    await make_user("ann@people.test")
    assert (await world.sign_in()).status == 303
    world.timer[0] += 61
    world.stub.key = rsa_key("k2")
    assert (await world.sign_in()).status == 303
    assert world.stub.asked.count("/keys") == 2

    stranger = rsa_key("k3")
    world.stub.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "k3"}, claims, stranger)
    for _ in range(3):
        assert await world.refusal() == "provider id token: no key fits"

    assert world.stub.asked.count("/keys") == 2


async def test_a_stranger_gets_an_account_only_where_that_is_wanted(
    world: World, ports: Ports, stub: StubProvider, aiohttp_client: AiohttpClient
) -> None:
    await Role.create(name=CUSTOMER, scopes="LINK_READ")
    assert await world.refusal() == "unknown"
    open_world = await make_world(ports, stub, aiohttp_client, may_create=True)

    assert (await open_world.sign_in()).status == 303

    [user] = await User.all().select_related("role")
    assert (user.email, user.name, user.role.name) == ("ann@people.test", "Ann", CUSTOMER)
    assert user.email_verified_at is not None
    assert user.password_hash is None
    assert (await Identity.get()).user_id == user.id


async def test_two_first_sign_ins_at_once_make_one_account(
    database: None, ports: Ports, stub: StubProvider, aiohttp_client: AiohttpClient
) -> None:
    await Role.create(name=CUSTOMER, scopes="LINK_READ")
    world = await make_world(ports, stub, aiohttp_client, may_create=True)

    responses = await asyncio.gather(*(world.sign_in() for _ in range(4)))

    assert [response.status for response in responses] == [303] * 4
    assert (await User.all().count(), await Identity.all().count()) == (1, 1)
    assert await Session.all().count() == 4


async def test_first_sign_ins_of_a_known_person_at_once_link_the_account_once(
    world: World,
) -> None:
    user = await make_user("ann@people.test")

    responses = await asyncio.gather(*(world.sign_in() for _ in range(6)))

    assert [response.status for response in responses] == [303] * 6
    assert [row.user_id for row in await Identity.all()] == [user.id]
    assert await Session.filter(user_id=user.id).count() == 6


@pytest.mark.parametrize("verified", [False, None, "true", 1])
async def test_an_address_that_is_not_verified_links_nothing(
    world: World, verified: object
) -> None:
    await make_user("ann@people.test")
    world.stub.claims |= {"email_verified": verified}

    assert await world.refusal() == "unverified"


async def test_an_address_that_was_given_to_somebody_else_does_not_inherit_the_account(
    world: World,
) -> None:
    await make_user("ann@people.test")
    assert (await world.sign_in()).status == 303

    world.stub.claims |= {"sub": "ann-18"}

    assert await world.refusal() == "linked"


async def test_a_deactivated_person_stays_out(world: World, clock: FixedClock) -> None:
    user = await make_user("ann@people.test")
    assert (await world.sign_in()).status == 303
    await User.filter(id=user.id).update(deactivated_at=clock.at)

    assert await world.refusal() == "deactivated"


LIES: dict[str, tuple[Claims, str]] = {
    "other nonce": ({"nonce": "x"}, "another nonce"),
    "no nonce": ({"nonce": None}, "another nonce"),
    "other audience": ({"aud": "other"}, "another audience"),
    "no audience": ({"aud": None}, "another audience"),
    "several audiences, no party": ({"aud": ["linkyard", "other"]}, "another party"),
    "other party": ({"azp": "other"}, "another party"),
    "other issuer": ({"iss": "https://evil.example"}, "another issuer"),
    "expired": ({"exp": 1}, "expired"),
    "never expires": ({"exp": None}, "no moments"),
    "issued long ago": ({"iat": 1}, "of another time"),
    "issued tomorrow": ({"iat": 99999999999}, "of another time"),
    "not yet": ({"nbf": 99999999999}, "of another time"),
    "true as a moment": ({"iat": True}, "no moments"),
    "no subject": ({"sub": ""}, "no subject"),
    "subject of another type": ({"sub": 17}, "no subject"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_token_with_a_wrong_claim_signs_nobody_in(world: World, lie: str) -> None:
    await make_user("ann@people.test")
    changed, reason = LIES[lie]
    world.stub.forge = lambda claims: {**claims, **changed}

    assert await world.refusal() == f"provider id token: {reason}"


async def test_several_audiences_are_fine_when_we_are_the_party(world: World) -> None:
    await make_user("ann@people.test")
    world.stub.forge = lambda claims: {**claims, "aud": [CLIENT_ID, "other"], "azp": CLIENT_ID}

    assert (await world.sign_in()).status == 303


async def test_a_token_without_a_signature_signs_nobody_in(world: World) -> None:
    await make_user("ann@people.test")
    world.stub.sign = unsigned

    assert await world.refusal() == "provider id token: an algorithm that is not allowed"


async def test_the_public_key_is_no_shared_secret(world: World) -> None:
    """The classic: HS256, keyed by what everybody may read."""
    await make_user("ann@people.test")
    public = world.stub.key.as_pem(private=False)

    def forged(claims: Claims) -> str:
        head = b'{"alg":"HS256","kid":"k1"}'
        body = f"{to_base64url(head)}.{to_base64url(orjson.dumps(claims))}"
        mac = hmac.new(public, body.encode(), sha256).digest()
        return f"{body}.{to_base64url(mac)}"

    world.stub.sign = forged

    assert await world.refusal() == "provider id token: an algorithm that is not allowed"


async def test_another_key_of_the_same_name_signs_nobody_in(world: World) -> None:
    await make_user("ann@people.test")
    other = rsa_key("other")
    world.stub.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "k1"}, claims, other)

    assert await world.refusal() == "provider id token: another signature"


async def test_a_key_that_the_token_brings_along_is_not_believed(world: World) -> None:
    await make_user("ann@people.test")
    own = rsa_key("own")
    header = {"alg": "RS256", "kid": "own", "jwk": own.as_dict(private=False)}
    world.stub.sign = lambda claims: jwt.encode(header, claims, own)

    assert await world.refusal() == "provider id token: no key fits"


@pytest.mark.parametrize(
    "token", ["", "a", "a.b.c", "bm90IGpzb24.e30.x", "e30.e30.e30", "x" * 40000]
)
async def test_what_is_no_token_signs_nobody_in(world: World, token: str) -> None:
    await make_user("ann@people.test")
    world.stub.sign = lambda _claims: token

    assert (await world.refusal()).startswith("provider id token: ")


async def test_the_state_of_another_browser_is_worth_nothing(world: World) -> None:
    """A stranger's own sign-in, handed to somebody as a link, signs nobody in."""
    await make_user("ann@people.test")
    stranger, _ = await world.leave()
    _, own_cookie = await world.leave()
    back = world.stub.authorize(stranger)

    for cookie in (own_cookie, "", None):
        response = await world.come_back(back, cookie)
        assert response.status == 403

    assert await Session.all().count() == 0
    assert "/token" not in world.stub.asked


async def test_the_way_back_is_good_once(world: World) -> None:
    await make_user("ann@people.test")
    address, cookie = await world.leave()
    back = world.stub.authorize(address)
    assert (await world.come_back(back, cookie)).status == 303

    again = await world.come_back(back, cookie)

    assert again.status == 403
    assert await Session.all().count() == 1
    assert world.stub.asked.count("/token") == 1


async def test_a_code_of_another_sign_in_is_refused(world: World) -> None:
    """The provider knows by PKCE, and we by the nonce, that it is not ours."""
    await make_user("ann@people.test")
    first, second = await world.leave(), await world.leave()
    stolen = parse_qs(urlsplit(world.stub.authorize(first[0])).query)["code"][0]
    world.stub.back = {"code": stolen}

    response = await world.come_back(world.stub.authorize(second[0]), second[1])

    assert (response.status, await Session.all().count()) == (502, 0)


async def test_a_sign_in_does_not_wait_for_ever(world: World, clock: FixedClock) -> None:
    await make_user("ann@people.test")
    address, cookie = await world.leave()
    back = world.stub.authorize(address)
    clock.at += timedelta(minutes=10)

    assert (await world.come_back(back, cookie)).status == 403
    assert await Session.all().count() == 0


@pytest.mark.parametrize("issuer", ["https://evil.example", ""])
async def test_the_answer_of_another_provider_is_refused(world: World, issuer: str) -> None:
    await make_user("ann@people.test")
    world.stub.back = {"iss": issuer}

    assert await world.refusal() == "provider the answer is another provider's"
    assert "/token" not in world.stub.asked


async def test_an_answer_that_must_name_its_provider_and_does_not_is_refused(
    world: World,
) -> None:
    await make_user("ann@people.test")
    address, cookie = await world.leave()
    back = world.stub.authorize(address).partition("&iss=")[0]

    assert (await world.come_back(back, cookie)).status == 502
    assert "/token" not in world.stub.asked


async def test_a_provider_of_another_name_is_not_used(world: World) -> None:
    world.stub.metadata = {"issuer": "https://evil.example"}

    response = await world.client.get(PROVIDER_START, allow_redirects=False)

    assert (response.status, "Location" in response.headers) == (502, False)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "", None, 7])
async def test_addresses_that_a_provider_must_not_have_are_not_used(
    world: World, name: str, url: object
) -> None:
    world.stub.metadata = {name: url}

    response = await world.client.get(PROVIDER_START, allow_redirects=False)

    assert (response.status, "Location" in response.headers) == (502, False)


@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri"])
async def test_the_provider_does_not_lead_us_into_the_network(world: World, name: str) -> None:
    await make_user("ann@people.test")
    world.stub.metadata = {name: "http://127.0.0.1:9/secrets"}

    assert "is not allowed" in await world.refusal()


async def test_a_provider_that_is_down_is_no_fault_of_the_person(world: World) -> None:
    world.stub.status = 500
    response = await world.client.get(
        PROVIDER_START, headers={"Accept-Language": "ru"}, allow_redirects=False
    )

    page = await response.text()

    assert response.status == 503
    assert text("ru", "PAGE_SIGN_IN_UNAVAILABLE") in page
    world.stub.status = 200
    await make_user("ann@people.test")
    assert (await world.sign_in()).status == 303


async def test_a_person_who_says_no_is_told_so(world: World) -> None:
    await make_user("ann@people.test")
    world.stub.back = {"error": "access_denied"}

    assert await world.refusal() == "denied access_denied"


async def test_pages_run_nothing_and_are_kept_nowhere(world: World) -> None:
    response = await world.client.get(f"{CALLBACK}?state=%3Cscript%3E&code=a&state=b")

    assert response.status == 403
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert response.headers["Cache-Control"] == "no-store"
    assert "<script" not in await response.text()


async def test_sign_ins_from_one_address_are_bounded(world: World) -> None:
    for _ in range(30):
        await world.leave()

    response = await world.client.get(PROVIDER_START, allow_redirects=False)

    assert response.status == 429
    assert int(response.headers["Retry-After"]) > 0


async def test_departures_leave_the_sign_ins_by_password_alone(world: World) -> None:
    for _ in range(30):
        await world.leave()

    entered = await world.client.post(
        "/graphql",
        json={
            "query": operation("SessionCreate"),
            "variables": {"input": {"email": "ann@people.test", "password": "wrong"}},
        },
        headers={"Linkyard-Client": "test"},
    )

    assert (await entered.json())["data"]["sessionCreate"]["code"] == "SIGN_IN_REFUSED"


PARTS_OF_PAGES = [
    {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Mode": "websocket"},
]


@pytest.mark.parametrize("path", [PROVIDER_START, f"{CALLBACK}?state={'x' * 43}"])
@pytest.mark.parametrize("headers", PARTS_OF_PAGES)
async def test_images_and_frames_of_other_pages_use_up_nothing(
    world: World, path: str, headers: dict[str, str]
) -> None:
    response = await world.client.get(path, headers=headers, allow_redirects=False)

    assert (response.status, "Set-Cookie" in response.headers) == (403, False)
    assert await Throttle.all().count() == 0
    assert (await OneTimeToken.all().count(), await AuditEntry.all().count()) == (0, 0)


async def test_whoever_goes_to_the_provider_does(world: World) -> None:
    headers = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

    response = await world.client.get(PROVIDER_START, headers=headers, allow_redirects=False)

    assert response.status == 303


@pytest.mark.parametrize("query", ["", "?state=x", f"?state={'x' * 44}", "?state=%00&code=a"])
async def test_what_cannot_be_a_state_writes_nothing(world: World, query: str) -> None:
    response = await world.client.get(f"{CALLBACK}{query}", allow_redirects=False)

    assert response.status == 403
    assert (await AuditEntry.all().count(), await Throttle.all().count()) == (0, 0)


async def test_returns_from_nowhere_fill_no_log(world: World) -> None:
    statuses = [
        (await world.client.get(f"{CALLBACK}?state={new_token()}")).status for _ in range(62)
    ]

    assert statuses == [403] * 60 + [429] * 2
    assert await AuditEntry.all().count() == 60


async def test_the_session_that_the_browser_had_ends(world: World, ports: Ports) -> None:
    await make_user("ann@people.test")
    bob = await make_user("bob@people.test")
    before = await begin(ports, bob)
    address, cookie = await world.leave()

    response = await world.come_back(world.stub.authorize(address), cookie, session=before.token)

    assert response.status == 303
    old = await Session.get(id=before.session_id)
    assert old.revoked_at == ports.clock.now()
    assert await Session.filter(revoked_at=None).count() == 1
    ended = await AuditEntry.get(action="session.delete")
    assert (ended.subject_id, ended.actor_id) == (before.session_id, bob.id)
    await session_uses_written()


async def test_without_a_provider_there_is_no_such_route(client: Client) -> None:
    for path in (PROVIDER_START, CALLBACK):
        assert (await client.get(path)).status == 404


async def signed_in(world: World) -> str:
    """Sign Ann in and return her browser's cookie; the proof is too old afterwards."""
    response = await world.sign_in()
    cookies = SimpleCookie("; ".join(response.headers.getall("Set-Cookie")))
    world.stub.clock.at += timedelta(minutes=11)
    return cookies[SESSION_COOKIE].value


async def test_people_of_the_provider_prove_anew_there_and_keep_their_session(
    world: World, clock: FixedClock
) -> None:
    await make_user("ann@people.test")
    session = await signed_in(world)
    before = await Session.get()

    address, cookie = await world.leave(query="?renew=1", session=session)
    query = parse_qs(urlsplit(address).query)
    assert (query["prompt"], query["max_age"]) == (["login"], ["0"])
    back = world.stub.authorize(address)
    response = await world.come_back(back, cookie, session=session)

    assert (response.status, response.headers["Location"]) == (303, f"{PORTAL}/")
    cookies = SimpleCookie("; ".join(response.headers.getall("Set-Cookie")))
    after = await Session.get()
    assert (after.id, after.authenticated_at) == (before.id, clock.at)
    assert after.token_hash == sha256(cookies[SESSION_COOKIE].value.encode()).hexdigest()
    assert after.token_hash != before.token_hash
    assert (await AuditEntry.get(action="session.renew")).after == '{"factor":"oidc"}'
    again = await world.come_back(back, cookie, session=cookies[SESSION_COOKIE].value)
    assert again.status == 403


FAULTS: dict[str, tuple[str, Claims]] = {
    "no session on the way back": ("session", {}),
    "another session on the way back": ("session", {}),
    "a session that ended meanwhile": ("session", {}),
    "another person there": ("person", {"sub": "bob-3", "email": "bob@people.test"}),
    "a person whom nobody knows": ("person", {"sub": "new-1", "email": "new@people.test"}),
    "an old proof": ("stale", {"auth_time": 1767300000}),
    "no word of when": ("stale", {"auth_time": None}),
    "a proof of the future": ("stale", {"auth_time": 99999999999}),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_nothing_less_than_a_new_proof_of_the_same_person_renews(
    world: World, ports: Ports, clock: FixedClock, fault: str
) -> None:
    await make_user("ann@people.test")
    bob = await make_user("bob@people.test")
    await Identity.create(user=bob, issuer=world.stub.issuer, subject="bob-3")
    session = await signed_in(world)
    other = (await begin(ports, bob)).token
    reason, claims = FAULTS[fault]
    world.stub.claims |= claims
    if claims.get("auth_time", 0) is None:
        world.stub.forge = lambda made: {k: v for k, v in made.items() if k != "auth_time"}
    address, cookie = await world.leave(query="?renew=1", session=session)
    await session_uses_written()
    if "ended" in fault:
        await Session.all().update(revoked_at=clock.at)
    before = await Session.all().order_by("id").values(), await Identity.all().count()

    shown = {"no session on the way back": "", "another session on the way back": other}
    response = await world.come_back(
        world.stub.authorize(address), cookie, session=shown.get(fault, session)
    )

    assert response.status == 403
    assert text("en", f"PAGE_SIGN_IN_{reason.upper()}") in unescape(await response.text())
    assert f"{SESSION_COOKIE}=" not in str(response.headers.getall("Set-Cookie", []))
    after = await Session.all().order_by("id").values(), await Identity.all().count()
    assert after == before
    entry = await AuditEntry.get(action="identity.refuse")
    assert orjson.loads(entry.after)["reason"] == reason
    await session_uses_written()


async def test_without_a_session_there_is_nothing_to_renew(world: World) -> None:
    response = await world.client.get(f"{PROVIDER_START}?renew=1", allow_redirects=False)

    assert response.status == 403
    assert text("en", "PAGE_SIGN_IN_SESSION") in unescape(await response.text())
    assert world.stub.asked == []
    assert await OneTimeToken.all().count() == 0
