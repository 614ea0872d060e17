"""The fields of a link as a person filled them in, checked one by one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from models.errors import DomainError, ValueInvalidError
from models.links import MAX_TITLE_LENGTH, Link
from models.rules.passwords import check_password
from models.rules.plain_text import check_text
from models.rules.slugs import check_slug
from models.rules.targets import check_target
from resolvers.domains import Hosts
from resolvers.replays import MAX_REQUEST_ID_LENGTH

Value = TypeVar("Value")


@dataclass(slots=True)
class LinkDraft:
    """Keeps every refusal, so that a form can show them all at once.

    Its methods return the value as it is stored, or something harmless in place of
    one that was refused: whoever stores it must look at `problems` before.
    """

    hosts: Hosts
    problems: list[DomainError] = field(default_factory=list[DomainError])

    def take(self, check: Callable[[], Value], otherwise: Value) -> Value:
        """Return what the check returns; keep its refusal and return the other."""
        try:
            return check()
        except DomainError as problem:
            self.problems.append(problem)
            return otherwise

    def slug(self, slug: str) -> str:
        """See check_slug."""
        return self.take(lambda: check_slug(slug), "")

    def target(self, url: str) -> str:
        """See check_target."""
        return self.take(lambda: check_target(url, own_hosts=self.hosts.own), "")

    def title(self, title: str | None) -> str | None:
        """See check_text."""
        return self.take(lambda: check_text(title, field="title", length=MAX_TITLE_LENGTH), None)

    def password(self, password: str | None) -> str | None:
        """See check_password; None for none."""
        if password is None:
            return None
        return self.take(lambda: check_password(password, field="password"), None)

    def request_id(self, request_id: str | None) -> str | None:
        """See check_text."""
        return self.take(
            lambda: check_text(request_id, field="requestId", length=MAX_REQUEST_ID_LENGTH), None
        )


def check_period(link: Link) -> None:
    """Raise ValueInvalidError for a link that ends before it starts."""
    if link.starts_at and link.expires_at and link.expires_at <= link.starts_at:
        raise ValueInvalidError(path=("expiresAt",), reason="period")
