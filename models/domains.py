"""Hosts that serve short links."""

from tortoise import fields

from models.base import Record

MAX_HOST_LENGTH = 253  # characters, RFC 1035 section 2.3.4, with room for a port below


class Domain(Record):
    """A host name in lower case, in its ASCII form, with its port unless that is the default."""

    host = fields.CharField(max_length=MAX_HOST_LENGTH + 6, unique=True)

    class Meta:
        table = "domain"
        table_description = "domain"
