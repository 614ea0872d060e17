"""What the pages that letters lead to ask, and which operation each of them sends."""

from dataclasses import dataclass, replace
from typing import Final

from models.rules import portal_paths
from models.rules.passwords import MIN_PASSWORD_LENGTH
from resolvers.users import MAX_NAME_LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a form.

    Attributes:
        name: of the operation's input, by which refusals name it.
        words: its texts are PAGE_FIELD_<words>_TITLE, and ..._HINT below it.
        kind: `type` of the HTML element.
        autocomplete: what browsers and password managers may fill in.
        limits: further attributes of the HTML element.
    """

    name: str
    words: str
    kind: str
    autocomplete: str
    limits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One of the pages.

    Attributes:
        path: on the portal.
        words: its texts are PAGE_DOOR_<words>_...
        document: hash of the operation in frontend_contract/trusted-documents.json.
        fields: from top to bottom.
        fields_elsewhere: where people sign in elsewhere alone; None: the same.
    """

    path: str
    words: str
    document: str
    fields: tuple[Field, ...]
    fields_elsewhere: tuple[Field, ...] | None = None

    def asked(self, *, has_passwords: bool) -> tuple[Field, ...]:
        """Return the fields, where the operator lets people have passwords of ours or not."""
        if has_passwords or self.fields_elsewhere is None:
            return self.fields
        return self.fields_elsewhere


def _password(name: str) -> Field:
    return Field(
        name=name,
        words="PASSWORD",
        kind="password",
        autocomplete="new-password",
        limits=f'required minlength="{MIN_PASSWORD_LENGTH}"',
    )


def _password_of_few(name: str) -> Field:
    """Return a field that only those with USER_ADMIN need to fill in, see local_passwords."""
    return replace(_password(name), words="PASSWORD_OF_FEW", limits="")


_NAME: Final = Field(
    name="name",
    words="NAME",
    kind="text",
    autocomplete="name",
    limits=f'required maxlength="{MAX_NAME_LENGTH}"',
)

DOORS: Final = (
    Door(
        path=portal_paths.PASSWORD_RESET,
        words="PASSWORD_RESET",
        document="ff53fffd5debb1e5f6345f572a61399f301c432ab7b236d1500a35a01b67f753",
        fields=(_password("newPassword"),),
    ),
    Door(
        path=portal_paths.SIGN_UP,
        words="SIGN_UP",
        document="3d22c3d5af6fff97536156c953c7a09681d5b8025e42224301179d25a19b149f",
        fields=(_NAME, _password("password")),
    ),
    Door(
        path=portal_paths.INVITATION,
        words="INVITATION",
        document="f593d5830aa2e2cb83bf6ff1aa20583a6426bbd8b62028408d9a2ab2830b2c79",
        fields=(_NAME, _password("password")),
        fields_elsewhere=(_NAME, _password_of_few("password")),
    ),
    Door(
        path=portal_paths.EMAIL_CHANGE,
        words="EMAIL_CHANGE",
        document="6caee83f00fabf97ba64262a462ef2d465a15ea036e529f9e5c02e70f378d1c9",
        fields=(),  # one button: what only loads the page must change nothing
    ),
)
