"""Letters that were asked for, before anybody has looked whether there is somebody to write to."""

from enum import StrEnum

from tortoise import fields

from models.base import Record
from models.sessions import MAX_ADDRESS_LENGTH
from models.users import MAX_EMAIL_LENGTH


class LetterKind(StrEnum):
    """What was asked for. Stored by name; never renamed or reused."""

    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105 - no password
    SIGN_UP = "SIGN_UP"
    EMAIL_CHANGE = "EMAIL_CHANGE"


class LetterOrder(Record):
    """An order is a row for every address, so that an answer tells nothing by its time.

    The worker looks who it is, and makes a letter of it or nothing.

    Attributes:
        email: as it is stored of a person.
        locale: of the request, for those who have none of their own.
        address, request_id: of the request, for the audit log.
        user_id: who asked, if they were signed in; no foreign key, since an order lives for
            a second and one of nobody is dropped.
    """

    kind = fields.CharEnumField(LetterKind, max_length=32, description="what was asked for")
    email = fields.CharField(max_length=MAX_EMAIL_LENGTH)
    locale = fields.CharField(max_length=16)
    address = fields.CharField(max_length=MAX_ADDRESS_LENGTH)
    request_id = fields.CharField(max_length=64)
    user_id: int | None = fields.BigIntField(null=True)

    class Meta:
        table = "letter_order"
        table_description = "order of a letter"
