"""Letters as the reader's mail program shows them."""

import string
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from typing import cast

import pytest

from models.rules.mail_templates import PARAMS, PATH, FactorChange, MailTemplate
from models.rules.roles import ROLES
from models.texts import IDS, LOCALES, text
from resolvers.letters import LetterError, LetterFacts, Letterhead, write_letter

HEAD = Letterhead(
    portal="Короткие ссылки", public_url="https://go.test/p", sender="linkyard@go.test"
)
PARAMS_OF_ALL = {
    "name": "Анна",
    "inviter": "Борис",
    "role": "administrator",
    "organization": "Acme",
    "path": "/x#token=abc",
    "expires_at": "2026-01-03T03:04:05+00:00",
    "at": "2026-01-02T03:04:05+00:00",
    "address": "192.0.2.7",
    "device": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
    "change": "TOTP_ADDED",
    "email": "new@example.org",
}


def facts_of(template: MailTemplate, locale: str = "en", **changed: str) -> LetterFacts:
    values = {name: PARAMS_OF_ALL[name] for name in PARAMS[template]}
    return LetterFacts(
        mail_id=77,
        to="anna@example.org",
        locale=locale,
        template=template,
        params=values | changed,
        posted_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


def shown(letter: EmailMessage) -> EmailMessage:
    """Send it through bytes, as mail servers do."""
    return message_from_bytes(letter.as_bytes(), policy=policy.default)


def part(letter: EmailMessage, kind: str) -> str:
    found = letter.get_body((kind,))
    assert found is not None
    return cast("str", cast("EmailMessage", found).get_content()).replace("\r\n", "\n")


def test_a_letter_has_every_header_that_programs_go_by() -> None:
    letter = shown(write_letter(facts_of(MailTemplate.PASSWORD_RESET, "ru"), HEAD))

    assert {name.lower(): str(value) for name, value in letter.items()} == {
        "from": "Короткие ссылки <linkyard@go.test>",
        "to": "anna@example.org",
        "subject": "Короткие ссылки: новый пароль",
        "date": "Fri, 02 Jan 2026 03:04:05 +0000",
        "message-id": "<mail-77@go.test>",
        "auto-submitted": "auto-generated",
        "x-auto-response-suppress": "All",
        "content-language": "ru",
        "mime-version": "1.0",
        "content-type": str(letter["content-type"]),
    }
    assert letter.get_content_type() == "multipart/alternative"
    assert [each.get_content_type() for each in letter.iter_parts()] == [
        "text/plain",
        "text/html",
    ]


def test_the_bytes_are_ascii_with_crlf_and_short_lines() -> None:
    raw = write_letter(facts_of(MailTemplate.INVITATION, "ru"), HEAD).as_bytes()

    assert raw.isascii()
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 78


def test_the_text_reads_as_a_letter() -> None:
    facts = facts_of(MailTemplate.PASSWORD_RESET, "en", time_zone="Asia/Kolkata")

    assert part(shown(write_letter(facts, HEAD)), "plain") == (
        "Hello, Анна!\n"
        "\n"
        "You asked for a new password for your account. You can choose one on the page that"
        " the link opens. It works once, until 3 January 2026, 08:34 (UTC+5:30).\n"
        "\n"
        "Choose a new password:\n"
        "https://go.test/p/x#token=abc\n"
        "\n"
        "If you did not ask for it, delete this letter: your old password goes on working.\n"
        "\n"
        "-- \n"
        "Короткие ссылки, https://go.test/p – this letter was sent automatically.\n"
    )


def test_the_russian_text_reads_as_a_letter() -> None:
    facts = facts_of(MailTemplate.SECOND_FACTOR_CHANGED, "ru", name="", time_zone="Europe/Moscow")

    assert part(shown(write_letter(facts, HEAD)), "plain") == (
        "Здравствуйте!\n"
        "\n"
        "Для входа в вашу учётную запись теперь нужен код из приложения."
        " Это произошло 2 января 2026 г., 06:04 (UTC+3).\n"
        "\n"
        "Если вы этого не делали и не просили, смените пароль и сообщите администратору.\n"
        "\n"
        "-- \n"
        "Короткие ссылки, https://go.test/p. Письмо отправлено автоматически.\n"
    )


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ("curl/8.0", "curl"),
        ("my own program", "my own program"),
        ("", "unknown"),
        ("\x00\r\n", "unknown"),
    ],
)
def test_a_device_is_told_as_far_as_it_is_known(device: str, told: str) -> None:
    letter = write_letter(facts_of(MailTemplate.SIGN_IN_NEW_DEVICE, device=device), HEAD)

    assert f"03:04 (UTC): {told} (address: 192.0.2.7)." in part(shown(letter), "plain")


@pytest.mark.parametrize(
    ("locale", "changed", "told"),
    [
        ("en", {}, "Invited by: Борис. Role: administrator. Organization: Acme."),
        ("ru", {}, "Кто приглашает: Борис. Роль: администратор. Организация: Acme."),
        ("ru", {"role": "Редактор"}, "Кто приглашает: Борис. Роль: Редактор. Организация: Acme."),
        (
            "ru",
            {"inviter": "", "role": "first_line", "organization": ""},
            "Кто приглашает: Короткие ссылки. Роль: первая линия поддержки. Организация: нет.",
        ),
    ],
)
def test_an_invitation_says_by_whom_and_to_what(
    locale: str, changed: dict[str, str], told: str
) -> None:
    letter = write_letter(facts_of(MailTemplate.INVITATION, locale, **changed), HEAD)

    assert told in part(shown(letter), "plain").splitlines()


@pytest.mark.parametrize("locale", LOCALES)
def test_every_built_in_role_has_a_name_of_its_own(locale: str) -> None:
    names = {text(locale, f"ROLE_{role.upper()}_TITLE") for role in ROLES}

    assert len(names) == len(ROLES)


def test_the_page_leads_where_the_text_leads() -> None:
    page = part(shown(write_letter(facts_of(MailTemplate.SIGN_UP), HEAD)), "html")

    assert page.count('href="https://go.test/p/x#token=abc"') == 2
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert "<title>Короткие ссылки: confirm your address</title>" in page


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("template", MailTemplate)
def test_every_letter_can_be_written_and_says_all_its_parameters(
    template: MailTemplate, locale: str
) -> None:
    facts = facts_of(template, locale)
    letter = shown(write_letter(facts, HEAD))

    said = part(letter, "plain")
    assert "{" not in said + str(letter["subject"])
    for name, value in facts.params.items():
        if name == "device":
            assert "Firefox, Linux" in said
        elif name in {"path", "name", "inviter", "address"}:
            assert value in said
            assert value in part(letter, "html")
    if "at" in facts.params or "expires_at" in facts.params:
        assert "2026" in said


def test_the_catalogue_has_the_texts_of_all_templates_and_no_others() -> None:
    parts = {
        template: ["SUBJECT", "TEXT", *(["ACTION", "AFTER"] if PATH in params else [])]
        for template, params in PARAMS.items()
    }
    wanted = {f"MAIL_{each}_{name}" for each, names in parts.items() for name in names}
    wanted |= {f"MAIL_CHANGE_{each}" for each in FactorChange}
    wanted |= {"MAIL_NONE_TITLE", "MAIL_UNKNOWN_TITLE"}
    wanted |= {"MAIL_HELLO", "MAIL_HELLO_NAME", "MAIL_BUTTON_HINT", "MAIL_FOOTER"}

    assert PARAMS.keys() == set(MailTemplate)
    assert {each for each in IDS if each.startswith("MAIL_")} == wanted


@pytest.mark.parametrize("template", MailTemplate)
def test_texts_use_only_parameters_of_their_template(template: MailTemplate) -> None:
    known = {name: f"<{name}>" for name in PARAMS[template] | {"portal"}}
    for part_name in ("SUBJECT", "TEXT", "ACTION", "AFTER"):
        msgid = f"MAIL_{template}_{part_name}"
        if msgid in IDS:
            assert all(text(locale, msgid, **known) for locale in LOCALES)


def test_markup_in_parameters_is_shown_and_does_nothing() -> None:
    evil = '<script>alert(1)</script><a href="https://evil.test">'
    letter = shown(write_letter(facts_of(MailTemplate.INVITATION, inviter=evil), HEAD))

    assert "<script" not in part(letter, "html")
    assert "evil.test&quot;&gt;" in part(letter, "html")
    assert f"Invited by: {evil}. " in part(letter, "plain")


def test_a_name_of_several_lines_becomes_one_short_line() -> None:
    name = "Eve\r\n\r\nYour account\x00is \u202egone" + "!" * 300
    said = part(
        shown(write_letter(facts_of(MailTemplate.PASSWORD_RESET, name=name), HEAD)), "plain"
    )

    hello = said.splitlines()[0]
    assert hello.startswith("Hello, Eve Your account is gone!!!")
    assert hello.endswith("…!")
    assert len(hello) == len("Hello, !") + 200


@pytest.mark.parametrize("template", [MailTemplate.INVITATION, MailTemplate.PASSWORD_RESET])
def test_no_parameter_reaches_a_header(template: MailTemplate) -> None:
    marked = {name: f"{value}MARK" for name, value in PARAMS_OF_ALL.items() if name != "expires_at"}
    params = {name: value for name, value in marked.items() if name in PARAMS[template]}
    letter = write_letter(facts_of(template, **params), HEAD)

    assert not any("MARK" in str(value) for value in letter.values())


@pytest.mark.parametrize(
    "portal",
    [
        "Очень длинное название портала, с запятыми, и <скобками> " * 3 + "и концом",
        'A "quoted", name; <eve@evil.test>',
        "Портал, eve@evil.test",
        "=?utf-8?q?x?= и ещё",
        "=?utf-8?q?x?=",
        "😀" * 100,
        "x" * 300,
        "x" * 300 + "ж",
    ],
)
def test_any_name_of_the_portal_arrives_whole(portal: str) -> None:
    raw = write_letter(facts_of(MailTemplate.TEST), replace(HEAD, portal=portal)).as_bytes()

    headers = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    assert max(map(len, headers.split("\r\n"))) <= 78
    old = message_from_bytes(raw, policy=policy.compat32)
    sender, _, address = str(make_header(decode_header(old["From"]))).rpartition(" ")
    assert (sender, address) == (portal, "<linkyard@go.test>")
    assert str(make_header(decode_header(old["Subject"]))) == f"{portal}: a test letter"
    assert [each.addr_spec for each in shown_from(raw)] == ["linkyard@go.test"]


def shown_from(raw: bytes) -> tuple[Address, ...]:
    found = message_from_bytes(raw, policy=policy.default)["From"].addresses
    return cast("tuple[Address, ...]", found)


def test_a_long_host_has_whole_ids() -> None:
    host = "department-of-very-long-names." * 5 + "example.org"
    letter = write_letter(
        facts_of(MailTemplate.TEST), replace(HEAD, public_url=f"https://{host}:8443/x")
    )

    assert f"Message-ID: <mail-77@{host}>\r\n".encode() in letter.as_bytes()


@pytest.mark.parametrize("character", ["\r\n", "\n", "\r", "\x00"])
@pytest.mark.parametrize("field", ["portal", "sender", "reply_to"])
def test_a_header_takes_no_line_ends(field: str, character: str) -> None:
    value = f"a{character}Bcc: eve@example.org" if field == "portal" else f"a{character}b@go.test"
    broken = {
        "portal": replace(HEAD, portal=value),
        "sender": replace(HEAD, sender=value),
        "reply_to": replace(HEAD, reply_to=value),
    }[field]

    with pytest.raises(LetterError):
        write_letter(facts_of(MailTemplate.TEST), broken)


@pytest.mark.parametrize("to", ["a\r\nBcc: eve@x.test", "a\nb@x.test", "a\x00@x.test", "nobody"])
def test_a_reader_without_an_address_gets_nothing(to: str) -> None:
    with pytest.raises(LetterError, match="an address is none"):
        write_letter(replace(facts_of(MailTemplate.TEST), to=to), HEAD)


@pytest.mark.parametrize(
    "path", ["", "x", "//evil.test/", "https://evil.test/", "/a b", "/a\r\nb", "/ж", "/\x00"]
)
def test_links_lead_to_the_portal_alone(path: str) -> None:
    with pytest.raises(LetterError, match="a link does not lead to the portal"):
        write_letter(facts_of(MailTemplate.SIGN_UP, path=path), HEAD)


def test_answers_go_where_the_settings_say() -> None:
    head = replace(HEAD, reply_to="help@почта.рф")

    letter = shown(write_letter(facts_of(MailTemplate.TEST), head))

    assert str(letter["reply-to"]) == "help@xn--80a1acny.xn--p1ai"


def test_a_reader_in_another_alphabet_is_named_in_it() -> None:
    letter = write_letter(replace(facts_of(MailTemplate.TEST), to="анна@почта.рф"), HEAD)

    assert "To: анна@xn--80a1acny.xn--p1ai\r\n".encode() in letter.as_bytes()


def test_a_moment_in_an_unknown_zone_is_said_in_utc() -> None:
    facts = facts_of(MailTemplate.TEST, time_zone="Mars/Olympus")

    assert "2 January 2026, 03:04 (UTC)" in part(shown(write_letter(facts, HEAD)), "plain")


@pytest.mark.parametrize("changed", [{"at": "yesterday"}, {"at": ""}])
def test_a_moment_that_is_none_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(LetterError, match="a moment is none"):
        write_letter(facts_of(MailTemplate.TEST, **changed), HEAD)


def test_a_letter_without_its_parameters_is_refused() -> None:
    facts = replace(facts_of(MailTemplate.PASSWORD_CHANGED), params={"name": "Anna"})

    with pytest.raises(LetterError, match="PASSWORD_CHANGED"):
        write_letter(facts, HEAD)


def test_texts_have_no_placeholder_that_reads_inside_a_value() -> None:
    for msgid in sorted(each for each in IDS if each.startswith("MAIL_")):
        for _, name, spec, _ in string.Formatter().parse(
            text("en", msgid, **PARAMS_OF_ALL | {"portal": "p", "url": "u", "change": "c"})
        ):
            assert not name
            assert not spec
