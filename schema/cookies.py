"""The browser's cookie, as far as GraphQL may have a say in it."""

from graphql import GraphQLError

from resolvers.sessions import StartedSession


class Cookies:
    """What becomes of the cookie with the answer. Filled by mutations, read by the edge."""

    def __init__(self, *, is_front_end: bool = False) -> None:
        """Change nothing yet.

        Args:
            is_front_end: the request came by POST, from a page of ours as far as anybody
                can tell, with the header Linkyard-Client. Nobody else gets a cookie.
        """
        self._is_front_end = is_front_end
        self.started: StartedSession | None = None
        self.is_cleared = False

    def require_front_end(self) -> None:
        """Refuse to sign anybody in who could not keep the cookie, or did not mean to.

        Raises:
            GraphQLError: no header Linkyard-Client, a foreign page, or a socket.
        """
        if not self._is_front_end:
            raise GraphQLError(
                "Send this by POST from a page of the portal, with the header Linkyard-Client.",
                extensions={"code": "BAD_REQUEST"},
            )

    def keep(self, started: StartedSession) -> None:
        """Give the browser the token of a session that has just begun, or has a new one."""
        self.started, self.is_cleared = started, False

    def clear(self) -> None:
        """Take the token from the browser."""
        self.started, self.is_cleared = None, True
