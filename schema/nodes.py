"""Global object identification: one opaque id for everything that has a row.

An id is base64url of "Type:number". Clients must not look inside; it is not a
secret either: what a viewer may see is decided when the row is loaded.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import strawberry

MAX_ROW_ID: Final = 2**63 - 1
MAX_ID_LENGTH: Final = 128  # characters; ours have about 40


@strawberry.interface(name="Node", description="Anything that can be fetched again by its id.")
class Node:
    id: strawberry.ID = strawberry.field(
        description="Opaque and global; give it to `node` to fetch the object again."
    )


def encode_id(type_name: str, row_id: int) -> strawberry.ID:
    """Return the id of a row of the named GraphQL type."""
    return strawberry.ID(urlsafe_b64encode(b"%b:%d" % (type_name.encode(), row_id)).decode())


def decode_id(text: str) -> tuple[str, int] | None:
    """Return type name and row id, or None for what encode_id cannot have made."""
    if len(text) > MAX_ID_LENGTH:
        return None
    try:
        type_name, colon, digits = urlsafe_b64decode(text.encode("ascii")).decode().partition(":")
    except (binascii.Error, UnicodeError):
        return None
    if not colon or not digits.isascii() or not digits.isdigit():
        return None
    row_id = int(digits)
    if row_id > MAX_ROW_ID or encode_id(type_name, row_id) != text:
        return None
    return type_name, row_id


def row_id_of(text: str, type_name: str) -> int | None:
    """Return the row id if this is an id of that type, else None: such a row is absent."""
    decoded = decode_id(text)
    if decoded is None or decoded[0] != type_name:
        return None
    return decoded[1]
