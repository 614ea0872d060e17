"""The script of the pages that letters lead to, against a real service and store."""

from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpClient
from tortoise.transactions import in_transaction

from api.app import Parts, create_app
from api.entrance import routes as entrance
from api.keys import PORTAL, PORTS, SITE, TRUSTED_PROXIES
from api.portal_site import PortalSite
from models.invitations import Invitation
from models.rules.roles import ADMINISTRATOR, CUSTOMER
from models.texts import LOCALES, text
from models.users import User
from resolvers.invitations import create_invitation
from resolvers.letter_order_filling import fill_orders
from resolvers.passwords import issue_reset
from resolvers.ports import AccessPolicy, Ports
from resolvers.session_lookup import session_uses_written
from resolvers.sign_up import request_sign_up
from schema.context import PortalFacts
from tests.browser import Sight, use_page
from tests.factories import PASSWORDS, as_nobody, as_person, make_built_in
from tests.people import PASSWORD, make_member, token_of_letter
from tests.portal import Client

NEW = "four noisy cranes"
FACTS = PortalFacts(
    name="Linkyard",
    version="0",
    public_url="http://localhost:8080",
    trusts_documents_only=True,  # a page of ours may send its operation even then
)


@pytest.fixture
def ports(ports: Ports) -> Ports:
    return replace(ports, access=AccessPolicy(may_sign_up=True))


@pytest.fixture
async def portal(database: None, ports: Ports, aiohttp_client: AiohttpClient) -> Client:
    await make_built_in(CUSTOMER, "there@people.test")
    return await aiohttp_client(create_app(Parts(ports=ports, portal=FACTS)))


async def reset_path(ports: Ports, user: User) -> str:
    async with in_transaction("default") as connection:
        return await issue_reset(as_nobody(ports), connection, user_id=user.id)


async def has_password(user: User, password: str) -> bool:
    stored = await User.get(id=user.id)
    return (await PASSWORDS.verify(password, stored.password_hash)).is_right


def is_asking(sight: Sight) -> bool:
    """Tell whether the form is to be seen."""
    return text("en", "PAGE_FIELD_PASSWORD_TITLE") in sight.shown


async def test_the_token_leaves_the_address_bar_before_anything_is_sent(
    portal: Client, ports: Ports
) -> None:
    path = await reset_path(ports, await make_member())

    sight = await use_page(portal, path)

    assert sight.address == str(portal.make_url("/app/password-reset"))
    assert is_asking(sight)
    assert sight.requests == []
    assert text("en", "PAGE_DOOR_SCRIPT") not in sight.shown


async def test_a_password_is_set_and_the_page_says_what_is_next(
    portal: Client, ports: Ports
) -> None:
    user = await make_member()
    path = await reset_path(ports, user)

    sight = await use_page(portal, path, ("type", "newPassword", NEW), ("send", 2))

    assert await has_password(user, NEW)
    assert sight.shown == [
        "Linkyard",
        "Choose a new password",
        text("en", "PAGE_DOOR_PASSWORD_RESET_DONE", portal="Linkyard"),
        "To the start page",
    ]
    assert sight.focus == "done"
    assert sight.typed == {"newPassword": ""}
    [request] = sight.requests  # a second press while the first was under way
    token = path.partition("#")[2]
    assert request["url"] == str(portal.make_url("/graphql"))
    assert request["credentials"] == "omit"
    assert request["variables"] == {"input": {"token": token, "newPassword": NEW}}
    await session_uses_written()


@pytest.mark.parametrize("language", LOCALES)
async def test_a_problem_is_told_at_its_field_in_the_language_of_the_page(
    portal: Client, ports: Ports, language: str
) -> None:
    user = await make_member()
    path = await reset_path(ports, user)

    sight = await use_page(
        portal, path, ("type", "newPassword", "password1"), ("send",), language=language
    )

    assert text(language, "INVALID_VALUE.password_common") in sight.shown
    assert sight.invalid == ["newPassword"]
    assert sight.focus == "newPassword"
    assert sight.typed == {"newPassword": "password1"}
    assert await has_password(user, PASSWORD)


async def test_after_a_problem_the_same_letter_still_works(portal: Client, ports: Ports) -> None:
    user = await make_member()
    path = await reset_path(ports, user)

    sight = await use_page(
        portal,
        path,
        ("type", "newPassword", "short"),
        ("send",),
        ("type", "newPassword", NEW),
        ("send",),
    )

    assert await has_password(user, NEW)
    assert (sight.focus, sight.invalid) == ("done", [])


async def test_a_used_token_is_told_above_the_form(portal: Client, ports: Ports) -> None:
    user = await make_member()
    path = await reset_path(ports, user)
    await use_page(portal, path, ("type", "newPassword", NEW), ("send",))

    sight = await use_page(portal, path, ("type", "newPassword", PASSWORD), ("send",))

    assert text("en", "TOKEN_INVALID") in sight.shown
    assert (sight.focus, sight.invalid) == ("told", [])
    assert await has_password(user, NEW)


async def test_without_a_token_nothing_is_asked_until_the_whole_address_is_opened(
    portal: Client, ports: Ports
) -> None:
    user = await make_member()
    path = await reset_path(ports, user)
    plain, _, token = path.partition("#")

    lost = await use_page(portal, plain)
    found = await use_page(
        portal, plain, ("follow", f"#{token}"), ("type", "newPassword", NEW), ("send",)
    )

    assert text("en", "PAGE_DOOR_INCOMPLETE") in lost.shown
    assert not is_asking(lost)
    assert found.focus == "done"
    assert text("en", "PAGE_DOOR_INCOMPLETE") not in found.shown
    assert await has_password(user, NEW)


async def test_without_a_connection_the_page_says_so_and_keeps_what_was_typed(
    portal: Client, ports: Ports
) -> None:
    user = await make_member()
    path = await reset_path(ports, user)

    sight = await use_page(
        portal, path, ("unplug",), ("type", "newPassword", NEW), ("send",), language="ru"
    )

    assert text("ru", "PAGE_DOOR_OFFLINE") in sight.shown
    assert (sight.focus, sight.typed) == ("told", {"newPassword": NEW})
    assert await has_password(user, PASSWORD)


async def test_a_password_can_be_looked_at(portal: Client, ports: Ports) -> None:
    path = await reset_path(ports, await make_member())

    looked = await use_page(portal, path, ("check", "show"))
    again = await use_page(portal, path, ("check", "show"), ("check", "show"))

    assert (looked.kinds, again.kinds) == ({"newPassword": "text"}, {"newPassword": "password"})


async def test_where_people_sign_in_elsewhere_an_invitation_needs_no_password(
    database: None, ports: Ports, aiohttp_client: AiohttpClient
) -> None:
    elsewhere = replace(ports, access=AccessPolicy(local_passwords=False))
    portal = await aiohttp_client(create_app(Parts(ports=elsewhere, portal=FACTS)))
    admin = await make_built_in(ADMINISTRATOR, "boss@people.test")
    await make_built_in(CUSTOMER, "there@people.test")
    await create_invitation(as_person(elsewhere, admin), email="new@people.test", role=CUSTOMER)
    token = await token_of_letter("INVITATION")

    sight = await use_page(portal, f"/app/invitation#{token}", ("type", "name", "Ada"), ("send",))

    assert sight.focus == "done"
    user = await User.get(email="new@people.test")
    assert (user.name, user.password_hash) == ("Ada", None)


async def test_an_account_is_made_by_the_letter_of_a_sign_up(portal: Client, ports: Ports) -> None:
    await request_sign_up(as_nobody(ports), email="new@people.test", locale="ru")
    await fill_orders(as_nobody(ports))
    token = await token_of_letter("SIGN_UP")

    sight = await use_page(
        portal,
        f"/app/sign-up#{token}",
        ("type", "name", "Анна"),
        ("type", "password", NEW),
        ("send",),
        language="ru",
    )

    user = await User.get(email="new@people.test")
    assert user.name == "Анна"
    assert await has_password(user, NEW)
    assert sight.shown[2:] == [
        text("ru", "PAGE_DOOR_SIGN_UP_DONE", portal="Linkyard"),
        "Ваш адрес для входа: new@people.test",
        "На главную страницу",
    ]


async def test_an_invitation_is_accepted_with_both_problems_told_at_once(
    portal: Client, ports: Ports
) -> None:
    admin = as_person(ports, await make_built_in(ADMINISTRATOR))
    await create_invitation(admin, email="asked@people.test", role=CUSTOMER)
    path = f"/app/invitation#{await token_of_letter('INVITATION')}"

    refused = await use_page(portal, path, ("type", "password", "short"), ("send",))

    assert (refused.invalid, refused.focus) == (["name", "password"], "name")
    assert await User.filter(email="asked@people.test").count() == 0

    done = await use_page(
        portal, path, ("type", "name", "Ann"), ("type", "password", NEW), ("send",)
    )

    assert "Your address for signing in: asked@people.test" in done.shown
    assert (await User.get(email="asked@people.test")).name == "Ann"
    assert (await Invitation.get()).accepted_at is not None


async def test_what_belongs_to_no_field_is_told_in_the_words_of_the_service(
    database: None, ports: Ports, aiohttp_client: AiohttpClient
) -> None:
    closed = replace(ports, access=AccessPolicy(may_sign_up=False))
    portal = await aiohttp_client(create_app(Parts(ports=closed, portal=FACTS)))

    sight = await use_page(
        portal, "/app/sign-up#x", ("type", "name", "A"), ("type", "password", NEW), ("send",)
    )

    assert text("en", "SIGN_UP_CLOSED") in sight.shown
    assert (sight.focus, sight.invalid) == ("told", [])


async def test_a_proxy_that_answers_in_our_place_is_told_as_a_passing_fault(
    ports: Ports, aiohttp_client: AiohttpClient
) -> None:
    async def bad_gateway(_request: web.Request) -> web.Response:
        return web.Response(status=502, text="<html>502 Bad Gateway</html>")

    app = web.Application()
    app[PORTS] = ports
    app[PORTAL] = FACTS
    app[SITE] = PortalSite.of(FACTS.public_url)
    app[TRUSTED_PROXIES] = ()
    app.add_routes([*entrance.routes(), web.post("/graphql", bad_gateway)])
    portal = await aiohttp_client(app)

    sight = await use_page(portal, "/app/password-reset#x", ("type", "newPassword", NEW), ("send",))

    assert text("en", "PAGE_DOOR_BROKEN") in sight.shown
    assert (sight.focus, sight.typed) == ("told", {"newPassword": NEW})
